"""From annotated traces to what the model is trained and tested on."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from extracot.compressor.alignment import Span
from extracot.compressor.costs import token_offsets, unit_costs
from extracot.compressor.encoder_input import EncoderInput
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.training.focal import IGNORED
from extracot.compressor.training.labels import nearest_tier, token_labels
from extracot.compressor.windows import overlapping_windows
from extracot.errors import DataError
from extracot.records.annotation import Annotation
from extracot.records.trace import Trace
from extracot.text.units import Unit, UnitKind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AnnotatedTrace:
    """A trace with what an annotator said about it."""

    trace: Trace
    annotation: Annotation


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a training batch."""

    input_ids: list[int]
    labels: list[int]
    """One per input id: a tier, or IGNORED."""
    n_head: int
    """Input ids before the chain of thought."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A held-out trace, ready to be ranked and cut."""

    passage: Passage
    units: list[Unit]
    """The annotator's own units."""
    is_needed: list[bool]
    """Units of the top tier."""
    costs: list[int]
    """Their tokens in the target tokenizer."""


def split_by_question(
    items: Sequence[AnnotatedTrace], holdout_share: float, seed: int
) -> tuple[list[AnnotatedTrace], list[AnnotatedTrace]]:
    """Training and held-out traces; all traces of a question fall on the same side, whatever their order.

    Raises:
        DataError: fewer than two questions.
    """
    questions = {item.trace.question.strip() for item in items}
    if len(questions) < 2:
        raise DataError(f"{len(questions)} annotated questions; training needs two at least, one of them held out")
    ranked = sorted(questions, key=lambda question: hashlib.sha256(f"{seed}/{question}".encode()).digest())
    n_held_out = min(len(ranked) - 1, max(1, round(holdout_share * len(ranked))))
    held_out_questions = set(ranked[:n_held_out])
    training = [item for item in items if item.trace.question.strip() not in held_out_questions]
    held_out = [item for item in items if item.trace.question.strip() in held_out_questions]
    return training, held_out


def training_examples(
    items: Sequence[AnnotatedTrace],
    tokenizer: PreTrainedTokenizerBase,
    layout: EncoderInput,
    max_windows: int | None = None,
) -> list[Example]:
    """Framed, labelled rows: one per trace, or one per window where a chain of thought is longer than the
    model reads; of more than `max_windows` as many, evenly spread, the last one among them.

    Raises:
        DataError: an annotation that reaches beyond the text of its trace.
    """
    questions = tokenizer([item.trace.question for item in items], add_special_tokens=False, verbose=False)["input_ids"]
    cots = tokenizer(
        [item.trace.cot for item in items],
        add_special_tokens=False,
        return_offsets_mapping=True,
        verbose=False,
    )
    examples = []
    for item, question, cot, offsets in zip(items, questions, cots["input_ids"], cots["offset_mapping"], strict=True):
        check_fit(item)
        if not cot:
            continue
        labels = token_labels(offsets, item.annotation.spans, item.annotation.importance, layout.tiers)
        size = layout.cot_limit(len(question))
        for window in evenly_spread(overlapping_windows(len(cot), size, overlap=size // 4), max_windows):
            input_ids, first = layout.frame(question, cot[window.start : window.end])
            row = [IGNORED] * len(input_ids)
            row[first + window.own_start - window.start : first + window.own_end - window.start] = labels[
                window.own_start : window.own_end
            ]
            if any(label != IGNORED for label in row):
                examples.append(Example(input_ids, row, first))
    return examples


def evenly_spread(items: Sequence[T], limit: int | None) -> list[T]:
    """At most `limit` of the items, in order, the last one among them; all where there is no limit."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[(i + 1) * len(items) // limit - 1] for i in range(limit)]


def held_out_passages(
    items: Sequence[AnnotatedTrace], tokenizer: PreTrainedTokenizerBase, tiers: Sequence[float], limit: int
) -> list[HeldOut]:
    """Those of the held-out traces that have a needed unit, at most `limit`; costs in the target `tokenizer`.

    Raises:
        DataError: none has, so that there is nothing to choose a checkpoint by.
    """
    top = len(tiers) - 1
    chosen = [item for item in items if any(nearest_tier(value, tiers) == top for value in item.annotation.importance)][
        :limit
    ]
    if not chosen:
        raise DataError(
            f"no held-out trace has a unit near the top tier {tiers[-1]}; "
            "lower the last of tiers, or annotate more traces"
        )
    passages = []
    for item, offsets in zip(chosen, token_offsets(tokenizer, [item.trace.cot for item in chosen]), strict=True):
        check_fit(item)
        spans: list[Span] = item.annotation.spans
        passages.append(
            HeldOut(
                passage=Passage(item.trace.question, item.trace.cot),
                units=[Unit(start, end, UnitKind.PROSE) for start, end in spans],
                is_needed=[nearest_tier(value, tiers) == top for value in item.annotation.importance],
                costs=unit_costs(offsets, spans),
            )
        )
    return passages


def check_fit(item: AnnotatedTrace) -> None:
    """Refuse an annotation that was made for another text (DataError)."""
    spans = item.annotation.spans
    if spans and spans[-1][1] > len(item.trace.cot):
        raise DataError(
            f"annotation of trace {item.trace.id} reaches to character {spans[-1][1]} of a text of "
            f"{len(item.trace.cot)}; annotate these very traces again"
        )


def n_steps_of(n_batches: int, n_epochs: float, max_steps: int | None) -> int:
    """Optimizer steps of a training; at least one."""
    wanted = max(1, math.ceil(n_batches * n_epochs))
    return wanted if max_steps is None else min(wanted, max_steps)

"""What a compression gives, measured on the text that came out and not on what was planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extracot.compressor.alignment import Span
from extracot.compressor.answer_unit import gives_answer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.tokens import count_tokens
from extracot.errors import DataError
from extracot.text.units import UnitKind

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class CompressedText:
    """One chain of thought at one ratio or threshold; the fields mean what they mean on a `Compression` record."""

    target_ratio: float | None
    """Asked for, in (0, 1]; None where a threshold was asked for instead."""
    actual_ratio: float
    """Tokens of `text` over tokens of the whole, both in the target tokenizer; may pass 1."""
    n_tokens: int
    """Tokens of `text`."""
    n_original_tokens: int
    """Tokens of the whole chain of thought."""
    text: str
    """What is left, in its original order."""
    kept: tuple[Span, ...]
    """Character offsets of what is left, ascending, neighbours merged."""
    n_formulas: int
    """Formulas in the whole chain of thought."""
    n_formulas_kept: int
    """Those that are left from their first character to their last."""
    keeps_answer: bool | None
    """Whether `text` gives the answer; None where it is unknown or the whole does not give it either."""
    threshold: float | None = None
    """Units that score at least this were kept, in [0, 1]; None where a ratio was asked for."""


@dataclass(frozen=True, slots=True)
class ScoredUnit:
    """One unit of a chain of thought, and how much it matters."""

    start: int
    """Where it begins in the chain of thought."""
    end: int
    """Where it ends, exclusive."""
    kind: UnitKind
    """formula | number | code | prose"""
    score: float
    """Higher is kept longer. An encoder's and `slice`'s lie in [0, 1]."""
    stands_alone: bool = True
    """Whether it reads well without the units around it, so that it may fill what is left of a budget."""


def check_passage(passage: Passage) -> None:
    """Refuse what cannot be compressed.

    Raises:
        DataError: an empty chain of thought, or text that is no Unicode (half of a surrogate pair).
    """
    if not passage.cot.strip():
        raise DataError("the chain of thought is empty")
    for name, text in (("cot", passage.cot), ("question", passage.question)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"the {name} holds half of a surrogate pair at character {error.start}") from error


def measure(
    passages: Sequence[Passage],
    formulas: Sequence[Sequence[Span]],
    ratios: Sequence[float | None],
    spans: Sequence[Sequence[Sequence[Span]]],
    texts: Sequence[Sequence[str]],
    n_original_tokens: Sequence[int],
    tokenizer: "PreTrainedTokenizerBase",
    threshold: float | None = None,
) -> list[list[CompressedText]]:
    """Count what is left of every passage at every ratio.

    Args:
        passages: [N].
        formulas: [N] where the formulas of each `cot` stand, ascending.
        ratios: [R]; None is the threshold.
        spans: [N][R] what was kept of each `cot`.
        texts: [N][R] the same as text.
        n_original_tokens: [N] tokens of each `cot`.
        tokenizer: of the target model.
        threshold: what was asked for where the ratio is None.

    Returns:
        [N][R].
    """
    counts = iter(count_tokens(tokenizer, [text for row in texts for text in row]))
    results = []
    for passage, own_formulas, own_spans, own_texts, n_original in zip(
        passages, formulas, spans, texts, n_original_tokens, strict=True
    ):
        is_stated = bool(passage.answer) and gives_answer(passage.cot, passage.answer or "")
        row = []
        for ratio, kept, text in zip(ratios, own_spans, own_texts, strict=True):
            n_tokens = next(counts)
            row.append(
                CompressedText(
                    target_ratio=ratio,
                    actual_ratio=n_tokens / n_original if n_original else 0.0,
                    n_tokens=n_tokens,
                    n_original_tokens=n_original,
                    text=text,
                    kept=tuple(kept),
                    n_formulas=len(own_formulas),
                    n_formulas_kept=n_covered(own_formulas, kept),
                    keeps_answer=gives_answer(text, passage.answer or "") if is_stated else None,
                    threshold=threshold if ratio is None else None,
                )
            )
        results.append(row)
    return results


def n_covered(inner: Sequence[Span], outer: Sequence[Span]) -> int:
    """How many of the inner spans lie in one of the outer ones; both ascending and without overlap."""
    n = 0
    position = 0
    for start, end in inner:
        while position < len(outer) and outer[position][1] < end:
            position += 1
        if position < len(outer) and outer[position][0] <= start:
            n += 1
    return n

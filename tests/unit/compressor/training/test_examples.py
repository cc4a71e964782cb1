"""Annotated traces become labelled rows and held-out passages."""

import pytest
from transformers import PreTrainedTokenizerFast

from extracot.compressor.encoder_input import EncoderInput
from extracot.compressor.training.examples import (
    AnnotatedTrace,
    held_out_passages,
    n_steps_of,
    split_by_question,
    training_examples,
)
from extracot.compressor.training.focal import IGNORED
from extracot.compressor.training.labels import nearest_tier, token_labels
from extracot.compressor.training.quality import needed_kept
from extracot.errors import DataError
from extracot.records.annotation import Annotation
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace

TIERS = (0.0, 0.5, 1.0)
COT = "Well then, $ Ola = 9 $. Done."


def annotated(question: str = "Q?", cot: str = COT, name: str = "t") -> AnnotatedTrace:
    trace = Trace(
        id=name,
        problem_id="p",
        question=question,
        answer="9",
        level=None,
        cot=cot,
        response="",
        model="m",
        outcome=Outcome.CORRECT,
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )
    annotation = Annotation(
        trace_id=name,
        annotator="hand",
        spans=[(0, 10), (10, 23)],  # "Well then," and " $ Ola = 9 $."; " Done." is left open
        importance=[0.4, 1.0],
        outcome="ok",
        error=None,
    )
    return AnnotatedTrace(trace, annotation)


def layout(max_length: int = 256) -> EncoderInput:
    return EncoderInput(TIERS, True, max_length, opening=(), separator=(2,), closing=())


def test_an_importance_counts_as_the_nearest_tier_and_between_two_as_the_lower() -> None:
    assert [nearest_tier(value, TIERS) for value in (0.0, 0.2, 0.25, 0.3, 0.9, 1.0)] == [0, 0, 0, 1, 2, 2]


def test_tokens_take_the_tier_of_their_unit_and_open_text_is_ignored() -> None:
    offsets = [(0, 4), (4, 10), (10, 12), (12, 23), (23, 29)]
    assert token_labels(offsets, [(0, 10), (10, 23)], [0.4, 1.0], TIERS) == [1, 1, 2, 2, IGNORED]


def test_a_row_is_labelled_on_its_chain_of_thought_only(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    [example] = training_examples([annotated()], tiny_tokenizer, layout())
    assert len(example.input_ids) == len(example.labels)
    assert example.input_ids[example.n_head - 1] == 2
    assert set(example.labels[: example.n_head]) == {IGNORED}
    assert example.labels[example.n_head] == 1
    assert example.labels[-1] == IGNORED


def test_a_long_text_is_cut_into_rows_that_label_every_token_once(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    item = annotated(cot=COT + " Done." * 60)
    rows = training_examples([item], tiny_tokenizer, layout(max_length=12))
    whole = training_examples([item], tiny_tokenizer, layout(max_length=2048))
    assert len(rows) > 1
    assert all(len(row.input_ids) <= 12 for row in rows)
    labelled = [[label for label in row.labels if label != IGNORED] for row in rows]
    assert sum(labelled, []) == [label for label in whole[0].labels if label != IGNORED]


def test_an_annotation_of_another_text_is_refused(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(DataError, match="reaches to character 23 of a text of 5"):
        training_examples([annotated(cot="Short")], tiny_tokenizer, layout())


def test_traces_of_a_question_fall_on_one_side_in_any_order() -> None:
    items = [annotated(question=f"Q{i % 10}?", name=f"t{i}") for i in range(30)]
    training, held_out = split_by_question(items, 0.2, seed=1)
    assert len(training) + len(held_out) == 30
    assert {i.trace.question for i in held_out}.isdisjoint(i.trace.question for i in training)
    assert len({i.trace.question for i in held_out}) == 2
    reversed_held_out = split_by_question(items[::-1], 0.2, seed=1)[1]
    assert {i.trace.id for i in reversed_held_out} == {i.trace.id for i in held_out}


def test_one_question_cannot_be_split() -> None:
    with pytest.raises(DataError, match="1 annotated questions"):
        split_by_question([annotated(), annotated()], 0.5, seed=0)


def test_held_out_units_are_the_annotators_own(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    [held] = held_out_passages([annotated()], tiny_tokenizer, TIERS, limit=5)
    assert held.is_needed == [False, True]
    assert [(unit.start, unit.end) for unit in held.units] == [(0, 10), (10, 23)]
    assert all(cost > 0 for cost in held.costs)


def test_held_out_traces_without_a_needed_unit_are_no_measure(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    with pytest.raises(DataError, match="top tier"):
        held_out_passages([annotated()], tiny_tokenizer, (0.0, 0.5), limit=0)


def test_quality_is_the_share_of_needed_units_kept() -> None:
    # Ranking 0, 2, 1, 3 with equal costs: half of the cost keeps units 0 and 2, one of the two needed ones.
    shares = needed_kept(
        [0.9, 0.2, 0.8, 0.1], [True, True, False, False], [1, 1, 1, 1], (0.5, 0.75, 1.0), 0.0
    )
    assert shares == [0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("n_epochs", "max_steps", "expected"), [(1.0, None, 10), (2.5, None, 25), (2.0, 7, 7), (0.01, None, 1)]
)
def test_steps_are_epochs_of_batches_up_to_a_limit(
    n_epochs: float, max_steps: int | None, expected: int
) -> None:
    assert n_steps_of(10, n_epochs, max_steps) == expected

"""What can be learnt from: compressions that pass, counted faults, and the untouched trace at ratio 1."""

import pytest

from extracot.dataset.filters import CompressionFilter, CompressionLimits, MeasuredTrace, Span
from extracot.dataset.renderings import RenderingSet, collect_renderings
from extracot.errors import DataError
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace

COT = "So $ a = 1 $. And $ b = 2 $. Thus $ c = 3 $."
FIRST, LAST = (3, 12), (34, 43)
GRID = (0.3, 0.6, 1.0)


def count_words(text: str) -> int:
    return len(text.split())


def make_trace(trace_id: str = "t-1") -> MeasuredTrace:
    trace = Trace(
        id=trace_id,
        problem_id="p-1",
        question="What is c?",
        answer="3",
        level=None,
        cot=COT,
        response="\n\n\\boxed{3}",
        model="toy",
        outcome=Outcome.CORRECT,
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )
    return MeasuredTrace(trace, count_words, str)


def make_compression(ratio: float, kept: list[Span], **changes: object) -> Compression:
    text = "".join(COT[start:end] for start, end in kept)
    values: dict[str, object] = {
        "trace_id": "t-1",
        "problem_id": "p-1",
        "scorer": "slice",
        "target_ratio": ratio,
        "actual_ratio": count_words(text) / 18,
        "n_tokens": count_words(text),
        "n_original_tokens": 18,
        "text": text,
        "kept": kept,
        "n_formulas": 3,
        "n_formulas_kept": 0,
        "keeps_answer": None,
        "outcome": "ok",
        "error": None,
    }
    return Compression.model_validate(values | changes)


# words: each of the three sentences has 6, so one of its formulas is 5 of 18 and two are 10 of 18
ONE = make_compression(0.3, [(33, 44)])
TWO = make_compression(0.6, [(2, 13), (33, 44)])


def collect(
    compressions: list[Compression], keep: frozenset[CompressionFilter] = frozenset()
) -> RenderingSet:
    measured = {"t-1": make_trace()}
    limits = CompressionLimits(0.1, keep)
    return collect_renderings(compressions, measured, {"t-1": [FIRST, LAST]}, GRID, limits, count_words)


def test_the_whole_trace_stands_in_for_ratio_one() -> None:
    found = collect([])
    assert found.by_trace["t-1"][1.0].cot == COT
    assert found.faults == {(CompressionFilter.MISSING, 0.3): 1, (CompressionFilter.MISSING, 0.6): 1}


def test_compressions_that_pass_are_usable_and_others_are_counted() -> None:
    found = collect([ONE, TWO])
    assert set(found.by_trace["t-1"]) == {0.6, 1.0}
    assert found.by_trace["t-1"][0.6].cot == "$ a = 1 $. $ c = 3 $."  # without the space that a unit carries
    assert found.by_trace["t-1"][0.6].keeps_chain
    assert found.faults == {(CompressionFilter.CHAIN_CUT, 0.3): 1}
    assert (found.n_usable(0.3), found.n_usable(0.6), found.n_usable(1.0)) == (0, 1, 1)


def test_a_fault_that_is_only_counted_leaves_the_rendering_and_marks_its_chain() -> None:
    found = collect([ONE, TWO], keep=frozenset({CompressionFilter.CHAIN_CUT}))
    assert not found.by_trace["t-1"][0.3].keeps_chain
    assert found.faults == {(CompressionFilter.CHAIN_CUT, 0.3): 1}


def test_ratios_measured_in_another_tokenizer_are_measured_again() -> None:
    foreign = TWO.model_copy(update={"n_original_tokens": 40, "n_tokens": 12, "actual_ratio": 0.3})
    found = collect([ONE, foreign])
    assert found.by_trace["t-1"][0.6].actual_ratio == pytest.approx(10 / 18)


def test_other_traces_and_ratios_are_passed_over() -> None:
    found = collect([TWO, make_compression(0.45, [(0, 13)]), TWO.model_copy(update={"trace_id": "t-2"})])
    assert set(found.by_trace) == {"t-1"}
    assert set(found.by_trace["t-1"]) == {0.6, 1.0}


def test_compressions_that_do_not_belong_to_the_traces_are_refused() -> None:
    with pytest.raises(DataError, match="t-1 is compressed to 0.6 twice"):
        collect([TWO, TWO])
    with pytest.raises(DataError, match="t-1 is shorter"):
        collect([make_compression(0.6, [(0, 13)]).model_copy(update={"kept": [(0, 99)]})])


def test_a_compression_at_a_threshold_is_refused() -> None:
    cut = make_compression(0.3, [(33, 44)], target_ratio=None, threshold=0.5)
    with pytest.raises(DataError, match="trace t-1 is cut at a threshold; compress it again with ratios"):
        collect([cut])

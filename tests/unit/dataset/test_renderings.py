"""What can be learnt from: compressions that pass, counted faults, and the untouched trace at ratio 1."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from extracot.dataset.cleaning import CleaningFilter, CleaningLimits
from extracot.dataset.compression_filters import CompressionFilter, CompressionLimits, Span
from extracot.dataset.kept_traces import KeptTraces
from extracot.dataset.labels import Labels
from extracot.dataset.rejections import RejectionLog
from extracot.dataset.renderings import RenderingSet, collect_renderings
from extracot.dataset.trace_filters import MeasuredTrace
from extracot.errors import DataError
from extracot.io.jsonl import read_records
from extracot.io.spool import Spool
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.rejection import Rejection
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


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as spool:
        yield spool


Collect = Callable[..., RenderingSet]


@pytest.fixture
def collect(spool: Spool, tmp_path: Path) -> Collect:
    def collect(
        compressions: list[Compression],
        keep: frozenset[CompressionFilter] = frozenset(),
        cleaning: tuple[CleaningLimits, ...] = (),
        monotone_slack: int | None = None,
        trace_ids: tuple[str, ...] = ("t-1",),
    ) -> RenderingSet:
        kept = KeptTraces(spool)
        for trace_id in trace_ids:
            kept.add(make_trace(trace_id))
        labels = Labels(spool, {"t-1": spool.put([FIRST, LAST])}, {})
        limits = CompressionLimits(0.1, keep, cleaning, monotone_slack)
        with RejectionLog(tmp_path / "rejections.jsonl") as log:
            return collect_renderings(compressions, kept, labels, GRID, limits, count_words, spool, log)

    return collect


def test_the_whole_trace_stands_in_for_ratio_one(collect: Collect) -> None:
    found = collect([])
    assert found.by_trace["t-1"][1.0].place is None
    assert found.by_trace["t-1"][1.0].n_tokens == 18
    assert found.faults == {(CompressionFilter.MISSING, 0.3): 1, (CompressionFilter.MISSING, 0.6): 1}


def test_compressions_that_pass_are_usable_and_others_are_counted(
    collect: Collect, spool: Spool, tmp_path: Path
) -> None:
    found = collect([ONE, TWO])
    assert set(found.by_trace["t-1"]) == {0.6, 1.0}
    place = found.by_trace["t-1"][0.6].place
    assert place is not None and spool.get(place) == "$ a = 1 $. $ c = 3 $."  # without the space that a unit carries
    assert found.by_trace["t-1"][0.6].keeps_chain
    assert found.faults == {(CompressionFilter.CHAIN_CUT, 0.3): 1}
    assert (found.n_usable(0.3), found.n_usable(0.6), found.n_usable(1.0)) == (0, 1, 1)
    (row,) = read_records(tmp_path / "rejections.jsonl", Rejection)
    assert (row.trace_id, row.target_ratio, row.filter) == ("t-1", 0.3, "chain_cut")
    assert row.detail == "1 of 2 needed formulas are gone"


def test_a_fault_that_is_only_counted_leaves_the_rendering_and_marks_its_chain(collect: Collect) -> None:
    found = collect([ONE, TWO], keep=frozenset({CompressionFilter.CHAIN_CUT}))
    assert not found.by_trace["t-1"][0.3].keeps_chain
    assert found.faults == {(CompressionFilter.CHAIN_CUT, 0.3): 1}


def test_ratios_measured_in_another_tokenizer_are_measured_again(collect: Collect) -> None:
    foreign = TWO.model_copy(update={"n_original_tokens": 40, "n_tokens": 12, "actual_ratio": 0.3})
    found = collect([ONE, foreign])
    assert found.by_trace["t-1"][0.6].actual_ratio == pytest.approx(10 / 18)


def test_other_traces_and_ratios_are_passed_over(collect: Collect) -> None:
    found = collect([TWO, make_compression(0.45, [(0, 13)]), TWO.model_copy(update={"trace_id": "t-2"})])
    assert set(found.by_trace) == {"t-1"}
    assert set(found.by_trace["t-1"]) == {0.6, 1.0}


def test_compressions_that_do_not_belong_to_the_traces_are_refused(collect: Collect) -> None:
    with pytest.raises(DataError, match="t-1 is compressed to 0.6 twice"):
        collect([TWO, TWO])
    with pytest.raises(DataError, match="t-1 is shorter"):
        collect([make_compression(0.6, [(0, 13)]).model_copy(update={"kept": [(0, 99)]})])


def test_a_compression_at_a_threshold_is_refused(collect: Collect) -> None:
    cut = make_compression(0.3, [(33, 44)], target_ratio=None, threshold=0.5)
    with pytest.raises(DataError, match="trace t-1 is cut at a threshold; compress it again with ratios"):
        collect([cut])


def test_an_answer_that_nobody_looked_for_is_looked_for(collect: Collect) -> None:
    # The gold answer 3 stands in the last formula alone.
    found = collect([make_compression(0.3, [(0, 13)]), TWO], keep=frozenset({CompressionFilter.CHAIN_CUT}))
    assert found.faults[CompressionFilter.ANSWER_LOST, 0.3] == 1
    assert found.faults[CompressionFilter.ANSWER_LOST, 0.6] == 0


def test_cleaning_rules_judge_the_whole_trace_at_ratio_one(collect: Collect) -> None:
    found = collect([TWO], cleaning=(CleaningLimits(up_to_ratio=1.0, min_tokens=12),))
    assert set(found.by_trace["t-1"]) == {1.0}  # TWO has 10 words, the whole has 18
    assert found.faults[CleaningFilter.TOO_FEW_TOKENS, 0.6] == 1
    assert not collect([TWO], cleaning=(CleaningLimits(up_to_ratio=1.0, min_tokens=19),)).by_trace["t-1"]


def test_a_smaller_ratio_may_not_be_longer_than_a_larger_one(collect: Collect) -> None:
    long = make_compression(0.3, [(0, 13), (33, 44)]).model_copy(update={"actual_ratio": 0.3})  # 11 words, TWO has 10
    keep = frozenset(CompressionFilter)
    assert set(collect([long, TWO], keep, monotone_slack=1).by_trace["t-1"]) == {0.3, 0.6, 1.0}
    found = collect([long, TWO], keep, monotone_slack=0)
    assert set(found.by_trace["t-1"]) == {0.6, 1.0}
    assert found.faults[CompressionFilter.NOT_MONOTONE, 0.3] == 1


def test_no_more_than_their_share_of_the_riskiest_goes(collect: Collect) -> None:
    runaway = "add it up " * 9 + "3"
    compressions = [
        make_compression(0.6, [(0, 44)], trace_id=f"t-{i}", text=runaway, actual_ratio=0.6) for i in (2, 3)
    ]
    trace_ids = ("t-1", "t-2", "t-3")
    for share, n_gone in ((0.0, 0), (0.4, 0), (0.5, 1), (1.0, 2)):  # of the two at this ratio that pass the others
        cleaning = (CleaningLimits(up_to_ratio=0.6, max_risky_share=share),)
        found = collect(compressions, frozenset({CompressionFilter.CHAIN_CUT}), cleaning, trace_ids=trace_ids)
        assert found.faults[CompressionFilter.RISKIEST, 0.6] == n_gone
        assert found.n_usable(0.6) == 2 - n_gone

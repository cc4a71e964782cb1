"""Every fault of a compression is found, alone or beside others."""

import pytest

from extracot.dataset.cleaning import CleaningFilter, CleaningLimits
from extracot.dataset.compression_filters import (
    CompressionFilter,
    CompressionLimits,
    compression_faults,
    formulas_kept,
    needed_formulas,
    overlapping,
)
from extracot.records.annotation import Annotation
from extracot.records.compression import Compression

COT = "So $ a = 1 $. And $ b = 2 $. Thus $ c = 3 $."
FORMULAS = [(3, 12), (18, 27), (34, 43)]


def make_compression(kept: list[tuple[int, int]], **changes: object) -> Compression:
    values: dict[str, object] = {
        "trace_id": "t-1",
        "problem_id": "p-1",
        "scorer": "slice",
        "target_ratio": 0.5,
        "actual_ratio": 0.5,
        "n_tokens": 5,
        "n_original_tokens": 10,
        "text": " ".join(COT[start:end].strip() for start, end in kept),
        "kept": kept,
        "n_formulas": 3,
        "n_formulas_kept": 0,
        "keeps_answer": None,
        "outcome": "ok",
        "error": None,
    }
    return Compression.model_validate(values | changes)


DROP_ALL = CompressionLimits(ratio_tolerance=0.05, only_counted=frozenset())


def test_the_formulas_of_the_example_are_where_the_test_says() -> None:
    assert [COT[start:end] for start, end in FORMULAS] == ["$ a = 1 $", "$ b = 2 $", "$ c = 3 $"]


@pytest.mark.parametrize(
    ("kept", "changes", "expected"),
    [
        ([(2, 13), (33, 44)], {}, []),  # two whole formulas, both needed
        ([(0, 44)], {"actual_ratio": 0.56}, [CompressionFilter.RATIO_OFF_TARGET]),
        ([(0, 44)], {"actual_ratio": 0.45}, []),  # 0.05 off is within the tolerance
        (
            [(0, 13), (20, 44)],
            {},
            [CompressionFilter.FORMULA_BROKEN],
        ),  # cuts `$ b = 2 $`, which is not needed
        ([(0, 13)], {}, [CompressionFilter.CHAIN_CUT]),  # `$ c = 3 $` is gone
        ([(0, 13), (33, 38)], {}, [CompressionFilter.FORMULA_BROKEN, CompressionFilter.CHAIN_CUT]),
        ([(0, 44)], {"keeps_answer": False}, [CompressionFilter.ANSWER_LOST]),
        ([(0, 44)], {"keeps_answer": True}, []),
        ([], {}, [CompressionFilter.FAILED]),  # nothing left
        ([], {"outcome": "failed", "error": "too long"}, [CompressionFilter.FAILED]),
    ],
)
def test_each_compression_fault_is_found(
    kept: list[tuple[int, int]], changes: dict[str, object], expected: list[CompressionFilter]
) -> None:
    needed = [FORMULAS[0], FORMULAS[2]]
    assert list(compression_faults(make_compression(kept, **changes), FORMULAS, needed, DROP_ALL)) == expected


def test_a_formula_counts_as_kept_only_inside_one_kept_span() -> None:
    # (3, 12) lies across two spans that touch nothing in between; (18, 27) is exactly one span
    assert formulas_kept(FORMULAS, [(0, 8), (9, 12), (18, 27)]) == {(18, 27)}
    assert formulas_kept([], [(0, 5)]) == set()
    assert formulas_kept(FORMULAS, []) == set()


def make_annotation(spans: list[tuple[int, int]], importance: list[float]) -> Annotation:
    return Annotation(
        trace_id="t-1", annotator="slice", spans=spans, importance=importance, outcome="ok", error=None
    )


def test_needed_formulas_are_those_in_important_units() -> None:
    # units carry white space and full stops; prose between is less important
    annotation = make_annotation(
        [(0, 2), (2, 13), (13, 17), (17, 28), (28, 33), (33, 44)], [0.75, 1.0, 0.5, 0.75, 1.0, 1.0]
    )
    assert needed_formulas(FORMULAS, annotation, 1.0) == [FORMULAS[0], FORMULAS[2]]
    assert needed_formulas(FORMULAS, annotation, 0.75) == FORMULAS
    assert needed_formulas(FORMULAS, None, 1.0) == []
    failed = Annotation(
        trace_id="t-1", annotator="slice", spans=[], importance=[], outcome="failed", error="no equations"
    )
    assert needed_formulas(FORMULAS, failed, 1.0) == []


def test_cleaning_rules_are_asked_at_the_ratios_that_have_limits() -> None:
    rows = (CleaningLimits(up_to_ratio=0.5, min_tokens=6), CleaningLimits(up_to_ratio=0.8))
    limits = CompressionLimits(ratio_tolerance=1.0, only_counted=frozenset(), cleaning=rows)
    short = make_compression([(2, 13), (33, 44)])  # says that it has 5 tokens
    assert compression_faults(short, FORMULAS, [], limits) == {
        CleaningFilter.TOO_FEW_TOKENS: "5 tokens, fewer than 6"
    }
    assert not compression_faults(make_compression([(0, 44)], target_ratio=0.8), FORMULAS, [], limits)
    assert limits.cleaning_at(0.9) is None


def test_spans_overlap_where_they_share_a_character() -> None:
    spans = [(0, 3), (5, 8), (9, 12)]
    assert overlapping(spans, [(3, 5), (7, 9)]) == [(5, 8)]
    assert overlapping(spans, []) == []

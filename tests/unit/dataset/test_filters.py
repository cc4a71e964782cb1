"""Every filter says yes to its own fault and to nothing else, and every drop is counted once."""

from collections import Counter

import pytest

from extracot.dataset.filters import (
    CompressionFilter,
    CompressionLimits,
    MeasuredTrace,
    TraceFilter,
    TraceLimits,
    compression_faults,
    formulas_kept,
    leak_key,
    needed_formulas,
    question_key,
    select_traces,
)
from extracot.records.annotation import Annotation
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.repetition import RepetitionLimits

LIMITS = TraceLimits(
    min_think_tokens=2,
    max_think_tokens=400,
    max_prompt_tokens=12,
    requires_box=True,
    repetition=RepetitionLimits(),
)


def make_trace(**changes: object) -> Trace:
    values: dict[str, object] = {
        "id": "t-1",
        "problem_id": "p-1",
        "question": "How many shells?",
        "answer": "9",
        "level": 2,
        "cot": "First, $ Gus = 4 $. Next, $ Ola = 9 $.",
        "response": "\n\nThe answer is \\boxed{9}.",
        "model": "toy",
        "outcome": Outcome.CORRECT,
        "is_closed": True,
        "n_think_tokens": None,
        "n_tokens": None,
        "latency_s": None,
    }
    return Trace.model_validate(values | changes)


def measure(trace: Trace) -> MeasuredTrace:
    """A token is a word."""
    return MeasuredTrace(trace, lambda text: len(text.split()), lambda question: f"user {question}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": Outcome.WRONG}, TraceFilter.NOT_CORRECT),
        ({"outcome": Outcome.UNGRADED}, TraceFilter.NOT_CORRECT),
        ({"outcome": Outcome.TRUNCATED}, TraceFilter.NOT_CORRECT),
        ({"response": "\n\nThe answer is 9."}, TraceFilter.NO_BOXED_ANSWER),
        ({"is_closed": False}, TraceFilter.UNCLOSED_THINK),
        ({"cot": " \n"}, TraceFilter.EMPTY_THINK),
        ({"cot": "We think </think> twice."}, TraceFilter.TAG_IN_TEXT),
        ({"response": "\\boxed{9} <COMP_20>"}, TraceFilter.TAG_IN_TEXT),
        ({"cot": "Nine."}, TraceFilter.TOO_SHORT),
        ({"cot": " ".join(str(i) for i in range(401))}, TraceFilter.TOO_LONG),
        (
            {"question": "one two three four five six seven eight nine ten eleven twelve"},
            TraceFilter.PROMPT_TOO_LONG,
        ),
        ({"cot": "Wait, is it nine? " * 40}, TraceFilter.DEGENERATE_REPETITION),
        ({"question": "How many  STAMPS ?"}, TraceFilter.IN_EVALUATION_SET),
    ],
)
def test_each_fault_is_counted_under_its_own_filter(
    changes: dict[str, object], expected: TraceFilter
) -> None:
    good, bad = make_trace(), make_trace(id="t-2", **{"question": "Another question?", **changes})
    kept, dropped = select_traces([measure(bad), measure(good)], LIMITS, ["How many stamps?"])
    assert [item.trace.id for item in kept] == ["t-1"]
    assert dropped == Counter({expected: 1})


def test_the_first_good_trace_of_a_question_stays() -> None:
    traces = [
        make_trace(id="wrong", outcome=Outcome.WRONG),
        make_trace(id="first"),
        make_trace(id="second", question=" how many shells?"),
    ]
    kept, dropped = select_traces(map(measure, traces), LIMITS, [])
    assert [item.trace.id for item in kept] == ["first"]
    assert dropped == Counter({TraceFilter.NOT_CORRECT: 1, TraceFilter.DUPLICATE_QUESTION: 1})


def test_a_box_is_not_asked_for_when_the_switch_is_off() -> None:
    limits = TraceLimits(2, 400, 12, requires_box=False, repetition=RepetitionLimits())
    kept, _ = select_traces([measure(make_trace(response="Nine."))], limits, [])
    assert len(kept) == 1


def test_questions_that_differ_in_a_sign_are_two_questions_and_leak_all_the_same() -> None:
    assert question_key("What is 3 + 5?") != question_key("What is 3 - 5?")
    assert question_key("What is  3+5?") == question_key("what is 3 + 5?\u200b")
    assert leak_key("What is 3 + 5?") == leak_key("what is 3 - 5")


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
    assert compression_faults(make_compression(kept, **changes), FORMULAS, needed, DROP_ALL) == expected


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

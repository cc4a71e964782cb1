"""Every trace filter says yes to its own fault and to nothing else, and every drop is counted once and explained."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from extracot.dataset.kept_traces import KeptTraces, even_quotas, length_bin, select_traces
from extracot.dataset.questions import EvaluationQuestion, EvaluationQuestions, SeenQuestions
from extracot.dataset.rejections import RejectionLog
from extracot.dataset.trace_filters import REMEDIES, MeasuredTrace, TraceFilter, TraceLimits
from extracot.io.jsonl import read_records
from extracot.io.spool import Spool
from extracot.records.outcome import Outcome
from extracot.records.rejection import Rejection
from extracot.records.trace import Trace
from extracot.text.repetition import RepetitionLimits

LIMITS = TraceLimits(
    min_think_tokens=2,
    max_think_tokens=400,
    max_prompt_tokens=12,
    max_row_tokens=411,
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


Select = Callable[..., tuple[KeptTraces, Counter[TraceFilter], list[Rejection]]]


@pytest.fixture
def select(tmp_path: Path) -> Select:
    """`select_traces` on these traces, with what it rejected."""

    def select(
        traces: Iterable[Trace],
        limits: TraceLimits = LIMITS,
        evaluation: Iterable[str] = (),
        min_overlap: float | None = None,
        max_seen: float | None = None,
    ) -> tuple[KeptTraces, Counter[TraceFilter], list[Rejection]]:
        questions = [EvaluationQuestion(text, f"exam: {i}") for i, text in enumerate(evaluation)]
        with Spool(tmp_path) as spool, RejectionLog(tmp_path / "rejections.jsonl") as log:
            kept, dropped = select_traces(
                map(measure, traces),
                limits,
                EvaluationQuestions(questions, 4, min_overlap),
                SeenQuestions(4, max_seen),
                spool,
                log,
            )
            assert [kept.read(name).id for name in kept] == list(kept)
        return kept, dropped, list(read_records(tmp_path / "rejections.jsonl", Rejection))

    return select


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
        (  # 3 + 400 + 9 words are one more than the limit
            {"cot": " ".join(str(i) for i in range(400)), "response": "Now, 1 2 3 4 5 6 7 \\boxed{9}."},
            TraceFilter.ROW_TOO_LONG,
        ),
        ({"cot": "Wait, is it nine? " * 40}, TraceFilter.DEGENERATE_REPETITION),
        ({"question": "How many  STAMPS ?"}, TraceFilter.IN_EVALUATION_SET),
    ],
)
def test_each_fault_is_counted_under_its_own_filter(
    changes: dict[str, object], expected: TraceFilter, select: Select
) -> None:
    good, bad = make_trace(), make_trace(id="t-2", **{"question": "Another question?", **changes})
    kept, dropped, rejections = select([bad, good], evaluation=["How many stamps?"])
    assert list(kept) == ["t-1"]
    assert dropped == Counter({expected: 1})
    assert [(row.trace_id, row.target_ratio, row.filter) for row in rejections] == [("t-2", None, expected)]
    assert rejections[0].detail


def test_every_filter_has_a_remedy() -> None:
    assert set(REMEDIES) == set(TraceFilter)


def test_the_first_good_trace_of_a_question_stays(select: Select) -> None:
    traces = [
        make_trace(id="wrong", outcome=Outcome.WRONG),
        make_trace(id="first"),
        make_trace(id="second", question=" how many shells?"),
    ]
    kept, dropped, _ = select(traces)
    assert list(kept) == ["first"]
    assert dropped == Counter({TraceFilter.NOT_CORRECT: 1, TraceFilter.DUPLICATE_QUESTION: 1})


def test_a_box_is_not_asked_for_when_the_switch_is_off(select: Select) -> None:
    limits = TraceLimits(2, 400, 12, 411, requires_box=False, repetition=RepetitionLimits())
    kept, _, _ = select([make_trace(response="Nine.")], limits)
    assert len(kept) == 1


def test_a_leak_is_named_and_a_similar_question_leaks_from_the_limit_on(select: Select) -> None:
    exam = "If Ola has 7 shells, how many has Gus?"  # 9 words, so 6 runs of 4
    near = make_trace(id="near", question="If Ola has 7 shells, how many has Pam?")  # all but the last run
    traces = [make_trace(id="same", question=exam.upper()), near]
    kept, _, rejections = select(traces, evaluation=["Other words altogether stand here", exam], min_overlap=5 / 6)
    assert not kept
    assert [(row.filter, row.trace_id) for row in rejections] == [
        ("in_evaluation_set", "same"),
        ("near_evaluation_set", "near"),
    ]
    assert all("exam: 1" in row.detail for row in rejections) and "0.83" in rejections[1].detail
    assert list(select(traces, evaluation=[exam], min_overlap=0.84)[0]) == ["near"]
    assert list(select(traces, evaluation=[exam], min_overlap=None)[0]) == ["near"]


def test_near_duplicates_go_only_where_asked(select: Select) -> None:
    first = make_trace(id="a", question="If Ola has 7 shells, how many has Gus?")
    second = make_trace(id="b", question="If Ola has 7 shells, how many has Pam?")
    assert list(select([first, second])[0]) == ["a", "b"]
    assert list(select([first, second], max_seen=5 / 6)[0]) == ["a", "b"]  # no more than the limit
    kept, dropped, _ = select([first, second], max_seen=0.8)
    assert list(kept) == ["a"] and dropped == Counter({TraceFilter.NEAR_DUPLICATE_QUESTION: 1})


def test_quotas_are_those_that_the_release_published() -> None:
    # Its candidates and choice per bin of lengths, 15,000 in all; the smallest bin gives all it has.
    sizes = [34_447, 35_913, 14_785, 4_354, 1_443]
    assert even_quotas(sizes, 15_000) == [3_389, 3_390, 3_389, 3_389, 1_443]
    assert even_quotas(sizes, 10**6) == sizes
    assert even_quotas([0, 5], 4) == [0, 4]


def test_a_length_on_a_bound_is_in_the_bin_above() -> None:
    assert [length_bin(n, (10, 20)) for n in (0, 9, 10, 19, 20, 99)] == [0, 0, 1, 1, 2, 2]

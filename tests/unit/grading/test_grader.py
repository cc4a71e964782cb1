"""The grader: one box, exact rules first, algebra in processes that can be killed."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import extracot.grading.grader as grader_module
from extracot.errors import UsageError
from extracot.grading import Grade, GradeMethod, Grader, compare_answers, grade
from extracot.grading.grader import MAX_SYMBOLIC_CHARS, _grade_without_pool
from extracot.grading.worker import compare_symbolically
from extracot.records.outcome import Outcome

BOMB = "\\sum_{k=1}^{9^{9^9}} 9^{9^{9^9}}"


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(timeout_s=20.0, n_workers=2) as grader:  # the machine may be busy
        yield grader


@pytest.mark.parametrize(
    ("gold", "text", "outcome"),
    [
        ("9", "The answer is \\boxed{9}.", Outcome.CORRECT),
        ("9", "The answer is \\boxed{8}.", Outcome.WRONG),
        ("12", "\\boxed{13}, no: \\boxed{12}", Outcome.CORRECT),  # the last box only
        ("13", "\\boxed{13}, no: \\boxed{12}", Outcome.WRONG),
        ("9", "The answer is 9.", Outcome.NO_ANSWER),
        ("9", "\\boxed{}", Outcome.NO_ANSWER),
        ("9", "\\boxed{9", Outcome.NO_ANSWER),
        ("9", "", Outcome.NO_ANSWER),
        ("9", "<COMP_20>\n<think>\n$ x = 9 $\n</think>\n\n\\boxed{9}", Outcome.CORRECT),
        ("9", "<think>\n\\boxed{9}\n</think>\n\nDone.", Outcome.NO_ANSWER),  # a box in the block is no answer
        ("9", "<think>\n\\boxed{9}", Outcome.NO_ANSWER),
        ("\\boxed{9}", "\\boxed{9}", Outcome.CORRECT),  # a gold in a box
        ("$9$", "\\boxed{9}", Outcome.CORRECT),
        ("", "\\boxed{9}", Outcome.UNGRADED),
        ("9", "\\boxed{" + "1+" * 2000 + "1}", Outcome.WRONG),  # too long to be looked at
    ],
)
def test_plain_cases_need_no_process(gold: str, text: str, outcome: Outcome) -> None:
    with Grader() as grader:
        assert grader.grade(gold, text).outcome is outcome
        assert grader._pool is None


def test_a_grade_says_what_was_predicted_and_who_decided(grader: Grader) -> None:
    assert grader.grade("9", "\\boxed{ 9 }") == Grade(Outcome.CORRECT, "9", GradeMethod.EXACT)
    assert grader.grade("9", "none") == Grade(Outcome.NO_ANSWER, None, GradeMethod.NO_BOX)
    assert grader.grade("9", "\\boxed{x=9}") == Grade(Outcome.CORRECT, "x=9", GradeMethod.EXACT)
    integral = "\\int_0^3 x^2\\,dx"
    assert grader.grade("9", f"\\boxed{{{integral}}}") == Grade(Outcome.CORRECT, integral, GradeMethod.SYMBOLIC)


def test_an_answer_that_is_too_long_for_algebra_is_wrong_unless_the_gold_answer_is_as_long() -> None:
    long = "+".join(f"\\max(3, {n})" for n in range(40))
    assert len(long) > MAX_SYMBOLIC_CHARS
    with Grader() as grader:
        assert grader.grade("5", f"\\boxed{{{long}}}") == Grade(Outcome.WRONG, long, GradeMethod.EXACT)
        assert grader._pool is None
    assert _grade_without_pool(f"{long}+1", long) is None


def test_the_shared_grader_takes_the_completion_first() -> None:
    assert grade("So \\boxed{\\frac{2}{4}}.", "1/2").outcome is Outcome.CORRECT
    assert grade("So \\boxed{3}.", gold="1/2").outcome is Outcome.WRONG


def test_a_script_that_uses_the_shared_grader_ends(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from extracot import grade\n"
        "if __name__ == '__main__':\n"
        "    print(grade(r'\\boxed{\\max(3, 5)}', '5').outcome.value)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "correct")


@pytest.mark.parametrize(
    ("gold", "predicted", "is_equal"),
    [
        ("\\sqrt{2}", "\\frac{2}{\\sqrt{2}}", True),  # bare LaTeX is read whole
        ("3\\sqrt{2}", "3", False),
        ("\\frac{3}{4}\\pi", "\\frac{3}{4}", False),
        ("x^2+2x+1", "(x+1)^2", True),
        ("5", "x=5", True),
        ("x=5", "5", True),
        ("[0,1)", "(0,1]", False),
        ("(1,2)", "[1,2]", False),
        ("(1,2)", "(2,1)", False),
        ("\\{1,2\\}", "\\{2,1\\}", True),
        ("1,2", "12", False),
        ("5", "5 or 6", False),
        ("\\pm 3", "3,-3", True),
        ("0.333333333", "1/3", True),
        ("10^6", "1000000", True),
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{bmatrix}1\\\\2\\end{bmatrix}", True),
        ("5", "$", False),
        ("5", "\\frac{1}{", False),
    ],
)
def test_algebra_is_compared(grader: Grader, gold: str, predicted: str, is_equal: bool) -> None:
    grade = grader.grade(gold, f"\\boxed{{{predicted}}}")
    if predicted == "\\frac{1}{":  # the box itself is unbalanced then
        assert grade.outcome is Outcome.NO_ANSWER
    else:
        assert grade.outcome is (Outcome.CORRECT if is_equal else Outcome.WRONG)


def test_a_bomb_is_killed_and_later_comparisons_still_pass() -> None:
    bombs = [("5", f"\\boxed{{{BOMB}}}"), ("5", "\\boxed{" + "(" * 400 + "x" + ")" * 400 + "}")]
    with Grader(timeout_s=4.0, n_workers=2) as grader:
        grader.grade("5", "\\boxed{\\max(3, 5)}")  # the processes are up
        started = time.monotonic()
        grades = grader.grade_many([bombs[0], ("6", "\\boxed{\\max(3, 6)}"), bombs[1], ("7", "\\boxed{\\max(3, 7)}")])
        elapsed_s = time.monotonic() - started
        after = grader.grade("8", "\\boxed{\\max(3, 8)}")
    assert elapsed_s < 60  # two kills of 4 s each, and slack for a busy machine
    assert [grade.outcome for grade in grades[1::2]] == [Outcome.CORRECT, Outcome.CORRECT]
    assert grades[0].outcome is Outcome.UNGRADED
    assert grades[0].method is GradeMethod.TIMED_OUT
    assert grades[2].outcome is Outcome.WRONG  # too long for an answer
    assert after.outcome is Outcome.CORRECT


def test_a_batch_of_bombs_ends_with_its_own_time_and_the_grader_goes_on() -> None:
    bombs = [("5", f"\\boxed{{{BOMB} + {i}}}") for i in range(60)]
    with Grader(timeout_s=4.0, n_workers=2, batch_timeout_s=15.0) as grader:
        grader.grade("5", "\\boxed{\\max(3, 5)}")  # the processes are up
        started = time.monotonic()
        grades = grader.grade_many([*bombs, ("6", "\\boxed{\\max(3, 6)}")])
        elapsed_s = time.monotonic() - started
        after = grader.grade("8", "\\boxed{\\max(3, 8)}")
    assert elapsed_s < 60  # one by one it were 60 x 4 s / 2, that is 120
    assert {grade.method for grade in grades[:-1]} == {GradeMethod.TIMED_OUT}
    assert grades[-1].outcome is after.outcome is Outcome.CORRECT  # a short answer does not wait for the bombs


def test_the_first_start_of_the_processes_takes_nothing_of_a_batchs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with Grader(batch_timeout_s=20.0) as grader:
        was_up = []

        def clock() -> float:
            was_up.append(grader._started is not None and grader._started.done())
            return 0.0

        monkeypatch.setattr(grader_module, "time", SimpleNamespace(monotonic=clock))
        assert grader.grade("5", "\\boxed{\\max(3, 5)}").outcome is Outcome.CORRECT
    assert was_up and all(was_up)


def test_grades_come_in_order_and_equal_pairs_are_compared_once(
    grader: Grader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    schedule = grader._schedule

    def listen(gold: str, predicted: str, timeout_s: float) -> object:
        asked.append((gold, predicted))
        return schedule(gold, predicted, timeout_s)

    monkeypatch.setattr(grader, "_schedule", listen)
    same, other = "\\max(3, 5)", "\\max(3, 6)"
    pairs = [
        ("5", f"\\boxed{{{same}}}"),
        ("5", "\\boxed{5}"),
        ("5", f"\\boxed{{{other}}}"),
        ("5", f"So \\boxed{{{same}}}."),
    ]
    outcomes = [grade.outcome for grade in grader.grade_many(iter(pairs))]
    assert outcomes == [Outcome.CORRECT, Outcome.CORRECT, Outcome.WRONG, Outcome.CORRECT]
    assert sorted(asked) == [("5", same), ("5", other)]
    assert grader.grade_many([]) == []


def test_any_thread_may_grade(grader: Grader) -> None:
    with ThreadPoolExecutor(4) as threads:
        texts = [f"\\boxed{{\\max(3, {i})}}" for i in range(12)]
        grades = list(threads.map(lambda text: grader.grade("7", text), texts))
    assert [grade.outcome is Outcome.CORRECT for grade in grades] == [i == 7 for i in range(12)]
    assert threading.active_count() < 20


def test_a_closed_grader_says_so() -> None:
    grader = Grader()
    grader.close()
    grader.close()
    with pytest.raises(UsageError, match="closed"):
        grader.grade("5", "\\boxed{\\max(3, 5)}")


@pytest.mark.parametrize(("timeout_s", "n_workers"), [(0, 1), (-1, 1), (1, 0)])
def test_a_grader_without_time_or_workers_is_refused(timeout_s: float, n_workers: int) -> None:
    with pytest.raises(UsageError, match="timeout_s"):
        Grader(timeout_s=timeout_s, n_workers=n_workers)


def test_a_gold_that_cannot_be_read_is_left_undecided() -> None:
    assert compare_symbolically("", "5") is None
    assert compare_symbolically("x+1", "1+x") is True


@pytest.mark.parametrize(
    ("completion", "gold", "outcome"),
    [
        ("So \\boxed{9}.", 9, Outcome.CORRECT),
        ("So \\boxed{9}.", 9.0, Outcome.CORRECT),
        ("So \\boxed{9}.", 8, Outcome.WRONG),
        ("So \\boxed{\\frac{1}{2}}.", 0.5, Outcome.CORRECT),
        ("So \\boxed{0.0000001}.", 1e-7, Outcome.CORRECT),
        ("So \\boxed{\\frac{1}{3}}.", Fraction(1, 3), Outcome.CORRECT),
        ("So \\boxed{-4}.", -4, Outcome.CORRECT),
        ("So \\boxed{0.1}.", np.float32(0.1), Outcome.CORRECT),
    ],
)
def test_a_gold_answer_may_be_a_number(completion: str, gold: Any, outcome: Outcome) -> None:
    assert grade(completion, gold).outcome is outcome


def test_bare_answers_may_be_numbers_on_both_sides() -> None:
    assert compare_answers(9, "9") and compare_answers("0.5", 0.5) and compare_answers(2, 2.0)
    assert compare_answers(9, 8) is False


@pytest.mark.parametrize("gold", [None, True, float("nan"), float("inf"), ["9"]])
def test_a_gold_answer_that_is_neither_text_nor_a_number_is_named(gold: Any) -> None:
    with pytest.raises(UsageError, match="the gold answer is .*; give a text or a finite number"):
        grade("So \\boxed{9}.", gold)


def test_a_completion_that_is_no_text_is_told_the_order_of_arguments() -> None:
    with pytest.raises(UsageError, match=r"the completion is 9, of type int; .*grade\(completion, gold\)"):
        grade(9, "So \\boxed{9}.")  # type: ignore[arg-type]

"""Comparing by rules: hostile answers are harmless, and what is too much is left open or wrong."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extracot.grading import Grader, compare_answers
from extracot.records.outcome import Outcome
from extracot.text.answers import MAX_ANSWER_CHARS

GOLDS = ["5", "x+\\pi", "[0,1)\\cup(2,3)", "(1,2)"]

HOSTILE = {
    "power tower": "9^{9^{9^9}}",
    "plain tower": "10^10^10",
    "huge exponent": "2^{9999999999}",
    "huge scientific": "1e99999999",
    "factorial tower": "((((5!)!)!)!)!",
    "double factorials": "5" + "!" * 1900,
    "huge binomial": "\\binom{10^{9}}{10^{8}}",
    "big rationals": "\\frac{2^{7999}}{3^{5000}}+" * 80 + "1",
    "deep round brackets": "(" * 900 + "x" + ")" * 900,
    "unbalanced brackets": "(" * 1900,
    "deep fractions": "\\frac{1}{" * 180 + "2" + "}" * 180,
    "deep roots": "\\sqrt{" * 280 + "2" + "}" * 280,
    "deep powers": "2^{" * 600 + "2" + "}" * 600,
    "flat powers": "2^" * 900 + "2",
    "deep functions": "\\sin" * 400 + "x",
    "deep sets": "\\{1," * 300 + "2" + "\\}" * 300,
    "deep tuples": "(1," * 600 + "2" + ")" * 600,
    "deep indices": "a_{" * 600 + "1" + "}" * 600,
    "long sum": "1+" * 999 + "1",
    "long list": "1," * 999 + "1",
    "many signs": "\\pm 1," * 300 + "1",
    "one item of many signs": "\\pm" * 600 + "1",
    "many minus signs": "-" * 1999 + "1",
    "many unions": "[0,1]\\cup" * 200 + "[0,1]",
    "many holes": "\\mathbb{R}" + "\\setminus\\{1\\}" * 130,
    "many conditions": "x\\ne 1," * 240 + "x\\ne 2",
    "many alternatives": "x=1 or " * 240 + "x>2",
    "chain of relations": "x<" * 900 + "1",
    "chain of equations": "x=" * 900 + "1",
    "many readings": "\\log x/(x-x)/" * 130 + "x",
    "bars": "|" * 1999,
    "letters": "a" * 1999,
    "indices": "a_" * 900 + "=1",
    "words": "1 aaa " * 300 + "2",
    "units": "5 " + "aa/" * 600 + "a",
    "text commands": "\\text{a}" * 270,
    "open text commands": "\\text{" * 300,
    "open boxes": "\\boxed{" * 280,
    "wide matrix": "\\begin{pmatrix}" + "1&" * 900 + "1\\end{pmatrix}",
    "open matrices": "\\begin{pmatrix}" * 120,
    "dollars": "$" * 1999,
    "zero bytes": "5\0" * 900,
    "half of a surrogate pair": "\ud800",
    "digits of other scripts": "１２٣²",
    "dunder": "__import__('os').system('true')",
    "lambda": "lambda x: x",
    "names of sympy": "Symbol('x') + S.Half + zoo + E + I + oo + nan",
    "too long": "x" * 100_000,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_is_compared_in_little_time(hostile: str) -> None:
    for gold in [*GOLDS, hostile[:-1], f"{hostile[:1000]}+1"]:
        started = time.process_time()
        verdicts = compare_answers(gold, hostile), compare_answers(hostile, gold)
        assert time.process_time() - started < 3.0  # 0.3 s on a quiet machine
        assert True not in verdicts or gold not in GOLDS


@pytest.mark.parametrize("hostile", ["9^{9^{9^9}}", "10^10^10", "((5!)!)!", "x^{9^{9^9}}", "5+2^{99999999999}"])
def test_a_number_too_large_to_work_out_is_wrong_without_a_process(hostile: str) -> None:
    assert compare_answers("5", hostile) is False
    assert compare_answers("x^2", hostile) is False


def test_a_gold_answer_too_large_to_work_out_is_left_open() -> None:
    assert compare_answers("9^{9^{9^9}}", "5") is None


def test_every_hostile_answer_gets_a_grade_within_the_limit() -> None:
    timeout_s = 2.0
    with Grader(timeout_s=timeout_s, n_workers=2) as grader:
        grader.grade("\\frac{1}{2}", "\\boxed{\\int_0^1 x\\,dx}")  # the processes are up
        started = time.monotonic()
        grades = grader.grade_many(("5", f"\\boxed{{{hostile}}}") for hostile in HOSTILE.values())
        elapsed_s = time.monotonic() - started
        after = grader.grade("6", "\\boxed{x=6}")
    assert after.outcome is Outcome.CORRECT
    assert all(grade.outcome is not Outcome.CORRECT for grade in grades)
    assert elapsed_s < 30 + timeout_s * len(HOSTILE)  # each at most its limit, and slack for a busy machine


def test_little_room_on_the_stack_leaves_a_comparison_open() -> None:
    deep = "(" * 30 + "x" + ")" * 30

    def at_the_end_of_the_stack(n_left: int) -> bool | None:
        return compare_answers("x+0", deep) if n_left == 0 else at_the_end_of_the_stack(n_left - 1)

    n_used = len(__import__("inspect").stack(0))
    assert at_the_end_of_the_stack(sys.getrecursionlimit() - n_used - 60) is None
    assert compare_answers("x+0", deep) is True


def test_long_answers_are_equal_only_to_themselves() -> None:
    long = "1" * (MAX_ANSWER_CHARS + 1)
    assert compare_answers(long, f" {long} ") is True
    assert compare_answers(long, f"{long}.0") is False


PIECES = (
    *"0123.,%/-+=(){}[]$^_<>|!: xe",
    *("\\frac", "\\sqrt", "\\pi", "\\pm", "\\cup", "\\{", "\\}", "\\text{", "\\le ", " or ", "\\infty", "\\log"),
    *("\\\\", "&", "\\begin{pmatrix}", "\\end{pmatrix}"),
)
pieces = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)


@settings(max_examples=300)
@given(pieces, pieces)
def test_any_two_answers_are_compared_without_an_exception(a: str, b: str) -> None:
    verdict, mirrored = compare_answers(a, b), compare_answers(b, a)
    assert {verdict, mirrored} != {True, False}

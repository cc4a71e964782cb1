"""No cut between a result and what makes it true."""

import time
from fractions import Fraction

import pytest

from extracot.text.equations import equation_sides
from extracot.text.formulas import formula_spans
from extracot.text.remainders import end_with_remainder, split_remainder
from extracot.text.units import segment


@pytest.mark.parametrize(
    "statement",
    [
        "25 divided by 4 is 6 with a remainder of 1",
        "25 divided by 4 is 6, with a remainder of 1",
        "25 / 4 = 6 apples with a remainder of 1",
        "29 ÷ 4 = 7 R 1",
        "30/4 = 7 R2",
        "30/4 = 7 r 2",
        "25 / 4 = 6 remainder 1",
        "25 / 4 = 6 (remainder 1)",
        "25 / 4 = 6 with 1 left over",
        "25 / 4 = 6 boxes with one apple remaining",
        r"\(25 \div 4 = 6\) with remainder \(1\)",
        r"$25 \div 4 = 6$ R $1$",
        "7 / 2 = 3 and a half",
        "11 divided by 4 is 2 and three quarters",
        "26 / 4 = 6 and 1/2 hours",
        "100 / 7 = 14 weeks and 2 days",
        "63 inches / 12 = 5 feet 3 inches",
        "25 / 4 = 6, rounded down",
        "25 / 4 = 7 (rounded up to the next integer)",
        r"\(100 = 2\) (mod 7)",
    ],
)
@pytest.mark.parametrize("prose", ["word", "clause"])
def test_a_result_and_what_makes_it_true_are_one_unit(statement: str, prose: str) -> None:
    text = f"We see that {statement}. So go on."
    assert statement in [unit.of(text).strip(" .") for unit in segment(text, prose)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("25 / 4 = 6.25, and 1 is odd.", ["25 / 4 = 6.25"]),
        ("4 * 5 = 20 and 2 * 3 = 6", ["4 * 5 = 20", "2 * 3 = 6"]),
        ("2 * 30 = 60 minutes and 3 hours = 180 minutes", ["2 * 30 = 60 minutes", "3 hours = 180 minutes"]),
        ("x = 1/5 and 2/3 of that is less", ["x = 1/5"]),
        ("5 * 4 = 20 r 3", ["5 * 4 = 20"]),
        ("25 / 4 = 6.\nRemainder 1.", ["25 / 4 = 6"]),
    ],
)
def test_what_only_follows_stays_apart(text: str, formulas: list[str]) -> None:
    assert [text[start:end] for start, end in formula_spans(text)] == formulas


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("25 divided by 4 is 6 with a remainder of 1.", [1, 6]),
        ("29 ÷ 4 = 7 R1", [1, 7]),
        ("100 / 7 = 14 weeks and 2 days", [2, 14]),
        ("7 / 2 = 3 and a half", [Fraction(7, 2)]),
        ("26 / 4 = 6 and 1/2 hours", [Fraction(13, 2)]),
        ("26 / 4 = 7 (rounded up)", [7]),
    ],
)
def test_a_statement_ends_in_its_quotient_and_states_its_remainder_too(statement: str, values: list[Fraction]) -> None:
    equation = equation_sides(statement)
    assert equation is not None
    assert list(equation.values) == values
    assert not equation.defines and not equation.reads


def test_a_statement_without_a_remainder_is_left_as_it_is() -> None:
    for statement in ("25 / r = 5", "x = 5 feet + 3 feet", "A / B = 7", "6 remainder"):
        assert split_remainder(statement) == (statement, [])


def test_a_formula_that_repeats_its_divisions_takes_no_more_than_moments() -> None:
    text = "$" + "\\frac{1}{2} + " * 4000 + "1$ and so on"
    started_s = time.process_time()  # of this process alone, so a busy machine does not count
    assert end_with_remainder(text, 0, text.rindex("$") + 1, is_formula=True) == text.rindex("$") + 1
    assert time.process_time() - started_s < 5  # a hundredth of that; half a minute where every division looks ahead

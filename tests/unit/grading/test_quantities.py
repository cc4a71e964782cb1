"""Units: taken off, converted exactly, told from variables."""

from fractions import Fraction

import pytest

from extracot.grading import compare_answers
from extracot.grading.quantities import read_currency, read_quantity
from extracot.text.answers import normalize_answer


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ("18 dollars", "18"),
        ("18\\text{ cm}", "18"),
        ("18 \\mathrm{~kg}", "18"),
        ("18\\text{ m}/\\text{s}^2", "18"),
        ("18 km/h", "18"),
        ("5cm", "5"),
        ("5 m", "5"),
        ("90^\\circ", "90"),
        ("20^\\circ C", "20"),
        ("3\\sqrt{2}\\text{ cm}", "3\\sqrt{2}"),
        ("18 shells", "18"),
    ],
)
def test_a_unit_is_taken_off(answer: str, body: str) -> None:
    quantity = read_quantity(normalize_answer(answer))
    assert quantity.body == body
    assert quantity.unit is not None


@pytest.mark.parametrize(
    "answer",
    ["5m", "5x", "18", "5 million", "3 quarters", "x\\text{ is even}", "\\sin 30^\\circ", "\\text{cm}", "5 or 6"],
)
def test_what_is_no_unit_stays(answer: str) -> None:
    text = normalize_answer(answer)
    assert read_quantity(text).body == text


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ("1 mile", "1609.344 m", True),  # 63,360 inches of 2.54 cm
        ("1\\text{ lb}", "453.59237 g", True),
        ("1 hour", "3600 s", True),
        ("1\\text{ m}^2", "10000\\text{ cm}^2", True),
        ("36\\text{ km/h}", "10\\text{ m/s}", True),
        ("1\\text{ m}^3", "1000 \\text{ liters}", True),
        ("5 cm", "5 kg", False),
        ("5 shells", "5 apples", True),  # not in the table, so not compared
        ("5 shells", "6 shells", False),
    ],
)
def test_units_are_converted(one: str, other: str, verdict: bool) -> None:
    assert compare_answers(one, other) is verdict
    assert compare_answers(other, one) is verdict


@pytest.mark.parametrize(
    ("answer", "factor"),
    [("\\$5", 1), ("$5", 1), ("-\\$5", 1), ("€5", 1), ("$5$", None), ("5", None), ("$x$", None), ("\\$", None)],
)
def test_a_currency_sign_is_told_from_a_delimiter(answer: str, factor: int | None) -> None:
    unit = read_currency(answer)
    assert (unit.factor if unit else None) == (None if factor is None else Fraction(factor))

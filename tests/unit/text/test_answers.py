"""The last box, the one spelling, and the comparisons that need no algebra."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.text.answers import MAX_ANSWER_CHARS, equal_fast, last_boxed, normalize_answer, parse_number

pieces = st.lists(
    st.sampled_from(
        [
            *"01239.,%/-+=(){}[]$^_ xC",
            "\\frac",
            "\\boxed{",
            "\\text{",
            "\\left",
            "\\right",
            "\\,",
            "\\!",
            "\\\\",
        ]
    ),
    max_size=14,
).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The answer is \\boxed{9}.", "9"),
        ("\\boxed{13} no, wait: \\boxed{12}", "12"),  # boxes are not merged
        ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),  # nested braces
        ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),  # escaped braces do not count
        ("\\boxed{a} and \\boxed{12", "a"),  # an unclosed box is passed over
        ("\\boxed{\\boxed{5}}", "\\boxed{5}"),  # the outermost of nested ones
        ("\\boxed{\\boxed{5}", "5"),
        ("\\fbox{7}", "7"),
        ("\\boxed {7}", "7"),
        ("}} \\boxed{3} {", "3"),
        ("\\boxed{}", ""),
        ("\\boxed{1", None),
        ("boxed{1}", None),
        ("no box", None),
        ("", None),
    ],
)
def test_the_last_balanced_box_is_found(text: str, expected: str | None) -> None:
    assert last_boxed(text) == expected


EQUAL = [
    ("9", "9"),
    ("9", " 9. "),
    ("18", "18.0"),
    ("18", "+18"),
    ("7", "007"),
    ("0", "-0"),
    ("-5", "−5"),  # the minus sign of typesetting
    ("1234", "1,234"),
    ("1234567", "1{,}234{,}567"),
    ("32348", "\\$32,\\!348"),
    ("11111", "11,\\! 111"),
    ("12500", "12\\,500"),
    ("12500", "12 500"),
    ("18", "\\$18"),
    ("18", "$18$"),
    ("18", "18 dollars"),
    ("18", "18\\text{ dollars}"),
    ("50", "50 miles per hour"),
    ("8\\text{ cm}^2", "8"),
    ("90^\\circ", "90"),
    ("90", "90°"),
    ("0.5", "\\frac{1}{2}"),
    ("\\frac12", "\\dfrac{1}{2}"),
    ("1/2", "\\frac{2}{4}"),
    ("-\\frac{3}{4}", "\\frac{-3}{4}"),
    ("-\\frac{3}{4}", "-0.75"),
    ("3\\frac{1}{2}", "7/2"),
    ("3 1/2", "3.5"),
    (".5", "0.5"),
    ("50\\%", "50%"),
    ("50\\%", "0.5"),
    ("50\\%", "50"),  # lenient, as benchmark graders are
    ("50\\%", "\\frac12"),
    ("50", "50 percent"),
    ("13", "\\boxed{13}"),
    ("$13$", "\\(13\\)"),
    ("x^2+1", "x^{2} + 1"),
    ("\\left(3, \\frac{\\pi}{2}\\right)", "(3,\\dfrac{\\pi}{2})"),
    ("\\sqrt{2}", "\\sqrt2"),
    ("x \\leq 3", "x\\le 3"),
    ("3 \\times 5", "3\\cdot5"),
    ("2π", "2\\pi"),
    ("\\text{east}", "East"),
    ("\\text{(C)}", "C"),
    ("C", "\\textbf{(C)}"),
    ("\\text{A,C}", "A, C"),
    ("yes", "Yes."),
    ("no solution", "\\text{No solution}"),
]

DIFFERENT = [
    ("9", "8"),
    ("9", ""),
    ("9", "-9"),
    ("1/2", "1/3"),
    ("0.333", "1/3"),
    ("50\\%", "5"),
    ("12", "\\frac{1}{2}"),
    ("1234", "1,235"),
    ("18", "1.8"),
    ("5 \\text{ feet}", "6"),
    ("A", "B"),
    ("no", "on"),  # a product of symbols to an algebra system
    ("\\text{no}", "on"),
    ("\\text{east}", "west"),
    ("even", "odd"),
]

OPEN = [
    ("[0,1)", "(0,1]"),
    ("(1,2)", "[1,2]"),
    ("12", "1,2"),
    ("12", "1 2"),
    ("12345", "12, 345"),  # a list
    ("3\\sqrt{2}", "3"),
    ("\\frac{3}{4}\\pi", "\\frac{3}{4}"),
    ("x^2", "x2"),
    ("\\frac{1}{2}x", "12x"),
    ("5", "x=5"),
    ("5", "5 or 6"),
    ("5", "5 million"),
    ("3", "3 quarters"),
    ("5 \\text{ feet}", "5 \\text{ inches}"),
    ("0.333333333", "1/3"),  # rounded
    ("x^2+2x+1", "(x+1)^2"),
    ("1/0", "2/0"),
    ("3\\frac{-1}{2}", "2.5"),
    ("xy", "yx"),
    ("X", "x"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}1\\\\ 3\\end{pmatrix}"),
]


@pytest.mark.parametrize(("gold", "predicted"), EQUAL)
def test_equal_answers_are_equal(gold: str, predicted: str) -> None:
    assert equal_fast(gold, predicted) is True
    assert equal_fast(predicted, gold) is True


@pytest.mark.parametrize(("gold", "predicted"), DIFFERENT)
def test_different_answers_are_different(gold: str, predicted: str) -> None:
    assert equal_fast(gold, predicted) is False


@pytest.mark.parametrize(("gold", "predicted"), OPEN)
def test_what_needs_algebra_is_left_open(gold: str, predicted: str) -> None:
    assert equal_fast(gold, predicted) is None


def test_row_breaks_survive_normalising() -> None:
    assert normalize_answer("1 \\\\ 2") == "1\\\\2"


@pytest.mark.parametrize("symbol", ["x^{10}", "a_{12}", "\\frac{10}{x+1}", "\\rightarrow", "\\lefteqn"])
def test_what_has_one_spelling_stays(symbol: str) -> None:
    assert normalize_answer(symbol) == symbol


@given(pieces)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalize_answer(text)
    assert normalize_answer(once) == once


@given(pieces, pieces)
def test_comparing_never_raises_and_equals_itself(a: str, b: str) -> None:
    equal_fast(a, b)
    assert equal_fast(a, a) is bool(normalize_answer(a))


@given(st.text(max_size=60))
def test_any_text_can_be_normalised_and_parsed(text: str) -> None:
    parse_number(normalize_answer(text))
    last_boxed(text)


@given(st.fractions(max_denominator=999))
def test_a_fraction_is_read_exactly(value: Fraction) -> None:
    number = parse_number(f"\\frac{{{value.numerator}}}{{{value.denominator}}}")
    assert number is not None and number.value == value


@given(st.integers(-(10**12), 10**12))
def test_thousands_separators_do_not_change_an_integer(value: int) -> None:
    number = parse_number(f"{value:,}")
    assert number is not None and number.value == value


@pytest.mark.parametrize(
    "hostile",
    [
        "\\boxed{" * 20_000,
        "{" * 200_000,
        "\\boxed{" + "{" * 100_000 + "}" * 100_000 + "}",
        "$" * 100_000,
        "9" * 100_000,
        "1," * 50_000,
        "1 " * 50_000,
        "\\frac{1" * 20_000,
        "1abc " * 20_000,
        "\\text{" * 20_000,
    ],
)
def test_hostile_text_takes_little_time(hostile: str) -> None:
    started = time.process_time()
    last_boxed(hostile)
    equal_fast("5", hostile)
    equal_fast("5", hostile[:MAX_ANSWER_CHARS])
    equal_fast(hostile, hostile)
    assert time.process_time() - started < 2.0

"""Formulas are read with the usual precedence, worked out exactly, and told apart."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.grading.expressions import MAX_DEPTH, Unreadable, read_expression
from extracot.grading.values import TooLarge, Undefined, constant_value, equal_formulas, evaluate

small = st.integers(-9, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("2-3-4", -5),
        ("12/2/3", 2),
        ("-2^2", -4),
        ("2^3^2", 512),
        ("2^{-1}", Fraction(1, 2)),
        ("2^-1", Fraction(1, 2)),
        ("3 * -2", -6),
        ("2(3)(4)", 24),
        ("\\frac{1}{2}", Fraction(1, 2)),
        ("3\\frac{1}{2}", Fraction(7, 2)),
        ("3 1/2", Fraction(7, 2)),
        ("3\\frac{x}{2}", Fraction(33, 2)),
        ("x^10", 11**10),
        ("2x", 22),
        ("|-3|+|2-5|", 6),
        ("\\sqrt{\\frac{4}{9}}", Fraction(2, 3)),
        ("0.1\\overline{6}", Fraction(1, 6)),
        ("1,234.5", Fraction(2469, 2)),
        ("1.5e3", 1500),
        ("5!-4!", 96),
        ("\\binom{5}{2}", 10),
        ("\\lfloor 2.7 \\rfloor + \\lceil 2.2 \\rceil", 5),
        ("\\lfloor -\\pi \\rfloor", -4),
        ("50%", Fraction(1, 2)),
        ("1011_2", 11),
    ],
)
def test_a_rational_formula_has_its_exact_value(text: str, value: int | Fraction) -> None:
    assert evaluate(read_expression(text), {"x": Fraction(11)}) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "1 2", "5)", "(5", "5+", "\\frac{1}", "\\sqrt", "\\int x", "\\pm 1", "a=b", "1<2", "word", "\\text{a}",
        "x^", "_1", "129_8", "1_1", "\\unknown{x}", "3..4", "é", "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
    ],
)  # fmt: skip
def test_what_is_no_formula_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        read_expression(text)


@pytest.mark.parametrize(
    "text", ["1/0", "0^0", "0^{-1}", "\\ln 0", "\\tan 90^\\circ", "\\infty-\\infty", "\\sqrt[0]{2}"]
)
def test_what_has_no_value_is_undefined(text: str) -> None:
    with pytest.raises(Undefined):
        evaluate(read_expression(text), {})


@pytest.mark.parametrize("text", ["10^10^10^10", "(10^7)!", "((9!)!)!", "e^{10^{9}}", "\\sin 10^{40}"])
def test_what_is_too_large_says_so(text: str) -> None:
    with pytest.raises(TooLarge):
        evaluate(read_expression(text), {})


@given(st.lists(small, min_size=1, max_size=5), small)
def test_a_polynomial_is_equal_to_itself_times_a_factor_over_the_factor(coefficients: list[int], root: int) -> None:
    terms = [f"{c}x^{{{n}}}" for n, c in enumerate(coefficients)]
    polynomial = "+".join(terms).replace("+-", "-")
    mirrored = "+".join(reversed(terms)).replace("+-", "-")
    assert equal_formulas(polynomial, mirrored) is True
    assert equal_formulas(polynomial, f"\\frac{{(x-{root + 20})({polynomial})}}{{x-{root + 20}}}") is True
    assert equal_formulas(polynomial, f"{polynomial}+1") is False


@given(small, small, small)
def test_a_square_is_expanded(a: int, b: int, c: int) -> None:
    expanded = f"({a * a})x^2+({2 * a * b})x+({b * b + c})"
    assert equal_formulas(f"(({a})x+({b}))^2", expanded) is (c == 0)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_surds_are_told_apart(a: int, b: int) -> None:
    assert equal_formulas(f"\\sqrt{{{a * b}}}", f"\\sqrt{{{a}}}\\sqrt{{{b}}}") is True
    assert equal_formulas(f"\\sqrt{{{a}}}", f"\\sqrt{{{b}}}") is (a == b)


def test_lost_digits_decide_nothing() -> None:
    # (10^80 pi + 1) - 10^80 pi is 1, which 60 digits do not show.
    assert equal_formulas("1", "(10^{80}\\pi+1)-10^{80}\\pi") is None
    assert constant_value("(10^{80}\\pi+1)-10^{80}\\pi") is None


def test_a_formula_with_variables_has_no_constant_value() -> None:
    assert constant_value("x-x") is None
    assert constant_value("2+3") == 5


def test_threads_agree() -> None:
    pairs = [("\\sqrt{2}", "2^{1/2}"), ("\\sin 2x", "2\\sin x\\cos x"), ("e^{i\\pi}", "-1"), ("\\pi", "22/7")] * 30
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda pair: equal_formulas(*pair), pairs))
    assert verdicts == [True, True, True, False] * 30

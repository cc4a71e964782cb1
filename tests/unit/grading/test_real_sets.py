"""Sets of real numbers: however they are written, in whatever order and pieces."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.grading.real_sets import Interval, equal_real_sets, read_real_set
from extracot.text.answers import normalize_answer

bounds = st.integers(-20, 20)
brackets = st.tuples(st.sampled_from("(["), st.sampled_from(")]"))


def written(low: int, high: int, opening: str, closing: str) -> str:
    return f"{opening}{low},{high}{closing}"


intervals = st.builds(lambda low, length, pair: written(low, low + length, *pair), bounds, st.integers(1, 6), brackets)


@given(st.lists(intervals, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_a_union_does_not_count(parts: list[str], random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert equal_real_sets("\\cup".join(parts), "\\cup".join(shuffled)) is True


@given(bounds, st.integers(2, 9), st.integers(1, 8), brackets)
def test_an_interval_cut_at_a_point_is_whole_again(low: int, length: int, cut: int, pair: tuple[str, str]) -> None:
    high, middle = low + length, low + min(cut, length - 1)
    whole = written(low, high, *pair) + f"\\cup{written(50, 51, *pair)}"
    left, right = written(low, middle, pair[0], ")"), written(middle, high, "(", pair[1])
    rest = written(50, 51, *pair)
    assert equal_real_sets(whole, f"{right}\\cup\\{{{middle}\\}}\\cup{rest}\\cup{left}") is True
    assert equal_real_sets(whole, f"{right}\\cup{rest}\\cup{left}") is False


@given(bounds, bounds, st.sampled_from(["<", "\\le "]), st.sampled_from(["<", "\\le "]))
def test_a_chain_is_its_interval(low: int, high: int, first: str, second: str) -> None:
    low, high = min(low, high), max(low, high) + 1
    interval = written(low, high, "(" if first == "<" else "[", ")" if second == "<" else "]")
    assert equal_real_sets(interval, f"{low}{first}x{second}{high}") is True
    mirrored = f"{high}{'>' if second == '<' else chr(92) + 'ge '}x{'>' if first == '<' else chr(92) + 'ge '}{low}"
    assert equal_real_sets(interval, mirrored) is True
    other = written(low, high, "[" if first == "<" else "(", ")" if second == "<" else "]")
    assert equal_real_sets(other, f"{low}{first}x{second}{high}") is False


@given(bounds, bounds.filter(bool), bounds)
def test_a_linear_inequality_is_solved(root: int, slope: int, shift: int) -> None:
    left, right = f"{slope}x+{shift}".replace("+-", "-"), str(slope * root + shift)
    assert equal_real_sets(f"x{'<' if slope > 0 else '>'}{root}", f"{left}<{right}") is True
    assert equal_real_sets(f"x{'>' if slope > 0 else '<'}{root}", f"{left}<{right}") is False


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ("|x-1| \\le 2", "[-1, 3]", True),
        ("|x| > 2", "(-\\infty,-2) \\cup (2,\\infty)", True),
        ("|x| < -1", "\\emptyset \\cup \\emptyset", True),
        ("x \\in (1,2) \\cup (3,4)", "(1,2) \\cup (3,4)", True),
        ("\\{x \\in \\mathbb{R} : x \\ge 1\\}", "[1,\\infty)", True),
        ("\\mathbb{R} \\setminus \\{1,2\\}", "(-\\infty,1)\\cup(1,2)\\cup(2,\\infty)", True),
        ("\\mathbb{R} \\setminus (1,2)", "x \\le 1 or x \\ge 2", True),
        ("x > 1 \\text{ and } x < 0", "(0,1)", False),
        ("x > 1", "y > 1", False),
        ("(1,2)", "(1,2)", None),  # points, as far as anyone can tell
        ("(a,b]", "a < x \\le b", None),  # bounds that are no constants
        ("x^2 < 4", "(-2,2)", None),  # not linear
        ("x + y < 4", "(-2,2)", None),
        ("[2,1)", "(1,2]", None),  # the wrong way round
        ("x=1", "\\{1\\}", None),  # an equation
    ],
)
def test_sets_are_compared(one: str, other: str, verdict: bool | None) -> None:
    assert equal_real_sets(normalize_answer(one), normalize_answer(other)) is verdict


def test_a_set_knows_its_variable_and_whether_it_may_be_a_point() -> None:
    pair, chain = read_real_set("(1,2)"), read_real_set("1<x<2")
    assert pair is not None and chain is not None
    assert (pair.variable, pair.is_plain) == (None, True)
    assert (chain.variable, chain.is_plain) == ("x", False)
    assert chain.intervals == (Interval(Fraction(1), Fraction(2), False, False),)

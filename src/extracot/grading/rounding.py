"""When a decimal stands for another number: `0.333333333` for 1/3, but not `0.333`."""

from fractions import Fraction

from extracot.grading.values import Value, constant_value, inexact, is_real
from extracot.text.answers import parse_number

N_SIGNIFICANT_DIGITS = 6
"""Fewer digits are taken at their word."""
FLOAT_NOISE = Fraction(1, 10**9)
"""Relative; decimals that differ by less are equal, as 0.30000000000000004 and 0.3."""


def equal_rounded(gold: str, predicted: str) -> bool | None:
    """Whether a decimal equals a number: up to float noise, or rounded or cut at six significant digits or more.

    Returns:
        None where neither is a decimal, or one is no constant.
    """
    if "." not in gold + predicted:
        return None
    values = constant_value(gold), constant_value(predicted)
    if values[0] is None or values[1] is None or not all(map(is_real, values)):
        return None
    exact = [inexact(value).real for value in values]
    if abs(exact[0] - exact[1]) <= max(map(abs, exact)) * inexact(FLOAT_NOISE):
        return True
    places = [_decimal_places(text) for text in (gold, predicted)]
    coarse = [i for i in (0, 1) if places[i] is not None and places[i] == min(p for p in places if p is not None)]
    if len(coarse) != 1:  # neither is a plain decimal, or both have as many digits and differ
        return False if any(p is not None for p in places) else None
    rounded, other = exact[coarse[0]], exact[1 - coarse[0]]
    return _stands_for(rounded, other, places[coarse[0]] or 0)


def _decimal_places(text: str) -> int | None:
    """Digits behind the point of a plain decimal of enough digits; None for anything else."""
    number = parse_number(text)
    if number is None or not number.is_decimal:
        return None
    return len(text.rsplit(".", 1)[1].rstrip("% "))


def _stands_for(decimal: Value, exact: Value, n_places: int) -> bool:
    step = inexact(Fraction(1, 10**n_places))
    n_digits_shown = len(str(int(abs(decimal) / step + inexact(Fraction(1, 2)))))
    if n_digits_shown < N_SIGNIFICANT_DIGITS:
        return False
    is_cut = 0 <= abs(exact) - abs(decimal) < step
    return bool(abs(exact - decimal) <= step / 2 or is_cut)

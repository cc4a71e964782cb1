"""Means, quantiles and intervals of plain numbers."""

import math
from collections.abc import Sequence
from typing import NamedTuple

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


class Interval(NamedTuple):
    """A 95 % confidence interval, low <= high."""

    low: float
    high: float


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed without rounding errors.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("no values to average")
    return math.fsum(values) / len(values)


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile, q in [0, 1], by linear interpolation between order statistics.

    Raises:
        ValueError: no values, or q outside [0, 1].
    """
    if not values or not 0 <= q <= 1:
        raise ValueError(f"quantile needs values and q in [0, 1], got {len(values)} values and q={q}")
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def wilson_interval(n_correct: float, n: float) -> Interval:
    """95 % Wilson score interval of a proportion; both counts may be fractional (effective sizes).

    Raises:
        ValueError: n <= 0 or n_correct outside [0, n].

    Source: Wilson 1927; never leaves [0, 1] and keeps its width at 0 and 1, unlike the normal interval.
    """
    if n <= 0 or not 0 <= n_correct <= n:
        raise ValueError(f"wilson_interval needs 0 <= n_correct <= n and n > 0, got {n_correct} of {n}")
    share = n_correct / n
    shrink = 1.0 + Z_95**2 / n
    centre = (share + Z_95**2 / (2 * n)) / shrink
    half = Z_95 / shrink * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # Exact at the ends: rounding must not leave 0 of n with a low of 1e-17.
    low = 0.0 if n_correct == 0 else max(0.0, centre - half)
    high = 1.0 if n_correct == n else min(1.0, centre + half)
    return Interval(low, high)


def ratio_interval(pairs: Sequence[tuple[float, float]]) -> Interval | None:
    """95 % interval of R = sum(y) / sum(x) over m questions, by the delta method; None with fewer than two, or no x.

    var(R) = var(y - R x) / (m mean(x)^2): that y and x come from one question is used, not thrown away.

    Args:
        pairs: (y, x) of each question, none negative.
    """
    n, total_y, total_x = len(pairs), math.fsum(y for y, _ in pairs), math.fsum(x for _, x in pairs)
    if n < 2 or total_x == 0:
        return None
    ratio = total_y / total_x
    # The residuals sum to zero by the definition of the ratio.
    variance = math.fsum((y - ratio * x) ** 2 for y, x in pairs) / (n - 1)
    half = Z_95 * math.sqrt(variance / n) / (total_x / n)
    return Interval(max(0.0, ratio - half), ratio + half)

"""The curve of accuracy against think tokens: its height where it can be compared, and its area."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from extracot.evaluation.metrics.intervals import mean


class CurvePoint(NamedTuple):
    """One row as a point of the accuracy-against-tokens curve."""

    think_tokens: float
    accuracy: float


def interpolate_accuracy(curve: Sequence[CurvePoint], think_tokens: float) -> float | None:
    """Accuracy of the piecewise linear curve at that many think tokens; None outside its range.

    Points with equal tokens are averaged. Used to compare arms at matched cost.
    """
    points = _merge_equal_tokens(curve)
    for left, right in zip(points, points[1:], strict=False):
        if left.think_tokens <= think_tokens <= right.think_tokens:
            weight = (think_tokens - left.think_tokens) / (right.think_tokens - left.think_tokens)
            return left.accuracy + weight * (right.accuracy - left.accuracy)
    if len(points) == 1 and points[0].think_tokens == think_tokens:
        return points[0].accuracy
    return None


def area_under_curve(curve: Sequence[CurvePoint], low: float, high: float) -> float | None:
    """Mean height of the accuracy-against-think-tokens curve over [low, high] tokens, in [0, 1].

    The trapezoidal area divided by the width, so arms on one range compare directly and 1.0 is perfect.
    None when the curve does not cover the range or the range is empty: nothing is extrapolated.
    """
    start, end = interpolate_accuracy(curve, low), interpolate_accuracy(curve, high)
    if start is None or end is None or high <= low:
        return None
    inner = [point for point in _merge_equal_tokens(curve) if low < point.think_tokens < high]
    points = [CurvePoint(low, start), *inner, CurvePoint(high, end)]
    area = math.fsum(
        (right.think_tokens - left.think_tokens) * (left.accuracy + right.accuracy) / 2
        for left, right in zip(points, points[1:], strict=False)
    )
    return area / (high - low)


def common_range(curves: Iterable[Sequence[CurvePoint]]) -> tuple[float, float] | None:
    """The think-token range that every curve covers; None when there is none."""
    bounds = [
        (min(point.think_tokens for point in curve), max(point.think_tokens for point in curve))
        for curve in curves
        if curve
    ]
    if not bounds:
        return None
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    return (low, high) if low < high else None


def _merge_equal_tokens(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    heights: defaultdict[float, list[float]] = defaultdict(list)
    for point in curve:
        heights[point.think_tokens].append(point.accuracy)
    return [CurvePoint(tokens, mean(heights[tokens])) for tokens in sorted(heights)]

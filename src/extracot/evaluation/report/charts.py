"""The drawings of the report as inline SVG: accuracy against tokens, and asked against realised.

Each is drawn at the width it is asked for, since text in an SVG shrinks with the drawing: the page carries a
wide and a narrow version and the style sheet shows the one that fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from extracot.evaluation.metrics import Interval
from extracot.evaluation.report.svg import (
    Box,
    Scale,
    axes,
    figure_svg,
    format_tick,
    line_boxes,
    place_label,
    polyline,
    round_ticks,
)
from extracot.text.markup import Markup, element, text_element


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One row of the evaluation as a point."""

    x: float
    y: float
    interval: Interval | None
    label: str
    hover: str
    is_policy: bool = False


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """The points of one arm; those that are not the policy are joined by a line, in order of x."""

    name: str
    points: Sequence[ChartPoint]
    style: str
    """CSS class that colours it: base, main, or other-1 ... other-5."""


def accuracy_curve(
    series: Sequence[ChartSeries],
    width: int,
    height: int,
    *,
    starts_at_zero: bool = True,
    reference: float | None = None,
    class_: str = "chart",
) -> Markup:
    """Accuracy (y, shares of one) against mean think tokens (x), with intervals as bars.

    The base model's accuracy runs across as a dashed line, so "above the line" reads as "better than base".

    Args:
        series: the arms.
        width: in px.
        height: in px.
        starts_at_zero: whether the token axis begins at 0, or near the first point.
        reference: the base model's accuracy, where it is not among the series.
        class_: of the drawing.
    """
    points = [point for one in series for point in one.points]
    top = max([point.interval.high if point.interval else point.y for point in points], default=1.0)
    bottom = min([point.interval.low if point.interval else point.y for point in points], default=0.0)
    area = _plot_area(width, height)
    y_low, y_high = _padded_share_range(bottom, top, least=0.1 if starts_at_zero else 0.03)
    last = max([point.x for point in points], default=1.0)
    first = min([point.x for point in points], default=0.0)
    margin = 0.1 * (last - first) or 0.1 * last
    x_low, x_high = (0.0, 1.06 * last) if starts_at_zero else (max(0.0, first - margin), last + margin)
    x_scale = Scale(x_low, x_high, area.left, area.right)
    y_scale = Scale(y_low, y_high, area.bottom, area.top)
    y_ticks = [(value, f"{100 * value:.0f}") for value in round_ticks(y_low, y_high, 5)]
    n_x_ticks = max(4, width // 110)
    x_ticks = [(value, format_tick(value)) for value in round_ticks(x_low, x_high, n_x_ticks)]
    parts = [
        axes(x_scale, y_scale, x_ticks, y_ticks),
        _axis_titles(area, "mean think tokens per question", "Acc@all, %", height),
    ]
    if reference is None:
        reference = next((one.points[0].y for one in series if one.style == "base" and one.points), None)
    if reference is not None and y_low <= reference <= y_high:
        y = y_scale(reference)
        parts.append(element("line", class_="reference", x1=area.left, x2=area.right, y1=y, y2=y))
    # Lines first, then bars, then dots: the dots of one arm stay readable on the line of another.
    for one in series:
        line = sorted((point.x, point.y) for point in one.points if not point.is_policy)
        if len(line) > 1:
            parts.append(polyline([(x_scale(x), y_scale(y)) for x, y in line], f"curve {one.style}"))
    for one in series:
        parts.extend(_interval_bar(point, x_scale, y_scale, one.style) for point in one.points)
    parts.extend(_dots_and_labels(series, x_scale, y_scale, area))
    return figure_svg(width, height, "Accuracy against mean think tokens", *parts, class_=class_)


def control_chart(series: Sequence[ChartSeries], width: int, height: int) -> Markup:
    """Realised ActRatio (y) against the target ratio (x); the diagonal is perfect control."""
    points = [point for one in series for point in one.points]
    area = _plot_area(width, height)
    limit = max([1.0, *(1.05 * point.y for point in points)])
    x_scale, y_scale = Scale(0.0, 1.05, area.left, area.right), Scale(0.0, limit, area.bottom, area.top)
    ticks = [(value, format_tick(value)) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    y_ticks = [(value, format_tick(value)) for value in round_ticks(0.0, limit, 4)]
    parts = [
        axes(x_scale, y_scale, ticks, y_ticks),
        _axis_titles(area, "target ratio", "ActRatio", height),
        element("line", class_="reference", x1=x_scale(0), y1=y_scale(0), x2=x_scale(1), y2=y_scale(1)),
    ]
    for one in sorted(series, key=lambda one: one.style == "main"):  # the main arm on top
        line = sorted((point.x, point.y) for point in one.points)
        parts.append(polyline([(x_scale(x), y_scale(y)) for x, y in line], f"curve {one.style}"))
        parts.extend(_interval_bar(point, x_scale, y_scale, one.style) for point in one.points)
    parts.extend(_dots_and_labels(series, x_scale, y_scale, area))
    return figure_svg(width, height, "Realised ratio against target ratio", *parts)


def _plot_area(width: int, height: int) -> Box:
    """Room for tick labels on the left, axis titles above and below."""
    return Box(36.0, 30.0, width - 14.0, height - 46.0)


def _padded_share_range(low: float, high: float, least: float) -> tuple[float, float]:
    """Axis limits for shares of one: some air around the data, inside [0, 1], at least `least` apart."""
    margin = max(0.2 * least, 0.08 * (high - low))
    padded_low, padded_high = max(0.0, low - margin), min(1.0, high + margin)
    if padded_high - padded_low < least:
        padded_low = max(0.0, padded_high - least)
        padded_high = padded_low + least
    return padded_low, padded_high


def _axis_titles(area: Box, x_title: str, y_title: str, height: int) -> Markup:
    middle = (area.left + area.right) / 2
    return element(
        "g",
        text_element("text", x_title, class_="axis-title", x=middle, y=height - 8, text_anchor="middle"),
        text_element("text", y_title, class_="axis-title", x=0, y=12, text_anchor="start"),
    )


def _interval_bar(point: ChartPoint, x_scale: Scale, y_scale: Scale, style: str) -> Markup:
    if point.interval is None:
        return Markup("")
    x = x_scale(point.x)
    low, high = y_scale(point.interval.low), y_scale(min(point.interval.high, y_scale.data_high))
    return element("line", class_=f"bar {style}", x1=x, x2=x, y1=low, y2=high)


def _dots_and_labels(
    series: Sequence[ChartSeries], x_scale: Scale, y_scale: Scale, area: Box
) -> list[Markup]:
    """Dots above everything, then labels: the policy's and the base model's first, so they find room."""
    located = [
        (one, point, x_scale(point.x), y_scale(point.y), _radius(one, point))
        for one in series
        for point in one.points
    ]
    dots = []
    for one, point, x, y, radius in sorted(located, key=lambda item: item[0].style == "main"):
        class_ = f"dot {one.style}" + (" policy" if point.is_policy else "")
        hover = text_element("title", point.hover)
        dots.append(element("circle", hover, class_=class_, cx=x, cy=y, r=radius))
    taken = [Box(x - radius, y - radius, x + radius, y + radius) for _, _, x, y, radius in located]
    taken += [
        Box(x - 2, y_scale(point.interval.high), x + 2, y_scale(point.interval.low))
        for _, point, x, _, _ in located
        if point.interval
    ]
    for one in series:
        line = sorted((x, y) for owner, point, x, y, _ in located if owner is one and not point.is_policy)
        taken += line_boxes(line)
    # Labels may leave the plot a little at its right, but not at its bottom, where the ticks are.
    room = Box(area.left, area.top - 14, area.right + 12, area.bottom)
    labels = []
    for one, point, x, y, radius in sorted(located, key=lambda item: _label_rank(item[0], item[1])):
        place = place_label(x, y, point.label, radius + 3, room, taken)
        if place is not None:
            class_ = f"label {one.style}" + (" policy" if point.is_policy else "")
            x, y, anchor = place
            labels.append(text_element("text", point.label, class_=class_, x=x, y=y, text_anchor=anchor))
    return dots + labels


def _radius(series: ChartSeries, point: ChartPoint) -> float:
    if point.is_policy:
        return 7.0 if series.style == "main" else 5.5
    return 5.0 if series.style == "base" else 3.5


def _label_rank(series: ChartSeries, point: ChartPoint) -> int:
    if series.style == "main":
        return 0 if point.is_policy else 2
    return 1 if series.style == "base" else 3

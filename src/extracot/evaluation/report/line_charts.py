"""Metrics over the steps of training as inline SVG: one run, or several arms in one chart."""

from collections.abc import Sequence

from extracot.evaluation.report.learning import Band
from extracot.evaluation.report.svg import Box, Scale, axes, figure_svg, format_tick, polyline, round_ticks
from extracot.text.markup import Markup, element


def training_curve(
    name: str, points: Sequence[tuple[float, float]], width: int = 320, height: int = 150
) -> Markup:
    """One metric over the steps of a training run: (step, value), steps ascending, at least one point."""
    steps, values = [step for step, _ in points], [value for _, value in points]
    x_scale, y_scale = _scales(steps, values, width, height)
    pixels = [(x_scale(step), y_scale(value)) for step, value in points]
    last_x, last_y = pixels[-1]
    return figure_svg(
        width,
        height,
        f"{name} over training steps",
        _axes(x_scale, y_scale),
        polyline(pixels, "curve main"),
        element("circle", class_="dot main", cx=last_x, cy=last_y, r=3),
    )


def learning_chart(
    name: str,
    bands: Sequence[tuple[str, Band]],
    width: int,
    height: int,
    y_range: tuple[float, float] | None = None,
) -> Markup:
    """One metric of several arms: a line each, in a band from its lowest to its highest run.

    Args:
        name: of the metric, for those who cannot see.
        bands: (style, band with at least one step) of each arm; later ones lie above.
        width: in px.
        height: in px.
        y_range: of the vertical axis; None takes what the bands need.
    """
    steps = [step for _, band in bands for step in band.steps]
    values = y_range or [value for _, band in bands for value in (*band.low, *band.high)]
    x_scale, y_scale = _scales([min(steps), max(steps)], values, width, height)
    areas, lines = [], []
    for style, band in bands:
        xs = [x_scale(step) for step in band.steps]
        lines.append(polyline([(x, y_scale(y)) for x, y in zip(xs, band.mean, strict=True)], f"curve {style}"))
        if band.low != band.high:
            over = [(x, y_scale(y)) for x, y in zip(xs, band.high, strict=True)]
            under = [(x, y_scale(y)) for x, y in zip(xs, band.low, strict=True)]
            corners = " ".join(f"{x:.0f},{y:.1f}" for x, y in [*over, *reversed(under)])
            areas.append(element("polygon", class_=f"band {style}", points=corners))
    return figure_svg(width, height, f"{name} over training steps", _axes(x_scale, y_scale), *areas, *lines)


def _scales(steps: Sequence[float], values: Sequence[float], width: int, height: int) -> tuple[Scale, Scale]:
    area = Box(46.0, 10.0, width - 10.0, height - 28.0)
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return (
        Scale(steps[0], steps[-1], area.left, area.right),
        Scale(low - margin, high + margin, area.bottom, area.top),
    )


def _axes(x_scale: Scale, y_scale: Scale) -> Markup:
    x_ticks = round_ticks(x_scale.data_low, x_scale.data_high, 4)
    y_ticks = round_ticks(y_scale.data_low, y_scale.data_high, 3)
    return axes(
        x_scale,
        y_scale,
        [(value, format_tick(value)) for value in x_ticks],
        [(value, format_tick(value)) for value in y_ticks],
    )

"""Small pieces of charts: scales, round ticks, labels that avoid each other. Pure geometry, no colours.

Colours come from the style sheet by class, so that one drawing serves the light and the dark page.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from extracot.text.markup import Markup, element, text_element

CHARACTER_WIDTH = 6.4
"""Mean advantage of one character at the 12 px of chart labels, in px; an estimate to keep labels apart."""
LINE_HEIGHT = 13.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps data to pixels, linearly. A domain of zero width maps to the middle of the pixels."""

    data_low: float
    data_high: float
    pixel_low: float
    pixel_high: float

    def __call__(self, value: float) -> float:
        if self.data_high == self.data_low:
            return (self.pixel_low + self.pixel_high) / 2
        share = (value - self.data_low) / (self.data_high - self.data_low)
        return self.pixel_low + share * (self.pixel_high - self.pixel_low)


class Box(NamedTuple):
    """An axis-aligned rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def is_inside(self, other: "Box") -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


class Label(NamedTuple):
    """Where a label's text starts from."""

    x: float
    y: float
    """Base line."""
    anchor: str
    """SVG text-anchor: start | middle | end"""


def round_ticks(low: float, high: float, n_wanted: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten inside [low, high], about `n_wanted` of them.

    An empty or reversed range gives [low].
    """
    if not high > low:
        return [low]
    raw = (high - low) / max(1, n_wanted)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def format_tick(value: float) -> str:
    """A tick as short as it can be: 1500, 0.25, 1e-05."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.4g}"


def place_label(x: float, y: float, text: str, gap: float, area: Box, taken: list[Box]) -> Label | None:
    """Find room for a point's label beside the point (x, y), inside `area` and off everything `taken`.

    Tries eight places, those that a rising curve leaves free first, then lines further above and below at either side;
    the box that is used is added to `taken`. None when all are blocked: a missing label is better than two unreadable
    ones.
    """
    width = CHARACTER_WIDTH * len(text)
    half_line = LINE_HEIGHT / 2
    corner_x, corner_y = gap * 0.8, gap * 0.5 + half_line
    nearest = (
        (x - corner_x, y - corner_y, "end"),
        (x + corner_x, y + corner_y, "start"),
        (x, y - gap - half_line, "middle"),
        (x, y + gap + half_line, "middle"),
        (x + corner_x, y - corner_y, "start"),
        (x - corner_x, y + corner_y, "end"),
        (x + gap + 2, y, "start"),
        (x - gap - 2, y, "end"),
    )
    further = [
        (x + side * corner_x, y + direction * (corner_y + n_lines * LINE_HEIGHT), anchor)
        for n_lines in (1, 2, 3)
        for direction in (1, -1)
        for side, anchor in ((1, "start"), (-1, "end"))
    ]
    for label_x, middle_y, anchor in (*nearest, *further):
        left = label_x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = Box(left, middle_y - half_line, left + width, middle_y + half_line)
        if box.is_inside(area) and not any(box.overlaps(other) for other in taken):
            taken.append(box)
            return Label(label_x, middle_y + 4, anchor)
    return None


def line_boxes(points: Sequence[tuple[float, float]], step: float = 5.0) -> list[Box]:
    """Small boxes along a polyline, in pixels, so that labels can keep off it."""
    boxes = []
    for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
        n_steps = max(1, math.ceil(math.hypot(x2 - x1, y2 - y1) / step))
        for index in range(n_steps + 1):
            x, y = x1 + (x2 - x1) * index / n_steps, y1 + (y2 - y1) * index / n_steps
            boxes.append(Box(x - 1, y - 1, x + 1, y + 1))
    return boxes


def axes(
    x_scale: Scale,
    y_scale: Scale,
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
) -> Markup:
    """Hairline grid, tick labels and a base line; ticks are (value, text)."""
    left, right = x_scale.pixel_low, x_scale.pixel_high
    bottom = y_scale.pixel_low
    parts = []
    for value, text in y_ticks:
        y = y_scale(value)
        parts.append(element("line", class_="grid", x1=left, x2=right, y1=y, y2=y))
        parts.append(text_element("text", text, class_="tick", x=left - 8, y=y + 4, text_anchor="end"))
    for value, text in x_ticks:
        x = x_scale(value)
        parts.append(element("line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 4))
        parts.append(text_element("text", text, class_="tick", x=x, y=bottom + 18, text_anchor="middle"))
    parts.append(element("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom))
    return element("g", *parts)


def polyline(pixels: Sequence[tuple[float, float]], class_: str) -> Markup:
    """A line through points in pixels."""
    return element("polyline", class_=class_, points=" ".join(f"{x:.1f},{y:.1f}" for x, y in pixels))


def figure_svg(width: int, height: int, title: str, *parts: Markup, class_: str = "chart") -> Markup:
    """An inline SVG of that size, which scales down with the page; `title` is read to the blind."""
    return element(
        "svg",
        *parts,
        attributes={"viewBox": f"0 0 {width} {height}", "width": width, "height": height},
        class_=class_,
        role="img",
        aria_label=title,
    )

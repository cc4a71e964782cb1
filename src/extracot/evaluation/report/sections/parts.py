"""What several sections share: cells, legends, numbers for people."""

from collections.abc import Mapping

from extracot.evaluation.table import percent
from extracot.text.markup import NOTHING, Markup, element, escape, text_element

WIDE, NARROW = 1040, 380
"""Widths in px at which charts are drawn for a desk and for a phone."""

PERCENT = "\N{NO-BREAK SPACE}%"

def legend(styles: Mapping[str, str]) -> Markup:
    """Colour and name of each arm."""
    items = [
        element("li", element("span", class_=f"swatch {style}"), escape(arm)) for arm, style in styles.items()
    ]
    return element("ul", *items, class_="legend")


def describe_level(level: int | None) -> str:
    """A difficulty level for people."""
    return "no level" if level is None else f"level {level}"


def cell(text: str | None, small: str | None = None) -> Markup:
    if text is None:
        return element("td", escape("–"), class_="none")
    return element("td", escape(text), NOTHING if small is None else text_element("small", small))


def tinted_cell(share: float | None) -> Markup:
    if share is None:
        return cell(None)
    return element("td", escape(percent(share)), class_="tinted", style=f"--tint:{share:.2f}")


def signed_points(share: float) -> str:
    points = round(100 * share, 1)
    return "0.0" if points == 0 else f"{'+' if points > 0 else '−'}{abs(points):.1f}"


def short_seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:.1f}"

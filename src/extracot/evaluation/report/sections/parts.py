"""What several sections share: cells, legends, numbers for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from extracot.evaluation.report.results import Results, Row
from extracot.evaluation.table import describe_mode, percent
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


def signed(value: float) -> str:
    """A difference of tokens, with its sign."""
    rounded = round(value, 1)
    return "0.0" if rounded == 0 else f"{'+' if rounded > 0 else '−'}{abs(rounded):.1f}"


def describe_row(row: Row) -> str:
    """Arm and how it was asked; the base model has one way only."""
    return row.key.arm if row.key.mode == "base" else f"{row.key.arm} {describe_mode(row.key)}"


def row_heading(results: Results, row: Row) -> Markup:
    """The first cell of a table row about a row of the results: colour and name."""
    swatch = element("span", class_=f"swatch {results.styles[row.key.arm]}")
    return element("th", swatch, escape(describe_row(row)), scope="row")


def short_path(path: Path) -> str:
    """The last two parts: a pipeline and its step."""
    return "/".join(path.parts[-2:])


def table(headings: Sequence[str], rows: Sequence[Markup], class_: str | None = None) -> Markup:
    """A table that scrolls sideways by itself where the page is narrower."""
    head = element("thead", element("tr", *[text_element("th", text, scope="col") for text in headings]))
    body = element("table", head, element("tbody", *rows), class_=class_)
    return element("div", body, class_="scroll", tabindex=0)

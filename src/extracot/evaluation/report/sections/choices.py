"""What ratio each policy chooses, overall and by difficulty."""

from collections import Counter
from collections.abc import Mapping, Sequence

from extracot.evaluation.metrics import accuracy_by_level, choices_by_level
from extracot.evaluation.report.results import Results, Row
from extracot.evaluation.report.sections.parts import PERCENT, describe_level
from extracot.evaluation.table import percent
from extracot.text.markup import NOTHING, Markup, element, escape, text_element

_NO_RATIO = "no ratio token"


def choices_figure(results: Results) -> Markup:
    """The choices of every arm that was asked for its own, the headline's first; nothing without one."""
    policies = [row for row in results.rows if row.key.mode == "policy"]
    if not policies:
        return NOTHING
    policies.sort(key=lambda row: row is not results.headline)
    counts_of = [_choices(row) for row in policies]
    ratios = sorted({ratio for rows in counts_of for _, counts in rows for ratio in counts if ratio is not None})
    has_none = any(counts.get(None) for rows in counts_of for _, counts in rows)
    panels = []
    for row, counts in zip(policies, counts_of, strict=True):
        swatch = element("span", class_=f"swatch {results.styles[row.key.arm]}")
        name = element("h4", swatch, escape(row.key.arm)) if len(policies) > 1 else NOTHING
        panels.append(element("div", name, stacked_bars(counts, ratios, _shares_right(row), _NO_RATIO)))
    caption = (
        "Share of the questions for which each ratio was chosen, read from the first token that was written; darker is "
        "a larger budget."
    )
    return element(
        "figure",
        text_element("h3", "What budget does the policy choose?"),
        ratio_key(ratios, _NO_RATIO if has_none else None),
        element("div", *panels, class_="panels" if len(panels) > 1 else None),
        text_element("figcaption", caption),
    )


def ratio_key(ratios: Sequence[float], none_label: str | None) -> Markup:
    """What the tints of stacked bars mean; `none_label` is shown where there are counts without a ratio."""
    keys = [
        element("li", element("span", class_="key", style=f"--tint:{tint:.2f}"), escape(f"{ratio:.2f}"))
        for ratio, tint in _tints(ratios).items()
    ]
    if none_label is not None:
        keys.append(element("li", element("span", class_="key without"), escape(none_label)))
    return element("ul", *keys, class_="legend")


def stacked_bars(
    rows: Sequence[tuple[str, Mapping[float | None, int]]],
    ratios: Sequence[float],
    after: Mapping[str, str],
    none_label: str,
) -> Markup:
    """Horizontal bars of counts per ratio; darker means a larger ratio, hatched means none.

    Args:
        rows: (label, count per ratio); the first row is the total and set apart.
        ratios: ascending; every ratio that any bar beside these has, so that tints mean the same.
        after: text behind the bar, by label.
        none_label: what a count under None means.
    """
    cells = []
    for index, (label, counts) in enumerate(rows):
        total = sum(counts.values())
        segments = [
            _segment(f"{ratio:.2f}", counts[ratio], total, tint)
            for ratio, tint in _tints(ratios).items()
            if counts.get(ratio)
        ]
        if counts.get(None):
            segments.append(_segment(none_label, counts[None], total, None))
        cells += [
            text_element("span", label, class_="total" if index == 0 else None),
            element("span", *segments, class_="stack"),
            text_element("span", after.get(label, f"n = {total}"), class_="after"),
        ]
        if index == 0 and len(rows) > 1:
            cells.append(element("hr"))
    return element("div", *cells, class_="bars")


def _choices(row: Row) -> list[tuple[str, Counter[float | None]]]:
    """The counts of all questions, then those of each level where there are several."""
    by_level = choices_by_level(row.scores)
    overall: Counter[float | None] = sum(by_level.values(), Counter())
    levels = [(describe_level(level), counts) for level, counts in by_level.items()]
    return [("all", overall), *(levels if len(levels) > 1 else [])]


def _shares_right(row: Row) -> dict[str, str]:
    by_level = accuracy_by_level(row.scores)
    shares = {"all": row.metrics.accuracy, **{describe_level(level): share for level, share in by_level.items()}}
    return {label: f"{percent(share, 0)}{PERCENT} right" for label, share in shares.items()}


def _tints(ratios: Sequence[float]) -> dict[float, float]:
    return {ratio: 0.14 + 0.86 * index / max(1, len(ratios) - 1) for index, ratio in enumerate(ratios)}


def _segment(name: str, count: int, total: int, tint: float | None) -> Markup:
    share = count / total
    text = f"{100 * share:.0f}%" if share >= 0.09 else ""
    style = f"flex-grow:{count}" + ("" if tint is None else f";--tint:{tint:.2f}")
    class_ = "without" if tint is None else "strong" if tint > 0.6 else None
    return text_element("span", text, class_=class_, style=style, title=f"{name}: {count} of {total}")

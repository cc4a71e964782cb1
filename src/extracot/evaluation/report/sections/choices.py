"""What ratio the policy chooses, overall and by difficulty."""

from collections import Counter
from collections.abc import Mapping, Sequence

from extracot.evaluation.metrics import accuracy_by_level, choices_by_level
from extracot.evaluation.report.results import Results
from extracot.evaluation.report.sections.parts import PERCENT, describe_level
from extracot.evaluation.table import percent
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element


def choices_figure(results: Results) -> Markup:
    """What ratio the policy chose, overall and by difficulty; nothing without a policy row."""
    policy = results.headline
    if policy is None:
        return NOTHING
    by_level = choices_by_level(policy.scores)
    overall: Counter[float | None] = sum(by_level.values(), Counter())
    levels = [(describe_level(level), counts) for level, counts in by_level.items()]
    if len(levels) == 1:
        levels = []
    accuracies = accuracy_by_level(policy.scores)
    after = {
        describe_level(level): f"{percent(share, 0)}{PERCENT} right" for level, share in accuracies.items()
    }
    after["all"] = f"{percent(policy.metrics.accuracy, 0)}{PERCENT} right"
    caption = (
        f"Share of problems for which {policy.key.arm} chose each ratio, read from the first token it wrote; "
        "darker is a larger budget."
    )
    return element(
        "figure",
        text_element("h3", "What budget does the policy choose?"),
        stacked_bars([("all", overall), *levels], after, "no ratio token"),
        text_element("figcaption", caption),
    )


def stacked_bars(
    rows: Sequence[tuple[str, Mapping[float | None, int]]], after: Mapping[str, str], none_label: str
) -> Markup:
    """Horizontal bars of counts per ratio; darker means a larger ratio, hatched means none.

    Args:
        rows: (label, count per ratio); the first row is the total and set apart.
        after: text behind the bar, by label.
        none_label: what a count under None means.
    """
    ratios = sorted({ratio for _, counts in rows for ratio in counts if ratio is not None})
    tints = {ratio: 0.14 + 0.86 * index / max(1, len(ratios) - 1) for index, ratio in enumerate(ratios)}
    has_none = any(counts.get(None) for _, counts in rows)
    keys = [
        element("li", element("span", class_="key", style=f"--tint:{tint:.2f}"), escape(f"{ratio:.2f}"))
        for ratio, tint in tints.items()
    ]
    if has_none:
        keys.append(element("li", element("span", class_="key without"), escape(none_label)))
    cells = []
    for index, (label, counts) in enumerate(rows):
        total = sum(counts.values())
        segments = [
            _segment(f"{ratio:.2f}", counts[ratio], total, tint)
            for ratio, tint in tints.items()
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
    return join(element("ul", *keys, class_="legend"), element("div", *cells, class_="bars"))


def _segment(name: str, count: int, total: int, tint: float | None) -> Markup:
    share = count / total
    text = f"{100 * share:.0f}%" if share >= 0.07 else ""
    style = f"flex-grow:{count}" + ("" if tint is None else f";--tint:{tint:.2f}")
    class_ = "without" if tint is None else "strong" if tint > 0.5 else None
    return text_element("span", text, class_=class_, style=style, title=f"{name}: {count} of {total}")

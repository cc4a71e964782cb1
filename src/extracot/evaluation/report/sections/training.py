"""The metrics of every run that logged some, as small curves."""

from collections.abc import Sequence

from extracot.evaluation.report.charts import training_curve
from extracot.evaluation.report.collect import StageRun
from extracot.text.markup import Markup, element, join, text_element

_CURVE_ORDER = ("reward", "accuracy", "correct", "think", "ratio", "entropy", "loss", "kl", "share")
"""Curves whose name holds one of these words come first, in this order."""

_MAX_CURVES = 9
"""Curves of a run that are shown at once; the rest waits behind a fold."""

def training_section(runs: Sequence[StageRun]) -> Markup:
    """Small curves of every run that logged metrics; nothing when none did."""
    parts = []
    for run in runs:
        names = sorted((name for name, points in run.curves.items() if len(points) > 1), key=_curve_rank)
        if not names:
            continue
        parts.append(text_element("h3", f"Training: {run.manifest.stage}"))
        parts.append(_multiples(run, names[:_MAX_CURVES]))
        if names[_MAX_CURVES:]:
            summary = text_element("summary", f"{len(names) - _MAX_CURVES} more curves")
            parts.append(element("details", summary, _multiples(run, names[_MAX_CURVES:])))
    return join(*parts)


def _multiples(run: StageRun, names: Sequence[str]) -> Markup:
    figures = [
        element("figure", text_element("figcaption", name), training_curve(name, run.curves[name]))
        for name in names
    ]
    return element("div", *figures, class_="multiples")


def _curve_rank(name: str) -> tuple[int, str]:
    ranks = [rank for rank, word in enumerate(_CURVE_ORDER) if word in name.lower()]
    return (min(ranks, default=len(_CURVE_ORDER)), name)

"""The metrics of every run that logged some, as small curves behind a fold."""

from collections.abc import Sequence

from extracot.evaluation.report.collect import StageRun
from extracot.evaluation.report.line_charts import training_curve
from extracot.text.markup import NOTHING, Markup, element, join, text_element

_CURVE_ORDER = ("reward/total", "accuracy", "think", "entropy", "share", "loss", "reward", "ratio", "kl")
"""Curves whose name holds one of these words come first, in this order."""

_MAX_CURVES = 12
"""Curves that are shown of a run; the page names the others."""


def training_section(runs: Sequence[StageRun]) -> Markup:
    """Small curves of every run that logged metrics; nothing when none did."""
    folds = [_fold(run) for run in runs if any(len(points) > 1 for points in run.curves.values())]
    if not folds:
        return NOTHING
    note = "As logged, one line a run; long curves are thinned to means of neighbours."
    return join(text_element("h3", "Training curves"), text_element("p", note, class_="note"), *folds)


def _fold(run: StageRun) -> Markup:
    moving = {name: points for name, points in run.curves.items() if len({value for _, value in points}) > 1}
    names = sorted(moving, key=_curve_rank)
    shown, named = names[:_MAX_CURVES], names[_MAX_CURVES:]
    figures = [
        element("figure", text_element("figcaption", name), training_curve(name, moving[name])) for name in shown
    ]
    n_still = len(run.curves) - len(moving)
    rest = []
    if named:
        rest.append(f"Not drawn, but in its metrics.jsonl: {', '.join(named)}.")
    if n_still:
        rest.append(f"{n_still} more never changed.")
    return element(
        "details",
        element(
            "summary",
            text_element("span", run.manifest.stage, class_="brief"),
            text_element("span", str(run.path), class_="facts"),
        ),
        element("div", *figures, class_="multiples"),
        text_element("p", " ".join(rest), class_="note") if rest else NOTHING,
    )


def _curve_rank(name: str) -> tuple[int, str]:
    ranks = [rank for rank, word in enumerate(_CURVE_ORDER) if word in name.lower()]
    return (min(ranks, default=len(_CURVE_ORDER)), name)

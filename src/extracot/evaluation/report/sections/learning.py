"""How the arms learnt: metrics of their chrpo runs over the steps, laid over each other."""

from collections.abc import Mapping, Sequence

from extracot.evaluation.report.learning import ArmCurves, band
from extracot.evaluation.report.line_charts import learning_chart
from extracot.evaluation.report.results import N_OTHER_STYLES
from extracot.evaluation.report.sections.parts import legend
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element

_MAIN_METRICS = {
    "accuracy": "Accuracy of the roll-outs",
    "think_tokens/mean": "Think tokens, mean",
    "head/entropy": "Entropy of the chosen ratio, nats",
}
_SHARE = "head/share_"
_RARE = 0.01
"""A ratio that no arm ever chose for more than this share gets no chart."""


def learning_section(arms: Sequence[ArmCurves], styles: Mapping[str, str]) -> Markup:
    """Accuracy, think tokens and the head over the steps of every arm; nothing without a chrpo run.

    Args:
        arms: with their runs.
        styles: CSS class of each arm that was evaluated; others take what is left.
    """
    if not arms:
        return NOTHING
    styles = {arm.arm: styles.get(arm.arm) or f"other-{number % N_OTHER_STYLES + 1}" for number, arm in enumerate(arms)}
    named = sorted({name for arm in arms for name in arm.metric_names if name.startswith(_SHARE)})
    shares = [name for name in named if _highest(arms, name) > _RARE]
    rare = [name.removeprefix(_SHARE) for name in named if name not in shares]
    titles = {**_MAIN_METRICS, **{name: f"Share of {name.removeprefix(_SHARE)}" for name in shares}}
    figures = [_figure(name, title, arms, styles) for name, title in titles.items()]
    n_runs = [len(arm.runs) for arm in arms]
    note = (
        "Measured on the roll-outs of training, which are sampled, smoothed over a twelfth of the steps. "
        + ("Lines are means over runs, bands reach from the lowest to the highest run. " if max(n_runs) > 1 else "")
        + "Runs: "
        + ", ".join(f"{arm.arm} {n}" for arm, n in zip(arms, n_runs, strict=True))
        + "."
        + (f" Never chosen for more than {100 * _RARE:.0f} %: {', '.join(rare)}." if rare else "")
    )
    return join(
        text_element("h2", "Learning", id="learning"),
        legend(styles),
        element("div", *figures, class_="multiples"),
        text_element("p", note, class_="note"),
    )


def _highest(arms: Sequence[ArmCurves], name: str) -> float:
    bands = [band(arm.runs, name) for arm in arms if name in arm.metric_names]
    return max((value for one in bands for value in one.high), default=0.0)


def _figure(name: str, title: str, arms: Sequence[ArmCurves], styles: Mapping[str, str]) -> Markup:
    bands = [(styles[arm.arm], band(arm.runs, name)) for arm in arms if name in arm.metric_names]
    bands = [(style, one) for style, one in bands if one.steps]
    if not bands:
        return NOTHING
    y_range = (0.0, 1.0) if name.startswith(_SHARE) else None
    bands.sort(key=lambda one: one[0] == "main")  # the main arm on top
    return element("figure", element("figcaption", escape(title)), learning_chart(title, bands, 340, 200, y_range))

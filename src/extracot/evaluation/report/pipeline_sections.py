"""The sections about how the models came to be: stages and counts, teacher budgets, training, provenance."""

from collections import Counter
from collections.abc import Sequence

from extracot.evaluation.report.charts import training_curve
from extracot.evaluation.report.collect import StageRun
from extracot.evaluation.report.sections import describe_level, stacked_bars
from extracot.records.budget import TeacherBudget
from extracot.text.durations import format_duration
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element

_CURVE_ORDER = ("reward", "accuracy", "correct", "think", "ratio", "entropy", "loss", "kl", "share")
"""Curves whose name holds one of these words come first, in this order."""

_MAX_CURVES = 9
"""Curves of a run that are shown at once; the rest waits behind a fold."""


def stages_section(runs: Sequence[StageRun]) -> Markup:
    """What every stage read, kept and measured; nothing without runs."""
    if not runs:
        return NOTHING
    head = element("thead", element("tr", *[text_element("th", text) for text in _STAGE_HEADINGS]))
    rows = [
        element(
            "tr",
            element("th", escape(run.manifest.stage), scope="row"),
            text_element("td", _pairs(run.manifest.counts)),
            text_element("td", _pairs(run.manifest.summary)),
            text_element("td", format_duration(run.manifest.duration_s)),
        )
        for run in runs
    ]
    table = element("table", head, element("tbody", *rows), class_="text")
    return join(
        text_element("h2", "How it was made"),
        text_element("p", "The stages in the order in which they ran: what was counted, and what came out."),
        element("div", table, class_="scroll"),
    )


def budgets_section(runs: Sequence[StageRun]) -> Markup:
    """The smallest ratio that reliably solves each problem, by difficulty; nothing without any."""
    budgets = [budget for run in runs for budget in run.budgets]
    if not budgets:
        return NOTHING
    rows = [("all", _count_budgets(budgets))]
    levels = sorted({budget.level for budget in budgets if budget.level is not None})
    if len(levels) > 1:
        rows += [
            (describe_level(level), _count_budgets([one for one in budgets if one.level == level]))
            for level in levels
        ]
    caption = (
        "Teacher budget of each training problem: the smallest ratio from which on the fine-tuned model "
        "solves it reliably. The policy is trained towards these."
    )
    return join(
        text_element("h3", "Teacher budgets"),
        element("figure", stacked_bars(rows, {}, "unsolved"), text_element("figcaption", caption)),
    )


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


def provenance_section(runs: Sequence[StageRun]) -> Markup:
    """Where every number comes from: commits, versions, seeds, digests of configs, inputs and outputs."""
    parts = [text_element("h2", "Provenance")]
    for run in runs:
        manifest = run.manifest
        commit = "not run from a checkout" if manifest.commit is None else manifest.commit[:12]
        if manifest.is_dirty:
            commit += ", with uncommitted changes"
        attempts = "" if manifest.n_attempts == 1 else f", attempt {manifest.n_attempts}"
        facts = {
            "commit": commit,
            "versions": _pairs(manifest.versions),
            "seeds": _pairs(manifest.seeds),
            "config": f"sha256 {manifest.config_digest}",
            "started": f"{manifest.started_utc:%Y-%m-%d %H:%M} UTC{attempts}",
            "took": format_duration(manifest.duration_s),
        }
        files = [
            element(
                "tr",
                text_element("td", kind),
                text_element("td", digest.path, class_="mono"),
                text_element("td", "" if digest.n_rows is None else str(digest.n_rows)),
                text_element("td", digest.sha256, class_="mono"),
            )
            for kind, digests in (("read", manifest.inputs), ("wrote", manifest.outputs))
            for digest in digests
        ]
        head = element("tr", *[text_element("th", text) for text in ("", "file", "rows", "sha256")])
        table = element("table", element("thead", head), element("tbody", *files), class_="text")
        parts.append(
            element(
                "details",
                element(
                    "summary",
                    text_element("span", manifest.stage, class_="brief"),
                    text_element("span", str(run.path), class_="facts"),
                ),
                element(
                    "dl",
                    *[
                        join(text_element("dt", term), text_element("dd", text or "none"))
                        for term, text in facts.items()
                    ],
                    class_="facts-list",
                ),
                element("div", table, class_="scroll") if files else NOTHING,
            )
        )
    return join(*parts)


_STAGE_HEADINGS = ("stage", "counts", "summary", "took")


def _count_budgets(budgets: Sequence[TeacherBudget]) -> Counter[float | None]:
    return Counter(budget.teacher_ratio for budget in budgets)


def _multiples(run: StageRun, names: Sequence[str]) -> Markup:
    figures = [
        element("figure", text_element("figcaption", name), training_curve(name, run.curves[name]))
        for name in names
    ]
    return element("div", *figures, class_="multiples")


def _curve_rank(name: str) -> tuple[int, str]:
    ranks = [rank for rank, word in enumerate(_CURVE_ORDER) if word in name.lower()]
    return (min(ranks, default=len(_CURVE_ORDER)), name)


def _pairs(values: dict[str, float | int | str | None] | dict[str, int] | dict[str, str]) -> str:
    return " · ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: float | int | str | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)

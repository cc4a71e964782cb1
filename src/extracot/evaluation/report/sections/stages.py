"""What every stage read, kept and measured."""

from collections.abc import Sequence

from extracot.evaluation.report.collect import StageRun
from extracot.evaluation.report.filters import is_filter_count
from extracot.evaluation.report.sections.parts import short_path, table
from extracot.evaluation.report.sections.provenance import pairs
from extracot.text.durations import format_duration
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element

_MAX_PAIRS = 8
"""Figures of a stage that are shown at once; the rest waits behind a fold."""


def stages_section(runs: Sequence[StageRun]) -> Markup:
    """A row per run, in the order in which they ran; nothing without runs."""
    if not runs:
        return NOTHING
    rows = [
        element(
            "tr",
            element("th", escape(run.manifest.stage), text_element("small", short_path(run.path)), scope="row"),
            _pairs_cell({key: n for key, n in run.manifest.counts.items() if n and not is_filter_count(key)}),
            _pairs_cell(run.manifest.summary),
            text_element("td", format_duration(run.manifest.duration_s)),
        )
        for run in runs
    ]
    return join(
        text_element("h2", "How it was made", id="making"),
        text_element(
            "p",
            "The stages in the order in which they ran: what was counted (zeros and filters left out), what came out, "
            "and the time of the last attempt.",
        ),
        table(("stage", "counts", "figures", "took"), rows, class_="text stages"),
    )


def _pairs_cell(values: dict[str, int] | dict[str, float | int | str | None]) -> Markup:
    items = list(values.items())
    first, rest = dict(items[:_MAX_PAIRS]), dict(items[_MAX_PAIRS:])
    more = (
        element("details", text_element("summary", f"{len(rest)} more"), escape(pairs(rest))) if rest else NOTHING
    )
    return element("td", escape(pairs(first)), more)

"""What every stage read, kept and measured."""

from collections.abc import Sequence

from extracot.evaluation.report.collect import StageRun
from extracot.evaluation.report.sections.provenance import pairs
from extracot.text.durations import format_duration
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element

_STAGE_HEADINGS = ("stage", "counts", "summary", "took")

def stages_section(runs: Sequence[StageRun]) -> Markup:
    """What every stage read, kept and measured; nothing without runs."""
    if not runs:
        return NOTHING
    head = element("thead", element("tr", *[text_element("th", text) for text in _STAGE_HEADINGS]))
    rows = [
        element(
            "tr",
            element("th", escape(run.manifest.stage), scope="row"),
            text_element("td", pairs(run.manifest.counts)),
            text_element("td", pairs(run.manifest.summary)),
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

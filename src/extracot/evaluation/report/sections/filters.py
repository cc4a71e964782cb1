"""What the filters of the data stages rejected, and why."""

from collections.abc import Sequence

from extracot.evaluation.report.filters import FilterCount, FilterReport
from extracot.evaluation.report.sections.parts import cell, short_path, table
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element


def filters_section(reports: Sequence[FilterReport]) -> Markup:
    """One table per run of build-sft; nothing without one."""
    if not reports:
        return NOTHING
    note = (
        "A trace is taken by the first filter that objects to it, a rendering counted under each of its faults. "
        "The runs' rejections.jsonl list each with its reason."
    )
    return join(
        text_element("h3", "Filters"),
        text_element("p", note, class_="note"),
        *[_one_run(report) for report in reports],
    )


def _one_run(report: FilterReport) -> Markup:
    name = text_element("h4", short_path(report.run.path))
    kept = (
        NOTHING
        if report.n_traces is None
        else text_element("p", f"{report.n_traces_kept} of {report.n_traces} traces were kept.")
    )
    ratios = sorted({ratio for one in report.took for ratio in one.n_by_ratio if ratio})
    headings = ("took", "traces", *[f"at {ratio}" for ratio in ratios], "for instance")
    rows = [_row(one, ratios) for one in report.took]
    nothing = ", ".join(name.replace("_", " ") for name in report.took_nothing)
    silent = (
        element(
            "details",
            text_element("summary", f"{len(report.took_nothing)} more filters took nothing"),
            text_element("p", nothing, class_="note"),
        )
        if report.took_nothing
        else NOTHING
    )
    shown = table(headings, rows, class_="filters-table") if rows else text_element("p", "No filter took anything.")
    return element("div", name, kept, shown, silent)


def _row(one: FilterCount, ratios: Sequence[str]) -> Markup:
    words = one.name.replace("_", " ")
    label = element(
        "th", escape(words), text_element("small", "counted only") if one.is_only_counted else NOTHING, scope="row"
    )
    counts = [one.n_by_ratio.get(ratio) for ratio in ("", *ratios)]
    cells = [cell(None if n is None else str(n)) for n in counts]
    return element("tr", label, *cells, text_element("td", one.instance or "–", class_="words"))

"""All rows as a table, and their accuracy by difficulty."""

from collections.abc import Sequence

from extracot.evaluation.metrics import accuracy_by_level
from extracot.evaluation.report.results import Results, Row
from extracot.evaluation.report.sections.parts import (
    cell,
    describe_level,
    describe_row,
    row_heading,
    short_seconds,
    signed_points,
    table,
    tinted_cell,
)
from extracot.evaluation.table import SAMPLES_LEGEND, describe_mode, percent, percent_interval, samples_table
from extracot.text.markup import NOTHING, Markup, element, escape, join, text_element


def results_table(results: Results) -> Markup:
    """Every row, arm by arm; an arm of one row is named on that row."""
    headings = (
        "asked for",
        "Acc@all, %",
        "vs base, points",
        "think tokens",
        "all tokens",
        "ActRatio",
        "control error",
        "truncated, %",
        "no answer, %",
        "unclosed, %",
        "latency p50, s",
        "p95, s",
    )
    head = element("thead", element("tr", *[text_element("th", text, scope="col") for text in headings]))
    bodies = []
    for arm, style in results.styles.items():
        swatch = element("span", class_=f"swatch {style}")
        rows = results.rows_of(arm)
        if len(rows) == 1:
            bodies.append(element("tbody", _table_row(rows[0], style, row_heading(results, rows[0]))))
            continue
        label = element("th", swatch, escape(arm), colspan=len(headings), scope="rowgroup")
        named = [_table_row(row, style, text_element("th", describe_mode(row.key), scope="row")) for row in rows]
        bodies.append(element("tbody", element("tr", label, class_="arm"), *named))
    asked = _describe_counts(results.rows)
    note = (
        f"{asked} Small print: 95 % intervals. Acc@all counts truncated and unparseable answers as wrong. "
        "ActRatio: mean think tokens ÷ the base model's mean on the same questions. Control error: "
        "|ActRatio − target|. An unclosed think block counts in full."
    )
    whole = element("table", head, *bodies)
    return join(element("div", whole, class_="scroll", tabindex=0), text_element("p", note, class_="note"))


def samples_section(results: Results, n_runs: int) -> Markup:
    """avg@n and pass@k of every row; nothing where no question has several samples."""
    lines = samples_table([row.metrics for row in results.rows])
    if not lines:
        return NOTHING
    rows = [
        element("tr", row_heading(results, row), *[cell(text) for text in line[2:]])
        for row, line in zip(results.rows, lines[1:], strict=True)
    ]
    pooled = " The samples are those of all runs, hence of as many models as were trained." if n_runs > 1 else ""
    return join(
        text_element("h3", "Several samples"),
        table(["", *lines[0][2:]], rows),
        text_element("p", f"{SAMPLES_LEGEND}{pooled}", class_="note"),
    )


def level_table(results: Results) -> Markup:
    """Acc@all of every row by difficulty; nothing when there is only one level."""
    by_row = [(row, accuracy_by_level(row.scores)) for row in results.rows]
    levels = list(dict.fromkeys(level for _, shares in by_row for level in shares))
    levels.sort(key=lambda level: (level is None, level or 0))
    if len(levels) < 2:
        return NOTHING
    headings = ["", *(describe_level(level) for level in levels)]
    head = element("thead", element("tr", *[text_element("th", text, scope="col") for text in headings]))
    body = []
    for row, shares in by_row:
        body.append(element("tr", row_heading(results, row), *[tinted_cell(shares.get(level)) for level in levels]))
    return join(
        text_element("h3", "Accuracy by difficulty"),
        text_element("p", "Acc@all in % by difficulty level; darker is higher.", class_="note"),
        element("div", element("table", head, element("tbody", *body)), class_="scroll", tabindex=0),
    )


def _describe_counts(rows: Sequence[Row]) -> str:
    """How many questions and samples every row has; rows that differ from most are named."""
    by_count: dict[tuple[int, int], list[str]] = {}
    for row in rows:
        by_count.setdefault((row.metrics.n_problems, row.metrics.n_completions), []).append(describe_row(row))
    ordered = sorted(by_count.items(), key=lambda item: -len(item[1]))
    words: list[str] = []
    for (n_problems, n_completions), names in ordered:
        samples, rest = divmod(n_completions, n_problems)
        n = f"{n_completions} completions" if rest else f"{samples} sample{'s' if samples > 1 else ''} each"
        words.append(f"{n_problems} problems, {n}" + (f" ({', '.join(names)})" if words else ""))
    return "; ".join(words) + "."


def _table_row(row: Row, style: str, heading: Markup) -> Markup:
    metrics = row.metrics
    is_policy = row.key.mode == "policy"
    versus = row.versus_base
    latency = metrics.latency
    cells = [
        heading,
        cell(percent(metrics.accuracy), percent_interval(metrics.accuracy_interval)),
        cell(
            None if versus is None else signed_points(versus.difference),
            None
            if versus is None
            else f"{signed_points(versus.interval.low)} to {signed_points(versus.interval.high)}",
        ),
        cell(f"{metrics.mean_think_tokens:.1f}"),
        cell(f"{metrics.mean_tokens:.1f}"),
        cell(None if metrics.act_ratio is None else f"{metrics.act_ratio:.3f}"),
        cell(None if metrics.control_error is None else f"{metrics.control_error:.3f}"),
        cell(percent(metrics.truncated_rate)),
        cell(percent(metrics.no_answer_rate)),
        cell(percent(metrics.unclosed_rate)),
        cell(short_seconds(latency.p50_s)),
        cell(short_seconds(latency.p95_s)),
    ]
    return element("tr", *cells, class_=f"row policy {style}" if is_policy else "row")

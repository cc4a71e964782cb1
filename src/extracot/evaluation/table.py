"""Row metrics as a table: aligned plain text for a terminal, Markdown for people, CSV for programs.

Plain text and Markdown round and use percent; CSV keeps full precision, fractions of one and one column
per number, so nothing has to be parsed back out of a formatted cell.
"""

import csv
import io
from collections.abc import Mapping, Sequence

from extracot.evaluation.metrics import Interval, RowKey, RowMetrics

NOTHING = "–"
"""Shown where a number does not exist, e.g. the control error of a row without a target."""

COLUMNS = (
    "arm",
    "asked",
    "Acc@all %",
    "95 % interval",
    "think",
    "answer",
    "all",
    "ActRatio",
    "error",
    "cut %",
    "none %",
    "open %",
    "p50 s",
    "p95 s",
    "n",
)
"""Short headings, for terminals; `LEGEND` spells them out. The first two columns are text."""

LEGEND = (
    "think, answer, all: mean tokens. ActRatio: think / the base model's mean. error: |ActRatio - asked|.\n"
    "cut: truncated. none: no answer. open: think block never closed. n: problems x samples."
)

SAMPLES_LEGEND = (
    "avg@n: Acc@all over all samples. pass@k: a question is solved by any of k samples (unbiased estimate).\n"
    "Intervals count questions, not samples."
)
"""Below the second table, which stands only where questions have several samples."""

CSV_COLUMNS = (
    "data_set",
    "arm",
    "mode",
    "target_ratio",
    "n_problems",
    "n_completions",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "pass_rate",
    "mean_think_tokens",
    "mean_answer_tokens",
    "mean_tokens",
    "act_ratio",
    "act_ratio_low",
    "act_ratio_high",
    "saving",
    "mean_question_ratio",
    "control_error",
    "question_control_error",
    "truncated_rate",
    "no_answer_rate",
    "ungraded_rate",
    "unclosed_rate",
    "latency_mean_s",
    "latency_p50_s",
    "latency_p95_s",
)
"""With several samples per question `pass_at_<k>` and its `_low` and `_high` follow for every k shown."""


def describe_mode(key: RowKey) -> str:
    """How the row was asked, for people: "base", "policy" or the target ratio ("0.20")."""
    return key.mode if key.target_ratio is None else f"{key.target_ratio:.2f}"


def percent(share: float | None, digits: int = 1) -> str:
    """0.853 -> "85.3"; the percent sign is left to the heading."""
    return NOTHING if share is None else f"{100 * share:.{digits}f}"


def percent_interval(interval: Interval | None) -> str:
    """An interval of shares as "82.1 – 88.0"."""
    return NOTHING if interval is None else f"{percent(interval.low)} – {percent(interval.high)}"


def table_cells(rows: Sequence[RowMetrics]) -> list[tuple[str, ...]]:
    """The formatted cells of each row, in the order of `COLUMNS`."""
    return [
        (
            row.key.arm,
            describe_mode(row.key),
            percent(row.accuracy),
            percent_interval(row.accuracy_interval),
            f"{row.mean_think_tokens:.1f}",
            f"{row.mean_answer_tokens:.1f}",
            f"{row.mean_tokens:.1f}",
            _decimals(row.act_ratio),
            _decimals(row.control_error),
            percent(row.truncated_rate),
            percent(row.no_answer_rate),
            percent(row.unclosed_rate),
            _seconds(row.latency.p50_s),
            _seconds(row.latency.p95_s),
            str(row.n_problems) if row.n_problems == row.n_completions else _samples(row),
        )
        for row in rows
    ]


def samples_table(rows: Sequence[RowMetrics]) -> list[tuple[str, ...]]:
    """Headings and formatted cells of what several samples say: avg@n and pass@k; [] where no row has several."""
    ks = _shown_ks(rows)
    if not ks:
        return []
    headings = ["arm", "asked", "avg@n %", "95 % interval"]
    for k in ks:
        headings += [f"pass@{k} %", "95 % interval"]
    lines = [tuple(headings)]
    for row in rows:
        cells = [row.key.arm, describe_mode(row.key), percent(row.accuracy), percent_interval(row.accuracy_interval)]
        passes = {one.k: one for one in row.passes}
        for k in ks:
            found = passes.get(k)
            cells += [NOTHING, NOTHING] if found is None else [percent(found.share), percent_interval(found.interval)]
        lines.append(tuple(cells))
    return lines


def render_plain(rows: Sequence[RowMetrics]) -> str:
    """Aligned columns with a rule under the headings, the legend below; ends with a newline.

    Where questions have several samples, a second table with avg@n and pass@k follows.
    """
    text = f"{align_columns([COLUMNS, *table_cells(rows)])}\n\n{LEGEND}\n"
    samples = samples_table(rows)
    return f"{text}\n{align_columns(samples)}\n\n{SAMPLES_LEGEND}\n" if samples else text


def render_markdown(rows: Sequence[RowMetrics]) -> str:
    """The tables of `render_plain` as GitHub's; pipes, tags and line breaks in names are neutralised."""
    text = f"{markdown_table([COLUMNS, *table_cells(rows)])}\n\n{LEGEND}\n"
    samples = samples_table(rows)
    return f"{text}\n{markdown_table(samples)}\n\n{SAMPLES_LEGEND}\n" if samples else text


def render_csv(tables: Mapping[str, Sequence[RowMetrics]]) -> str:
    """One line per row with the columns `CSV_COLUMNS`, full precision; an absent number is empty.

    Args:
        tables: the rows of each data set, by its name.
    """
    ks = _shown_ks([row for rows in tables.values() for row in rows])
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    pass_columns = [f"pass_at_{k}{end}" for k in ks for end in ("", "_low", "_high")]
    writer.writerow((*CSV_COLUMNS, *pass_columns))
    for data_set, row in ((name, row) for name, rows in tables.items() for row in rows):
        ratio_interval = row.act_ratio_interval
        passes = {one.k: one for one in row.passes}
        writer.writerow(
            (
                data_set,
                row.key.arm,
                row.key.mode,
                row.key.target_ratio,
                row.n_problems,
                row.n_completions,
                row.accuracy,
                row.accuracy_interval.low,
                row.accuracy_interval.high,
                row.pass_rate,
                row.mean_think_tokens,
                row.mean_answer_tokens,
                row.mean_tokens,
                row.act_ratio,
                None if ratio_interval is None else ratio_interval.low,
                None if ratio_interval is None else ratio_interval.high,
                row.saving,
                row.mean_question_ratio,
                row.control_error,
                row.question_control_error,
                row.truncated_rate,
                row.no_answer_rate,
                row.ungraded_rate,
                row.unclosed_rate,
                row.latency.mean_s,
                row.latency.p50_s,
                row.latency.p95_s,
                *(
                    value
                    for k in ks
                    for value in ((passes[k].share, *passes[k].interval) if k in passes else (None, None, None))
                ),
            )
        )
    return stream.getvalue()


def align_columns(lines: Sequence[Sequence[str]], n_text: int = 2) -> str:
    """Headings and rows as aligned plain text, a rule under the headings; the first `n_text` columns to the left."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = ["  ".join(_align(line, widths, n_text)).rstrip() for line in lines]
    texts.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(texts)


def markdown_table(lines: Sequence[Sequence[str]], n_text: int = 2) -> str:
    """Headings and rows as a GitHub table; pipes, tags and line breaks in cells are neutralised."""
    rule = ["---"] * n_text + ["---:"] * (len(lines[0]) - n_text)
    cells = [lines[0], rule, *[[_markdown_text(cell) for cell in line] for line in lines[1:]]]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _shown_ks(rows: Sequence[RowMetrics]) -> list[int]:
    return sorted({one.k for row in rows for one in row.passes})


def _align(row: Sequence[str], widths: Sequence[int], n_text: int) -> list[str]:
    return [
        cell.ljust(width) if column < n_text else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _markdown_text(cell: str) -> str:
    escaped = cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split())


def _samples(row: RowMetrics) -> str:
    """Problems and samples, as "500 × 4"; uneven sampling shows the total instead."""
    samples, rest = divmod(row.n_completions, row.n_problems)
    return f"{row.n_problems} × {samples}" if rest == 0 else f"{row.n_completions} of {row.n_problems}"


def _decimals(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"

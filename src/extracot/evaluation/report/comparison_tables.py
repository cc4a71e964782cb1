"""Runs apart and paired differences as Markdown for people and as CSV for programs."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from extracot.evaluation.report.comparison import Difference, RowByRun, RunScores
from extracot.evaluation.table import NOTHING, describe_mode, markdown_table, percent

RUN_COLUMNS = (
    "data_set",
    "run",
    "arm",
    "mode",
    "target_ratio",
    "n_problems",
    "n_completions",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "mean_think_tokens",
    "act_ratio",
)
"""Of `by_run.csv`: one line per row and run, so that any spread can be worked out."""

DIFFERENCE_COLUMNS = (
    "data_set",
    "run",
    "arm",
    "mode",
    "target_ratio",
    "reference_arm",
    "reference_mode",
    "n_problems",
    "accuracy_difference",
    "accuracy_low",
    "accuracy_high",
    "n_better",
    "n_worse",
    "p_value",
    "think_tokens_difference",
    "think_tokens_ratio",
    "think_tokens_ratio_low",
    "think_tokens_ratio_high",
)
"""Of `differences.csv`: a line over all runs, whose `run` is empty, then one per run without intervals."""


def runs_csv(runs_of: Mapping[str, tuple[Sequence[RunScores], Sequence[RowByRun]]]) -> str:
    """Every row in every run, full precision.

    Args:
        runs_of: the runs and the rows of each data set, by its name.
    """
    lines = [
        (
            data_set,
            run.label,
            *row.key,
            metrics.n_problems,
            metrics.n_completions,
            metrics.accuracy,
            *metrics.accuracy_interval,
            metrics.mean_think_tokens,
            metrics.act_ratio,
        )
        for data_set, (runs, rows) in runs_of.items()
        for row in rows
        for run, metrics in zip(runs, row.by_run, strict=True)
        if metrics is not None
    ]
    return _csv(RUN_COLUMNS, lines)


def differences_csv(differences_of: Mapping[str, tuple[Sequence[RunScores], Sequence[Difference]]]) -> str:
    """Every paired difference, over all runs and in each, full precision.

    Args:
        differences_of: the runs and the differences of each data set, by its name.
    """
    lines: list[tuple[object, ...]] = []
    for data_set, (runs, differences) in differences_of.items():
        for one in differences:
            who = (*one.row.key, *one.reference.key[:2])
            accuracy, thinking = one.accuracy, one.thinking
            overall = (
                accuracy.n_problems,
                accuracy.difference,
                *accuracy.interval,
                accuracy.n_first_better,
                accuracy.n_second_better,
                accuracy.p_value,
                thinking.first_tokens - thinking.second_tokens,
                thinking.ratio,
                *(thinking.interval or (None, None)),
            )
            lines.append((data_set, None, *who, *overall))
            if len(runs) > 1:
                lines += [
                    (data_set, run.label, *who, None, of_run.accuracy, *[None] * 5, of_run.think_tokens, *[None] * 3)
                    for run, of_run in zip(runs, one.by_run, strict=True)
                    if of_run is not None
                ]
    return _csv(DIFFERENCE_COLUMNS, lines)


def runs_markdown(runs: Sequence[RunScores], rows: Sequence[RowByRun]) -> str:
    """Accuracy and think tokens of every row in every run; "" for one run."""
    if len(runs) < 2:
        return ""
    head = ("arm", "asked", "lowest – highest %", *(f"{run.label}: Acc@all %, think" for run in runs))
    lines = []
    for row in rows:
        shares = sorted(one.accuracy for one in row.by_run if one is not None)
        cells = [
            NOTHING if one is None else f"{percent(one.accuracy)}, {one.mean_think_tokens:.1f}" for one in row.by_run
        ]
        spread = f"{percent(shares[0])} – {percent(shares[-1])}"
        lines.append((row.key.arm, describe_mode(row.key), spread, *cells))
    return f"### Run by run\n\n{markdown_table([head, *lines])}\n"


def differences_markdown(runs: Sequence[RunScores], differences: Sequence[Difference]) -> str:
    """Every paired difference with its interval; "" without any."""
    if not differences:
        return ""
    per_run = [run.label for run in runs] if len(runs) > 1 else []
    head = ("arm", "asked", "minus", "Acc@all points", "95 %", "p", "think tokens", "times as many, 95 %", *per_run)
    lines = []
    for one in differences:
        accuracy, thinking = one.accuracy, one.thinking
        lines.append(
            (
                one.row.key.arm,
                describe_mode(one.row.key),
                f"{one.reference.key.arm} {describe_mode(one.reference.key)}",
                f"{100 * accuracy.difference:+.1f}",
                f"{100 * accuracy.interval.low:+.1f} to {100 * accuracy.interval.high:+.1f}",
                f"{accuracy.p_value:.3f}",
                f"{thinking.first_tokens - thinking.second_tokens:+.1f}",
                NOTHING
                if thinking.interval is None
                else f"{thinking.interval.low:.2f} – {thinking.interval.high:.2f}",
                *(
                    NOTHING if of_run is None else f"{100 * of_run.accuracy:+.1f}, {of_run.think_tokens:+.1f}"
                    for of_run in (one.by_run if per_run else ())
                ),
            )
        )
    note = "Paired by question; p of the exact sign test. Intervals cover the choice of questions, not that of seeds."
    return f"### Differences\n\n{markdown_table([head, *lines])}\n\n{note}\n"


def _csv(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return stream.getvalue()

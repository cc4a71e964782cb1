"""A comparison for a terminal, for people, and for programs."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from extracot.evaluation.compare.comparison import Comparison
from extracot.evaluation.metrics import Interval
from extracot.evaluation.table import NOTHING, align_columns, markdown_table, percent

HEADINGS = (
    "baseline",
    "candidate",
    "Acc@all %",
    "→",
    "difference",
    "95 % interval",
    "won",
    "lost",
    "p",
    "think",
    "→",
    "ratio",
    "95 % interval",
    "n",
    "left out",
)

LEGEND = (
    "Acc@all, think (mean tokens, in each model's own tokenizer): baseline → candidate, on the n questions of both.\n"
    "difference: candidate - baseline, in points. won, lost: questions that the candidate answers right more or less\n"
    "often. p: exact sign test over these (McNemar's with one sample), not adjusted for several comparisons.\n"
    "ratio: think tokens, candidate / baseline. left out: questions of only one of the two."
)

def render_plain(comparisons: Sequence[Comparison], obstacles: Sequence[str]) -> str:
    """Aligned columns, the legend, and what stands in the way of the comparison; ends with a newline."""
    lines = [HEADINGS, *(_cells(one) for one in comparisons)]
    return f"{align_columns(lines)}\n\n{LEGEND}\n{_remarks(obstacles, '! ')}"


def render_markdown(comparisons: Sequence[Comparison], obstacles: Sequence[str]) -> str:
    """The same as a GitHub table."""
    lines = [HEADINGS, *(_cells(one) for one in comparisons)]
    return f"{markdown_table(lines)}\n\n{LEGEND}\n{_remarks(obstacles, '- ')}"


def render_json(comparisons: Sequence[Comparison], obstacles: Sequence[str]) -> str:
    """One object: `pairs` with full precision, fractions of one; `obstacles` as texts."""
    pairs = [_values(one) for one in comparisons]
    whole = {"format": "extracot.comparison/1", "pairs": pairs, "obstacles": list(obstacles)}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def render_csv(comparisons: Sequence[Comparison]) -> str:
    """One line per pair with the keys of the JSON; an absent number is empty."""
    rows = [_values(one) for one in comparisons]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _cells(one: Comparison) -> tuple[str, ...]:
    difference, thinking = one.difference, one.thinking
    return (
        *_names(one),
        percent(difference.second_accuracy),
        percent(difference.first_accuracy),
        f"{100 * difference.difference:+.1f}",
        _interval(difference.interval, 100, "+.1f"),
        str(difference.n_first_better),
        str(difference.n_second_better),
        f"{difference.p_value:.3f}" if difference.p_value >= 0.001 else f"{difference.p_value:.0e}",
        f"{thinking.second_tokens:.1f}",
        f"{thinking.first_tokens:.1f}",
        NOTHING if thinking.ratio is None else f"{thinking.ratio:.3f}",
        _interval(thinking.interval, 1, ".3f"),
        str(difference.n_problems),
        str(one.n_left_out),
    )


def _names(one: Comparison) -> tuple[str, str]:
    """What the two rows are called; the run goes without saying where both are of one."""
    if one.level is not None:
        return f"  level {one.level}", ""
    if one.baseline_run == one.candidate_run:
        return one.baseline_row, one.candidate_row
    return f"{one.baseline_run}:{one.baseline_row}", f"{one.candidate_run}:{one.candidate_row}"


def _interval(interval: Interval | None, factor: float, form: str) -> str:
    return NOTHING if interval is None else " … ".join(f"{factor * bound:{form}}" for bound in interval)


def _remarks(obstacles: Sequence[str], mark: str) -> str:
    if not obstacles:
        return ""
    return "\nNot measured alike:\n" + "".join(f"{mark}{one}\n" for one in obstacles)


def _values(one: Comparison) -> dict[str, Any]:
    difference, thinking = one.difference, one.thinking
    ratio_low, ratio_high = thinking.interval or (None, None)
    return {
        "baseline_run": one.baseline_run,
        "baseline_row": one.baseline_row,
        "candidate_run": one.candidate_run,
        "candidate_row": one.candidate_row,
        "level": one.level,
        "n_matched": difference.n_problems,
        "n_left_out": one.n_left_out,
        "baseline_accuracy": difference.second_accuracy,
        "candidate_accuracy": difference.first_accuracy,
        "difference": difference.difference,
        "difference_low": difference.interval.low,
        "difference_high": difference.interval.high,
        "n_won": difference.n_first_better,
        "n_lost": difference.n_second_better,
        "p_value": difference.p_value,
        "baseline_think_tokens": thinking.second_tokens,
        "candidate_think_tokens": thinking.first_tokens,
        "think_ratio": thinking.ratio,
        "think_ratio_low": ratio_low,
        "think_ratio_high": ratio_high,
    }

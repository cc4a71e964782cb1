"""Arms against each other: every run on its own, and paired differences from one arm over all runs.

A run is one `evaluate`, hence usually one seed of training. Intervals cover the choice of questions, not that of seeds:
for those there is the spread by run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import (
    Interval,
    PairedDifference,
    RowKey,
    RowMetrics,
    group_rows,
    paired_difference,
    row_metrics,
)
from extracot.evaluation.report.results import Results, Row
from extracot.records.score import Score

_Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class RunScores:
    """The scores of one evaluation."""

    label: str
    """What tells this run from the others, see `label_runs`."""
    scores: Sequence[Score]


@dataclass(frozen=True, slots=True)
class RowByRun:
    """One row in every run."""

    key: RowKey
    by_run: list[RowMetrics | None]
    """In the order of the runs; None where a run did not ask it."""


@dataclass(frozen=True, slots=True)
class TokenDifference:
    """How many more think tokens the first row spends than the second, a question that both were asked."""

    difference: float
    interval: Interval | None
    """Normal, over questions; None with fewer than two."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row against the row of reference that was asked the same way."""

    row: Row
    reference: Row
    accuracy: PairedDifference
    think_tokens: TokenDifference
    by_run: list[tuple[float, float] | None]
    """(accuracy, think tokens) differences of each run; None where a run lacks one of the two rows."""


def label_runs(paths: Sequence[Path]) -> list[str]:
    """A short name for each run: its path without the folders at either end that all paths share.

    `runs/ablation/08-evaluation` and `runs/ablation-seed-2/08-evaluation` are "ablation" and "ablation-seed-2". One
    path alone is called by its folder, and so are paths that are all the same.
    """
    parts = [list(path.parts) for path in paths]
    while len(parts) > 1 and all(len(one) > 1 and one[0] == parts[0][0] for one in parts):
        parts = [one[1:] for one in parts]
    while len(parts) > 1 and all(len(one) > 1 and one[-1] == parts[0][-1] for one in parts):
        parts = [one[:-1] for one in parts]
    return ["/".join(one) if len(parts) > 1 else path.name for one, path in zip(parts, paths, strict=True)]


def rows_by_run(results: Results, runs: Sequence[RunScores]) -> list[RowByRun]:
    """Every row of the results in each run, in the order of the results."""
    grouped = [group_rows(run.scores) for run in runs]
    return [
        RowByRun(row.key, [row_metrics(rows[row.key]) if row.key in rows else None for rows in grouped])
        for row in results.rows
    ]


def compare_arms(results: Results, runs: Sequence[RunScores]) -> list[Difference]:
    """Every row against the main arm's row that was asked the same way, the base model against its policy.

    Rows without such a partner are left out; so is everything where there is no main arm.
    """
    references = {row.key[1:]: row for row in results.rows if row.key.arm == results.main_arm}
    grouped = [group_rows(run.scores) for run in runs]
    found = []
    for row in results.rows:
        partner = results.headline if row.key.arm == BASE_ARM else references.get(row.key[1:])
        if partner is None or row.key.arm == results.main_arm:
            continue
        paired = paired_difference(row.scores, partner.scores)
        if paired is None:
            continue
        by_run = [_difference_in_run(rows.get(row.key), rows.get(partner.key)) for rows in grouped]
        found.append(Difference(row, partner, paired, token_difference(row.scores, partner.scores), by_run))
    return found


def token_difference(first: Sequence[Score], second: Sequence[Score]) -> TokenDifference:
    """Mean over shared questions of the difference of mean think tokens, first minus second, with a 95 % interval.

    Raises:
        ValueError: the rows share no question.
    """
    of_first, of_second = _think_by_problem(first), _think_by_problem(second)
    differences = [of_first[name] - of_second[name] for name in of_first if name in of_second]
    n = len(differences)
    if n == 0:
        raise ValueError("token_difference needs rows that share a question")
    mean = math.fsum(differences) / n
    if n == 1:
        return TokenDifference(mean, None)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in differences) / (n - 1))
    half = _Z_95 * deviation / math.sqrt(n)
    return TokenDifference(mean, Interval(mean - half, mean + half))


def _difference_in_run(
    first: Sequence[Score] | None, second: Sequence[Score] | None
) -> tuple[float, float] | None:
    if first is None or second is None:
        return None
    paired = paired_difference(first, second)
    return None if paired is None else (paired.difference, token_difference(first, second).difference)


def _think_by_problem(scores: Sequence[Score]) -> dict[str, float]:
    tokens: dict[str, list[int]] = {}
    for score in scores:
        tokens.setdefault(score.problem_id, []).append(score.n_think_tokens)
    return {name: math.fsum(values) / len(values) for name, values in tokens.items()}

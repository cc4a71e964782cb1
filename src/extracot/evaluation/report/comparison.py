"""Arms against each other: every run on its own, and paired differences from one arm over all runs.

A run is one `evaluate`, hence usually one seed of training. Intervals cover the choice of questions, not that of seeds:
for those there is the spread by run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import (
    PairedDifference,
    PairedThinking,
    RowKey,
    RowMetrics,
    group_rows,
    paired_difference,
    paired_thinking,
    row_metrics,
)
from extracot.evaluation.report.results import Results, Row
from extracot.records.score import Score


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


class DifferenceInRun(NamedTuple):
    """Row minus reference in one run."""

    accuracy: float
    think_tokens: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One row against the row of reference that was asked the same way."""

    row: Row
    reference: Row
    accuracy: PairedDifference
    thinking: PairedThinking
    """Of the same two rows."""
    by_run: list[DifferenceInRun | None]
    """None where a run lacks one of the two rows."""


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
        thinking = paired_thinking(row.scores, partner.scores)
        if paired is None or thinking is None:
            continue
        by_run = [_difference_in_run(rows.get(row.key), rows.get(partner.key)) for rows in grouped]
        found.append(Difference(row, partner, paired, thinking, by_run))
    return found


def _difference_in_run(
    first: Sequence[Score] | None, second: Sequence[Score] | None
) -> DifferenceInRun | None:
    if first is None or second is None:
        return None
    paired, thinking = paired_difference(first, second), paired_thinking(first, second)
    if paired is None or thinking is None:
        return None
    return DifferenceInRun(paired.difference, thinking.first_tokens - thinking.second_tokens)

"""The same figures, difficulty by difficulty."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from extracot.evaluation.metrics.accuracy import accuracy
from extracot.records.score import Score


def choices_by_level(scores: Iterable[Score]) -> dict[int | None, Counter[float | None]]:
    """How often each ratio was chosen, per difficulty level; levels ascending, unknown level (None) last.

    A completion that did not start with a ratio token is counted under None.
    """
    counts: defaultdict[int | None, Counter[float | None]] = defaultdict(Counter)
    for score in scores:
        counts[score.level][score.chosen_ratio] += 1
    return {level: counts[level] for level in sorted(counts, key=_level_order)}


def accuracy_by_level(scores: Iterable[Score]) -> dict[int | None, float]:
    """Acc@all per difficulty level; levels ascending, unknown level (None) last."""
    groups: defaultdict[int | None, list[Score]] = defaultdict(list)
    for score in scores:
        groups[score.level].append(score)
    return {level: accuracy(groups[level]) for level in sorted(groups, key=_level_order)}


def _level_order(level: int | None) -> tuple[bool, int]:
    return (level is None, level or 0)

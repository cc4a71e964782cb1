"""Rank the units once, cut the ranking anywhere: every ratio from one set of scores, nested by construction.

Not covered: where the scores come from (`scorers/`), and how kept units become text again (`joining.py`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence, Set
from itertools import accumulate

from extracot.errors import ConfigError


def check_ratios(ratios: Sequence[float]) -> tuple[float, ...]:
    """The ratios as they were given.

    Raises:
        ConfigError: none given, one outside (0, 1], or one given twice.
    """
    if not ratios:
        raise ConfigError("ratios is empty; give at least one, for example [0.2, 0.5, 1.0]")
    for ratio in ratios:
        if not 0 < ratio <= 1:
            raise ConfigError(f"ratio {ratio} is outside (0, 1]; a ratio is the share of tokens to keep, as in 0.2")
    if len(set(ratios)) < len(ratios):
        raise ConfigError(f"ratios {list(ratios)} name one ratio twice; give each once")
    return tuple(ratios)


def check_threshold(threshold: float) -> float:
    """The threshold as it was given.

    Raises:
        ConfigError: it is outside [0, 1].
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold {threshold} is outside [0, 1]; it is the least score that is kept, as in 0.5")
    return threshold


def rank_units(scores: Sequence[float], forced: Set[int] = frozenset(), resolution: float = 0.0) -> list[int]:
    """Indices of the units, the first to keep first.

    Scores are rounded to multiples of `resolution` before they are compared, and ties go to the unit further
    right. So units that are about equally good are filled in as contiguous text, not as scattered words: a
    model cannot learn to write the noise of a scorer. From the right, because a chain that starts tersely and
    grows wordy at its end can always be finished: filled from the left, a model that misjudges how many steps
    are to come runs out of budget before the answer.

    Args:
        scores: [U] importance of each unit, higher is better; any finite numbers.
        forced: units that come before all others, whatever their scores.
        resolution: step of the rounding, in the unit of the scores; 0 compares them as they are.

    Returns:
        [U] a permutation of 0..U-1.
    """
    levels = [round(score / resolution) for score in scores] if resolution > 0 else scores
    return sorted(range(len(scores)), key=lambda unit: (unit not in forced, -levels[unit], -unit))


def cut(order: Sequence[int], costs: Sequence[int], ratio: float, n_forced: int = 0) -> list[bool]:
    """The prefix of a ranking whose cost is nearest to `ratio` times the cost of all units.

    A larger ratio never drops a unit that a smaller one keeps, and the cost misses the target by at most half
    a unit, unless the forced units alone exceed it.

    Args:
        order: [U] a permutation of the units, from `rank_units`.
        costs: [U] tokens of each unit, not negative.
        ratio: share of the cost to keep, in (0, 1].
        n_forced: the first so many units of the ranking stay even where that exceeds the target.

    Returns:
        [U] one flag per unit, in the order of the text. Two prefixes equally near: the cheaper one. Two
        equally
        cheap: the longer one, so that ratio 1 keeps units without tokens too.
    """
    spent = list(accumulate((costs[unit] for unit in order), initial=0))
    target = ratio * spent[-1]
    above = min(bisect_left(spent, target), len(order))
    is_below_nearer = above > 0 and target - spent[above - 1] <= spent[above] - target
    nearest = spent[above - 1] if is_below_nearer else spent[above]
    n_kept = max(bisect_right(spent, nearest) - 1, n_forced)
    kept = set(order[:n_kept])
    return [unit in kept for unit in range(len(costs))]

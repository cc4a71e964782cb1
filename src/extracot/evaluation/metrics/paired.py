"""Two rows on the questions that both were asked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from extracot.evaluation.metrics.accuracy import by_problem, share_correct_by_problem
from extracot.evaluation.metrics.intervals import Z_95, Interval, mean, ratio_interval
from extracot.records.score import Score


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much more often the first row is right than the second, on the questions both were asked."""

    n_problems: int
    first_accuracy: float
    """Mean over these questions of the share of correct samples."""
    second_accuracy: float
    difference: float
    """First minus second."""
    interval: Interval
    n_first_better: int
    n_second_better: int
    p_value: float
    """Two-sided exact sign test over the questions that differ; with one sample, exact McNemar."""


@dataclass(frozen=True, slots=True)
class PairedThinking:
    """How much the first row thinks beside the second, on the questions both were asked."""

    first_tokens: float
    """Mean over questions of mean think tokens."""
    second_tokens: float
    ratio: float | None
    """First / second, of the means; None where the second does not think at all."""
    interval: Interval | None
    """Of the ratio, over questions; None with fewer than two."""


def paired_difference(first: Sequence[Score], second: Sequence[Score]) -> PairedDifference | None:
    """Difference in accuracy of two rows on the questions both answered; None if they share none.

    The interval is normal with the Agresti-Min adjustment, generalised to per-question means D_q:
    two pseudo-questions add 0 to sum(D) and 1 to sum(D^2). It keeps a width when no question differs.

    Source: Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions".
    """
    shares_first = share_correct_by_problem(first)
    shares_second = share_correct_by_problem(second)
    shared = [problem_id for problem_id in shares_first if problem_id in shares_second]
    if not shared:
        return None
    differences = [shares_first[problem_id] - shares_second[problem_id] for problem_id in shared]
    adjusted_n = len(shared) + 2
    centre = math.fsum(differences) / adjusted_n
    variance = (math.fsum(d * d for d in differences) + 1) / adjusted_n - centre**2
    half = Z_95 * math.sqrt(variance / adjusted_n)
    n_first = sum(d > 0 for d in differences)
    n_second = sum(d < 0 for d in differences)
    return PairedDifference(
        n_problems=len(shared),
        first_accuracy=mean([shares_first[problem_id] for problem_id in shared]),
        second_accuracy=mean([shares_second[problem_id] for problem_id in shared]),
        difference=mean(differences),
        interval=Interval(max(-1.0, centre - half), min(1.0, centre + half)),
        n_first_better=n_first,
        n_second_better=n_second,
        p_value=sign_test_p_value(n_first, n_second),
    )


def paired_thinking(first: Sequence[Score], second: Sequence[Score]) -> PairedThinking | None:
    """Think tokens of two rows on the questions both answered; None if they share none."""
    tokens_first, tokens_second = _think_tokens_by_problem(first), _think_tokens_by_problem(second)
    pairs = [(tokens, tokens_second[name]) for name, tokens in tokens_first.items() if name in tokens_second]
    if not pairs:
        return None
    mean_first, mean_second = mean([one for one, _ in pairs]), mean([other for _, other in pairs])
    return PairedThinking(
        first_tokens=mean_first,
        second_tokens=mean_second,
        ratio=mean_first / mean_second if mean_second else None,
        interval=ratio_interval(pairs),
    )


def _think_tokens_by_problem(scores: Sequence[Score]) -> dict[str, float]:
    return {
        problem_id: mean([float(score.n_think_tokens) for score in group])
        for problem_id, group in by_problem(scores).items()
    }


def sign_test_p_value(n_plus: int, n_minus: int) -> float:
    """Two-sided exact p of seeing a split at least this uneven from a fair coin; 1.0 without any toss."""
    n = n_plus + n_minus
    # In integers, so exact for any n; the division rounds once, at the end.
    tail, ways = 0, 1
    for k in range(min(n_plus, n_minus) + 1):
        tail += ways
        ways = ways * (n - k) // (k + 1)  # n choose k + 1
    return min(1.0, 2 * tail / (1 << n))

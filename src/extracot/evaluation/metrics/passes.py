"""pass@k: whether any of several samples of a question is right. (Their average, avg@n, is Acc@all.)"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from extracot.evaluation.metrics.accuracy import by_problem, clustered_interval
from extracot.evaluation.metrics.intervals import Interval, mean
from extracot.records.outcome import Outcome
from extracot.records.score import Score


@dataclass(frozen=True, slots=True)
class PassAtK:
    """The chance that at least one of k samples of a question is right, averaged over questions."""

    k: int
    share: float
    interval: Interval


def pass_probability(n: int, n_correct: int, k: int) -> float:
    """The share of the k-sample subsets of n samples that hold a correct one: unbiased for pass@k.

    Raises:
        ValueError: not 0 <= n_correct <= n, or not 1 <= k <= n.

    Source: Chen et al. 2021, arXiv 2107.03374 section 2.1, 1 - C(n - c, k) / C(n, k).
    """
    if not 0 <= n_correct <= n or not 1 <= k <= n:
        raise ValueError(f"pass_probability needs 0 <= n_correct <= n, 1 <= k <= n; got {n_correct} of {n}, k={k}")
    return 1.0 - math.comb(n - n_correct, k) / math.comb(n, k)


def pass_at_k(scores: Sequence[Score], ks: Iterable[int]) -> list[PassAtK]:
    """pass@k for each k, with a 95 % interval over questions (`clustered_interval`).

    Raises:
        ValueError: no scores, or a k that is not in 1 .. the fewest samples that a question has.
    """
    counts = _counts(scores)
    n_samples = sum(n for n, _ in counts)
    passes = []
    for k in ks:
        shares = [pass_probability(n, n_correct, k) for n, n_correct in counts]
        # k samples make one try, so no more than n_samples / k tries were drawn.
        passes.append(PassAtK(k, mean(shares), clustered_interval(shares, n_samples / k)))
    return passes


def shown_ks(n_samples: int) -> list[int]:
    """The k worth a column for so many samples per question: powers of two, and all of them; [] for one sample."""
    powers = [1 << exponent for exponent in range(1, n_samples.bit_length())]
    return [k for k in powers if k < n_samples] + ([n_samples] if n_samples > 1 else [])


def fewest_samples(scores: Iterable[Score]) -> int:
    """The smallest number of samples that any question has; 0 without scores."""
    return min((n for n, _ in _counts(scores)), default=0)


def _counts(scores: Iterable[Score]) -> list[tuple[int, int]]:
    """(samples, correct samples) of each question."""
    return [
        (len(group), sum(score.outcome is Outcome.CORRECT for score in group))
        for group in by_problem(scores).values()
    ]

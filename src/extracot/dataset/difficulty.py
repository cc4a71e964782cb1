"""How hard a question is, guessed without running a model, and which ratio that earns it in the policy queue.

The guess is a warm start only: reinforcement learning measures the real teacher budget later.
"""

import random
from collections.abc import Callable, Sequence

from extracot.dataset.compression_filters import Span


def needed_share(
    cot: str, needed: Sequence[Span], n_think_tokens: int, count_tokens: Callable[[str], int]
) -> float | None:
    """The share of think tokens that the needed formulas take: small where most of the trace is talk.

    Args:
        cot: the chain of thought.
        needed: its needed formulas.
        n_think_tokens: tokens of `cot`.
        count_tokens: in the same tokenizer.

    Returns:
        In (0, 1] up to the tokens that cutting costs; None where nothing is needed, so nothing is known.

    Source: ours. The Extra-CoT release reads difficulties from a file that it does not include.
    """
    if not needed or not n_think_tokens:
        return None
    return sum(count_tokens(cot[start:end]) for start, end in needed) / n_think_tokens


def assign_ratios(
    difficulties: Sequence[float],
    grid: Sequence[float],
    shares: Sequence[float],
    jitter: float,
    rng: random.Random,
) -> list[float]:
    """Give every question a ratio by its rank in difficulty: the easiest share gets the smallest ratio.

    Args:
        difficulties: [N], larger is harder; ties are ranked as given.
        grid: [R] ratios, ascending.
        shares: [R] how much of the queue each ratio takes; any positive sum.
        jitter: chance, in [0, 1], that a question moves to a neighbouring ratio, up or down alike, so that
            the model does not read the guess as law.
        rng: decides the jitter.

    Returns:
        [N] ratios of the grid. Without jitter each ratio has its share of N, rounded so that they add up.

    Source: quotas by difficulty as in the Extra-CoT release; the jitter is ours.
    """
    bounds = _cumulative_counts(shares, len(difficulties))
    ratios = [grid[0]] * len(difficulties)
    for rank, index in enumerate(sorted(range(len(difficulties)), key=lambda i: difficulties[i])):
        step = next(i for i, bound in enumerate(bounds) if rank < bound)
        if rng.random() < jitter:
            step = min(max(step + rng.choice((-1, 1)), 0), len(grid) - 1)
        ratios[index] = grid[step]
    return ratios


def _cumulative_counts(shares: Sequence[float], n: int) -> list[int]:
    """Ends of the shares of n items: [R], ascending, the last is n."""
    total = sum(shares)
    running, ends = 0.0, []
    for share in shares:
        running += share
        ends.append(round(n * running / total))
    ends[-1] = n
    return ends

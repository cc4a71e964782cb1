"""The rule that turns pass rates into a teacher budget."""

from collections.abc import Mapping


def teacher_ratio(pass_rates: Mapping[float, float], threshold: float) -> float | None:
    """The smallest ratio that passes, with all larger ones passing too; None when the largest does not pass.

    A lucky success below a ratio that fails does not count.

    Args:
        pass_rates: ratio -> share of samples that were correct, at least one ratio.
        threshold: pass rate from which a ratio counts as reliable, in (0, 1]; reaching it is enough.

    Source: METHOD, stage 3; the paper asks for all of 3 samples, the threshold is ours.
    """
    smallest = None
    for ratio in sorted(pass_rates, reverse=True):
        if pass_rates[ratio] < threshold:
            break
        smallest = ratio
    return smallest

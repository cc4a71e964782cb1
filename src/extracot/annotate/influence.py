"""From pairwise influence to importance for the answer. Pure arithmetic."""

from collections.abc import Sequence


def chain_influence(influence_FF: Sequence[Sequence[float]], cap: float) -> list[float]:
    """Chain the influence of formulas on later formulas back from the answer.

    A formula's importance is that of the best chain that leads from it to the answer; a chain is worth the
    product of its links, and a link `min(max(drop, 0), cap) / cap`. Influence on the answer alone fails where
    the text repeats
    values: the repetition hides the formula from the answer.

    Args:
        influence_FF: [F, F + 1] drop of log-probability in nats of formula `i` (column F: of the answer) when
            formula `j` (row) is deleted; entries with i <= j are not read.
        cap: the drop from which on a link is worth 1; positive.

    Returns:
        [F], each in [0, 1].
    """
    n = len(influence_FF)
    importance = [0.0] * n + [1.0]
    for j in range(n - 1, -1, -1):
        importance[j] = max(
            min(max(influence_FF[j][i], 0.0), cap) / cap * importance[i] for i in range(j + 1, n + 1)
        )
    return importance[:n]

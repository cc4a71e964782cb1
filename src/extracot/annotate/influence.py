"""From pairwise influence to importance for the answer. Pure arithmetic."""

from collections.abc import Callable, Sequence


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
    return chain_on_demand(lambda i: [row[i] for row in influence_FF], len(influence_FF), cap)


def chain_on_demand(
    column_of: Callable[[int], Sequence[float]], n_formulas: int, cap: float, floor: float = 0.0
) -> list[float]:
    """As `chain_influence`, asking for one column at a time, and for those alone that can matter.

    A chain is worth no more than any of its ends, so what leads to a formula below `floor` stays below it too.

    Args:
        column_of: influence on formula `i` (or on the answer, `n_formulas`) of every formula; those of `i` and later
            ones are not read. Called in descending order, at most once each.
        n_formulas: F.
        cap: as in `chain_influence`.
        floor: influences on formulas with less importance are not asked for.

    Returns:
        [F]; exact from `floor` on, and the largest one always; below it a lower bound.
    """
    importance = [0.0] * n_formulas + [1.0]
    for i in range(n_formulas, 0, -1):
        if importance[i] <= 0.0 or importance[i] < floor:
            continue
        column = column_of(i)
        for j in range(i):
            importance[j] = max(importance[j], min(max(column[j], 0.0), cap) / cap * importance[i])
    return importance[:n_formulas]

"""How well a scorer ranks: what share of the needed units is still there at each ratio."""

import math
from collections.abc import Sequence

from extracot.compressor.selection import cut, rank_units


def needed_kept(
    scores: Sequence[float],
    is_needed: Sequence[bool],
    costs: Sequence[int],
    ratios: Sequence[float],
    resolution: float,
) -> list[float]:
    """Share of one passage's needed units that each ratio keeps, cut as the compressor cuts.

    Args:
        scores: [U] of the scorer under test.
        is_needed: [U] by the annotation; at least one.
        costs: [U] tokens.
        ratios: [R].
        resolution: see `rank_units`.

    Returns:
        [R] in [0, 1], not falling with the ratio.
    """
    order = rank_units(scores, resolution=resolution)
    shares = []
    for ratio in ratios:
        kept = cut(order, costs, ratio)
        shares.append(sum(k and n for k, n in zip(kept, is_needed, strict=True)) / sum(is_needed))
    return shares


def mean_of_rows(rows: Sequence[Sequence[float]]) -> list[float]:
    """[R] column means of [P][R] shares; exact, so that the order of the passages does not matter."""
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]

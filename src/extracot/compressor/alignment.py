"""Which unit a token belongs to, decided by where the token starts."""

from bisect import bisect_right
from collections.abc import Sequence

Span = tuple[int, int]
"""Half-open character offsets."""


def token_owners(offsets: Sequence[Span], units: Sequence[Span]) -> list[int]:
    """The unit that each token starts in, so that every token is counted exactly once.

    A token that reaches into the next unit, as some byte-pair tokens do with closing signs, stays with the
    unit where it starts. Several tokens of one character, as byte-level tokenizers give for rare ones, all
    count.

    Args:
        offsets: [T] character offsets of the tokens, as a fast tokenizer reports them.
        units: [U] ascending and without overlap.

    Returns:
        [T] index of the owning unit; -1 for a token that starts in no unit.
    """
    starts = [start for start, _ in units]
    owners = []
    for start, _ in offsets:
        unit = bisect_right(starts, start) - 1
        owners.append(unit if unit >= 0 and start < units[unit][1] else -1)
    return owners


def pool_by_unit(values: Sequence[float], owners: Sequence[int], n_units: int) -> list[float]:
    """Mean of each unit's token values.

    Args:
        values: [T] one number per token.
        owners: [T] from `token_owners`; tokens of no unit are left out.
        n_units: U.

    Returns:
        [U]; a unit without tokens of its own takes the value of the unit before it, whose last token covers
        it (0 where there is none).
    """
    sums = [0.0] * n_units
    counts = [0] * n_units
    for value, owner in zip(values, owners, strict=True):
        if owner >= 0:
            sums[owner] += value
            counts[owner] += 1
    pooled: list[float] = []
    for total, count in zip(sums, counts, strict=True):
        pooled.append(total / count if count else (pooled[-1] if pooled else 0.0))
    return pooled

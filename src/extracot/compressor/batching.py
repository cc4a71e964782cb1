"""Texts of like length go through a model together, so that little of a batch is padding."""

from collections.abc import Sequence


def length_buckets(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group items, longest first, so that no padded batch exceeds `max_tokens`.

    Args:
        lengths: [N] tokens of each item.
        max_tokens: limit for (number of items) x (length of the longest) in one batch; an item longer than
            that gets a batch of its own.

    Returns:
        Batches of item indices; together they hold every index once. Longest first, so a batch that does not
        fit into memory fails at once and not at the end.
    """
    batches: list[list[int]] = []
    for item in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= max_tokens:
            batches[-1].append(item)
        else:
            batches.append([item])
    return batches

"""Overlapping windows over a text that is longer than a model can read at once."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import NamedTuple


class Window(NamedTuple):
    """One stretch of tokens read together, and the part of it whose results count; half-open token
    indices."""

    start: int
    end: int
    own_start: int
    own_end: int


def overlapping_windows(n_tokens: int, size: int, overlap: int) -> list[Window]:
    """Cover a text so that every token is read, and judged where it has context on both sides.

    Args:
        n_tokens: length of the text, at least 1.
        size: most tokens of one window.
        overlap: tokens that neighbouring windows share, below `size`; each window owns its half.

    Returns:
        Windows from left to right. Their own parts tile the text. All have `size` tokens, but for a text
        shorter than that; the last one reaches further left instead of being short.
    """
    assert 0 <= overlap < size
    if n_tokens <= size:
        return [Window(0, n_tokens, 0, n_tokens)]
    starts = list(range(0, n_tokens - size, size - overlap)) + [n_tokens - size]
    return own_parts(starts, size, n_tokens)


def even_windows(n_tokens: int, size: int, overlap: int) -> list[Window]:
    """Cover a text with as few windows as will do, all of one length: the least that a model has to read.

    Args:
        n_tokens: length of the text, at least 1.
        size: most tokens of one window.
        overlap: tokens that neighbouring windows share at least, below `size`; each window owns its half.

    Returns:
        Windows from left to right. Their own parts tile the text.
    """
    assert 0 <= overlap < size
    n_windows = max(1, ceil((n_tokens - overlap) / (size - overlap)))
    length = ceil((n_tokens + (n_windows - 1) * overlap) / n_windows)
    starts = [index * (n_tokens - length) // max(1, n_windows - 1) for index in range(n_windows)]
    return own_parts(starts, length, n_tokens)


def own_parts(starts: Sequence[int], length: int, n_tokens: int) -> list[Window]:
    """Windows of one length that begin at `starts`, ascending; each owns up to the middle of what it shares."""
    borders = [(start + length + following) // 2 for start, following in pairwise(starts)]
    return [
        Window(start, start + length, own_start, own_end)
        for start, own_start, own_end in zip(starts, [0, *borders], [*borders, n_tokens], strict=True)
    ]

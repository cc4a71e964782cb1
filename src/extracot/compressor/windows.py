"""Overlapping windows over a text that is longer than a model can read at once."""

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
    borders = [0]
    for previous, following in zip(starts, starts[1:], strict=False):
        borders.append((previous + size + following) // 2)
    borders.append(n_tokens)
    return [
        Window(start, start + size, own_start, own_end)
        for start, own_start, own_end in zip(starts, borders, borders[1:], strict=False)
    ]

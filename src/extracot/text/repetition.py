"""How repetitive a token sequence is: degenerate text repeats itself until the limit.

Works on any tokens: ids, or the words of `text.split()`. All measures are linear in the number of tokens
(the loop
search: times the longest period; 2,000 words take under 10 ms).
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import eq

_RUN = re.compile(rb"\x01+")


@dataclass(frozen=True, slots=True)
class RepetitionLimits:
    """What counts as degenerate; any one limit passed is enough.

    A chain of thought is formulaic by nature (it restates names and sums), so the limits look for loops and
    for text with next to no new n-grams, not for repetition as such. In words of 2,127 correct traces by
    thirteen models: two loop, over 112 and 148 words, all others over 26 at most; rep-3 stays below 0.69.
    """

    max_loop_tokens: int = 60
    """Longest stretch that may repeat one block of up to `max_period` tokens back to back."""
    min_loop_repeats: int = 4
    """Shorter chains of repeats are no loop: saying a thing twice, or three times, is not degenerate."""
    max_period: int = 40
    """Longest block that the loop search looks for."""
    max_repeated_share: float = 0.80
    """Largest share of 3-gram positions whose 3-gram occurs elsewhere too (rep-3)."""
    min_tokens_for_share: int = 200
    """In shorter texts rep-3 says little and is not looked at."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A block of tokens that repeats back to back."""

    period: int
    """Tokens in the block."""
    n_tokens: int
    """Tokens from the start of the first block to the end of the last, a part of a block included."""

    @property
    def n_repeats(self) -> int:
        """Whole blocks."""
        return self.n_tokens // self.period


def repeated_share(tokens: Sequence[Hashable], n: int) -> float:
    """Share of n-gram positions whose n-gram occurs more than once (rep-n), in [0, 1]; 0 without n-grams."""
    counts = Counter(zip(*(tokens[i:] for i in range(n)), strict=False))
    n_positions = counts.total()
    return sum(count for count in counts.values() if count > 1) / n_positions if n_positions else 0.0


def longest_run(tokens: Sequence[Hashable]) -> int:
    """Length of the longest run of one and the same token; 0 for no tokens."""
    loop = longest_loop(tokens, max_period=1, min_repeats=1)
    return loop.n_tokens if loop else min(1, len(tokens))


def longest_repeats(tokens: Sequence[Hashable], period: int) -> int:
    """How often one block of `period` tokens stands back to back at most; whole blocks, 0 for too few tokens."""
    if len(tokens) < period:
        return 0
    matches = bytes(map(eq, tokens[period:], tokens))
    return max(map(len, _RUN.findall(matches)), default=0) // period + 1


def longest_loop(tokens: Sequence[Hashable], max_period: int, min_repeats: int) -> Loop | None:
    """The stretch with the most tokens that repeats one block at least `min_repeats` times; None without one.

    Ties go to the shorter period. A stretch with period p is a run of positions i with `tokens[i] ==
    tokens[i - p]`.
    """
    best: Loop | None = None
    for period in range(1, min(max_period, len(tokens) // 2) + 1):
        matches = bytes(
            map(eq, tokens[period:], tokens)
        )  # one byte per position, so that the runs are found in C
        n_matches = max(map(len, _RUN.findall(matches)), default=0)
        loop = Loop(period, n_matches + period)
        if n_matches and loop.n_repeats >= min_repeats and (best is None or loop.n_tokens > best.n_tokens):
            best = loop
    return best


def is_degenerate(tokens: Sequence[Hashable], limits: RepetitionLimits) -> bool:
    """Whether the tokens loop, or hold next to nothing new, beyond the limits."""
    loop = longest_loop(tokens, limits.max_period, limits.min_loop_repeats)
    if loop is not None and loop.n_tokens > limits.max_loop_tokens:
        return True
    return (
        len(tokens) >= limits.min_tokens_for_share and repeated_share(tokens, 3) > limits.max_repeated_share
    )

"""Signs that a rendering is no text to learn from, whatever its compressor meant: loops, rubbish, lost numbers.

The rules are those of the Extra-CoT release's two cleaning scripts, with limits per ratio. What was wrong there is not
here: a formula is one token, so that algebra worked out line by line is no loop (see `text.surface`), lengths are
counted in the target model's tokenizer, variety does not fall with length, and nothing is repaired.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from extracot.text.repetition import longest_repeats, repeated_share
from extracot.text.surface import (
    anchors_kept,
    digit_share,
    longest_character_run,
    punctuation_share,
    surface_tokens,
    top_share,
    variety,
)

MIN_TOKENS_FOR_SHARES = 50
"""Of shorter texts no share of a single token is looked at: it says little."""


class CleaningFilter(StrEnum):
    """What is wrong with how a rendering looks."""

    TOO_FEW_TOKENS = "too_few_tokens"
    """Fewer tokens than the limit at its ratio."""
    REPEATED_NGRAMS = "repeated_ngrams"
    """Both its 2-grams and its 3-grams occur again too often."""
    DOMINANT_TOKEN = "dominant_token"
    """One token is too large a part of it."""
    TOKEN_RUN = "token_run"
    """A block of one, two or three tokens stands too often in a row."""
    LOW_VARIETY = "low_variety"
    """Too few different tokens."""
    PUNCTUATION_HEAVY = "punctuation_heavy"
    """Too much of it is punctuation."""
    CHARACTER_RUN = "character_run"
    """One character stands too often in a row."""
    ANCHORS_LOST = "anchors_lost"
    """Too few of the whole's numbers, LaTeX commands and signs of operation are left."""


@dataclass(frozen=True, slots=True)
class CleaningLimits:
    """The limits of the rules; None switches a rule off. Tokens are formulas, words and signs but for `min_tokens`."""

    up_to_ratio: float
    """Of the target ratio: the first row of limits that reaches it counts."""
    min_tokens: int | None = None
    """Of the target model."""
    max_repeated_bigrams: float | None = None
    """Rep-2, as a share of positions; taken together with rep-3."""
    max_repeated_trigrams: float | None = None
    """Rep-3; a rendering is dropped that passes both."""
    max_token_share: float | None = None
    """Of the commonest token."""
    max_token_run: int | None = None
    """One token in a row."""
    max_bigram_run: int | None = None
    """The same two tokens in a row, counted as blocks."""
    max_trigram_run: int | None = None
    """The same three."""
    min_variety: float | None = None
    """Different tokens over tokens, in blocks of 200."""
    max_punctuation_share: float | None = None
    """Of the characters."""
    max_character_run: int | None = None
    """One character in a row."""
    min_anchors_kept: float | None = None
    """Share of the whole's anchors."""
    max_risky_share: float | None = None
    """The most of the renderings at a ratio that may be dropped for their `risk`, the riskiest first."""


class Surface:
    """What the rules look at in one rendering, computed when first asked for."""

    def __init__(self, text: str, n_tokens: int, whole_anchors: frozenset[str]) -> None:
        """
        Args:
            text: the rendering.
            n_tokens: its tokens in the target model's tokenizer.
            whole_anchors: of the whole chain of thought.
        """
        self.text = text
        self.n_tokens = n_tokens
        self._whole_anchors = whole_anchors

    @cached_property
    def tokens(self) -> list[str]:
        return surface_tokens(self.text)

    @cached_property
    def repeated_bigrams(self) -> float:
        return repeated_share(self.tokens, 2)

    @cached_property
    def repeated_trigrams(self) -> float:
        return repeated_share(self.tokens, 3)

    @cached_property
    def runs(self) -> tuple[int, int, int]:
        """How often one, two, three tokens stand in a row at most."""
        one, two, three = (longest_repeats(self.tokens, period) for period in (1, 2, 3))
        return one, two, three

    @cached_property
    def variety(self) -> float:
        return variety(self.tokens)

    @cached_property
    def anchors_kept(self) -> float:
        return anchors_kept(self.text, self._whole_anchors)


CleaningRule = Callable[[Surface, CleaningLimits], str | None]


def has_few_tokens(surface: Surface, limits: CleaningLimits) -> str | None:
    return _below("{} tokens", surface.n_tokens, limits.min_tokens)


def repeats_ngrams(surface: Surface, limits: CleaningLimits) -> str | None:
    if limits.max_repeated_bigrams is None or limits.max_repeated_trigrams is None:
        return None
    if surface.repeated_trigrams < limits.max_repeated_trigrams:
        return None
    if surface.repeated_bigrams < limits.max_repeated_bigrams:
        return None
    return f"{surface.repeated_bigrams:.2f} of its 2-grams and {surface.repeated_trigrams:.2f} of its 3-grams recur"


def has_dominant_token(surface: Surface, limits: CleaningLimits) -> str | None:
    if len(surface.tokens) < MIN_TOKENS_FOR_SHARES:
        return None
    return _above("{:.2f} of its tokens are the same", top_share(surface.tokens), limits.max_token_share)


def has_token_run(surface: Surface, limits: CleaningLimits) -> str | None:
    for size, run, most in zip(
        (1, 2, 3), surface.runs, (limits.max_token_run, limits.max_bigram_run, limits.max_trigram_run), strict=True
    ):
        if (detail := _above(f"a block of {size} stands {{}} times in a row", run, most)) is not None:
            return detail
    return None


def has_low_variety(surface: Surface, limits: CleaningLimits) -> str | None:
    return _below("{:.2f} of its tokens are different ones", surface.variety, limits.min_variety)


def is_punctuation(surface: Surface, limits: CleaningLimits) -> str | None:
    share = punctuation_share(surface.text) if limits.max_punctuation_share is not None else 0.0
    return _above("{:.2f} of it is punctuation", share, limits.max_punctuation_share)


def has_character_run(surface: Surface, limits: CleaningLimits) -> str | None:
    run = longest_character_run(surface.text) if limits.max_character_run is not None else 0
    return _above("a character stands {} times in a row", run, limits.max_character_run)


def loses_anchors(surface: Surface, limits: CleaningLimits) -> str | None:
    if limits.min_anchors_kept is None:
        return None
    return _below("{:.2f} of the numbers and signs are left", surface.anchors_kept, limits.min_anchors_kept)


def _above(what: str, value: float, most: float | None) -> str | None:
    return None if most is None or value <= most + 1e-9 else f"{what.format(value)}, more than {most:g}"


def _below(what: str, value: float, least: float | None) -> str | None:
    return None if least is None or value >= least - 1e-9 else f"{what.format(value)}, fewer than {least:g}"


CLEANING_RULES: Mapping[CleaningFilter, CleaningRule] = {
    CleaningFilter.TOO_FEW_TOKENS: has_few_tokens,
    CleaningFilter.REPEATED_NGRAMS: repeats_ngrams,
    CleaningFilter.DOMINANT_TOKEN: has_dominant_token,
    CleaningFilter.TOKEN_RUN: has_token_run,
    CleaningFilter.LOW_VARIETY: has_low_variety,
    CleaningFilter.PUNCTUATION_HEAVY: is_punctuation,
    CleaningFilter.CHARACTER_RUN: has_character_run,
    CleaningFilter.ANCHORS_LOST: loses_anchors,
}


def limits_at(ratio: float, rows: Sequence[CleaningLimits]) -> CleaningLimits | None:
    """The first row that reaches up to a ratio; None where none does."""
    return next((row for row in rows if ratio <= row.up_to_ratio + 1e-9), None)


def cleaning_faults(surface: Surface, limits: CleaningLimits) -> dict[CleaningFilter, str]:
    """Every fault of a rendering and what was found."""
    found = {name: rule(surface, limits) for name, rule in CLEANING_RULES.items()}
    return {name: detail for name, detail in found.items() if detail is not None}


def risk(surface: Surface) -> float:
    """How much a rendering looks as if it ran away; 0 for one that raises no suspicion, else above 0.

    Suspicious are those whose 3-grams or 2-grams recur much and stand in a row besides.

    Source: the Extra-CoT release's soft filter: its conditions, weights and discount for digits.
    """
    _, run_2, run_3 = surface.runs
    by_trigrams = surface.repeated_trigrams >= 0.42 and run_3 >= 3
    by_bigrams = surface.repeated_bigrams >= 0.60 and run_2 >= 4 and surface.variety <= 0.38
    if not (by_trigrams or by_bigrams):
        return 0.0
    raw = (
        0.70 * surface.repeated_trigrams
        + 0.45 * surface.repeated_bigrams
        + 0.12 * run_3 / 8
        + 0.08 * run_2 / 12
        + 0.15 * (1 - surface.variety)
    )
    return raw * (1 - 0.225 * digit_share(surface.text))

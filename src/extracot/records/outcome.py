"""How a completion ended."""

from enum import StrEnum


class Outcome(StrEnum):
    """The five ways a completion can end; every completion has exactly one."""

    CORRECT = "correct"
    """An answer was given, and it equals the gold answer."""
    WRONG = "wrong"
    """An answer was given, and it does not equal the gold answer."""
    NO_ANSWER = "no_answer"
    """The text ended by itself without an answer."""
    TRUNCATED = "truncated"
    """The token limit cut the text before an answer."""
    UNGRADED = "ungraded"
    """Nobody has compared it, or the comparison could not be decided; never counted as correct."""

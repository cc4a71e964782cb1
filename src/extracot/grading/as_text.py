"""Answers that come as numbers, as data sets and callers have them, in the text that the grader reads."""

import math
from decimal import Decimal
from numbers import Integral, Rational, Real

from extracot.errors import UsageError


def answer_text(answer: str | float | Real, what: str) -> str:
    """An answer as text: a text as it is, a number written out (`0.0000001`, never `1e-07`).

    Args:
        answer: as it was given.
        what: what it is called, for the message.

    Raises:
        UsageError: neither text nor a finite number; truth values are none.
    """
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Real) and not isinstance(answer, bool):
        if isinstance(answer, Integral):
            return str(int(answer))
        if isinstance(answer, Rational):
            return f"{answer.numerator}/{answer.denominator}"
        if math.isfinite(answer):  # str has no more digits than its type: a float32 of 0.1 is 0.1
            return format(Decimal(str(answer)), "f")
    raise UsageError(f"the {what} is {answer!r}, of type {type(answer).__name__}; give a text or a finite number")


def completion_text(completion: str) -> str:
    """A completion as it is.

    Raises:
        UsageError: it is no text.
    """
    if not isinstance(completion, str):
        raise UsageError(
            f"the completion is {completion!r}, of type {type(completion).__name__}; it is what the model wrote, with "
            "its answer in \\boxed{}: grade(completion, gold). Two bare answers go to compare_answers(gold, predicted)"
        )
    return completion

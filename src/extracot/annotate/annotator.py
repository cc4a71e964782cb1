"""What every annotator answers, and the parts that all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from extracot.errors import DataError
from extracot.records.trace import Trace
from extracot.text.answers import last_boxed
from extracot.text.slicing import discount_checks, needed_units, tiered_importance
from extracot.text.statements import read_statements
from extracot.text.units import Unit, segment


@dataclass(frozen=True, slots=True)
class Graded:
    """The units of one trace with their importance."""

    units: list[Unit]
    importance: list[float]
    """One tier of `text/slicing.py` per unit."""
    n_forward_tokens: int = 0
    """Tokens that a model read for it, padding included."""


class Annotator(Protocol):
    """Says how important the units of a trace are."""

    name: str
    """Rides on every annotation."""
    n_at_once: int
    """How many traces it may be given at once, each from a thread of its own; with 1 there are no threads."""

    def annotate(self, trace: Trace) -> Graded:
        """Grade one trace.

        Raises:
            DataError: it cannot; says why. Never an empty or all-zero grading instead.
            StageError: it cannot, nor could it grade any other trace.
        """
        ...

    def stop(self) -> None:
        """Begin nothing further for traces in other threads; called when the stage is left, however it ends."""
        ...


class SliceAnnotator:
    """Dependency slicing, see `text/slicing.py`."""

    name = "slice"
    n_at_once = 1

    def __init__(self, prose: Literal["word", "clause"], discount_checks: bool = False) -> None:
        self._prose = prose
        self._discount_checks = discount_checks

    def annotate(self, trace: Trace) -> Graded:
        """See `Annotator.annotate`."""
        answer = concluded_answer(trace)
        units = segment(trace.cot, self._prose)
        statements = read_statements(trace.cot, units)
        needed = needed_units(trace.question, trace.cot, answer, units, statements)
        check_needed(needed, answer)
        importance = tiered_importance(trace.question, units, statements, needed)
        if self._discount_checks:
            importance = discount_checks(importance, statements, needed, answer)
        return Graded(units, importance)

    def stop(self) -> None:
        """See `Annotator.stop`."""


def concluded_answer(trace: Trace) -> str:
    """What the trace itself concludes: its last box, in the response or else the chain of thought; else the
    gold answer.

    Raises:
        DataError: it has none of these.
    """
    answer = last_boxed(trace.response) or last_boxed(trace.cot) or trace.answer
    if not answer.strip():
        raise DataError("no final answer: the trace has no box, and no gold answer is known")
    return answer


def check_needed(needed: Sequence[int] | set[int], answer: str) -> None:
    """Refuse (DataError) a grading that found nothing needed: it would teach that nothing matters."""
    if not needed:
        shown = answer if len(answer) <= 60 else answer[:57] + "..."
        raise DataError(f"no formula or number of the chain of thought leads to the answer {shown!r}")

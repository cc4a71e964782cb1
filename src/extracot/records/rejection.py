"""Why something was not learnt from."""

from typing import Literal

from pydantic import Field

from extracot.records.record import Record


class Rejection(Record):
    """One trace, or one rendering of it, that a filter of the data factory took."""

    format: Literal["extracot.rejection/1"] = "extracot.rejection/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    trace_id: str
    """The trace."""
    target_ratio: float | None = Field(gt=0, le=1)
    """The rendering; None where the whole trace was taken."""
    filter: str
    """The filter's name, as on the data card."""
    detail: str
    """What it found, in words: a count and its limit, the evaluation problem that leaked."""

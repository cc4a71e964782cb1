"""How a scorer ranks the units of a chain of thought."""

from typing import Literal

from pydantic import model_validator

from extracot.records.annotation import check_ascending
from extracot.records.record import Record


class UnitScores(Record):
    """The score of every unit of one trace: what its compressions were cut by."""

    format: Literal["extracot.unit-scores/1"] = "extracot.unit-scores/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    trace_id: str
    """The trace whose `cot` the spans index."""
    scorer: str
    """Who ranked the units: a compressor model or a model-free scorer."""
    spans: list[tuple[int, int]]
    """Half-open character offsets of the units in the `cot`, ascending; they tile it."""
    scores: list[float]
    """One per span; higher is kept longer."""
    outcome: Literal["ok", "failed"]
    """failed: this trace could not be scored; spans and scores are then empty."""
    error: str | None
    """Why it failed; None when ok."""

    @model_validator(mode="after")
    def _check_shape(self) -> "UnitScores":
        if len(self.spans) != len(self.scores):
            raise ValueError(f"{len(self.spans)} spans but {len(self.scores)} scores")
        if (self.error is not None) != (self.outcome == "failed"):
            raise ValueError("error is set exactly when outcome is failed")
        check_ascending(self.spans)
        return self

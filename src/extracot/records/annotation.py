"""Which parts of a chain of thought matter, said by an annotator."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from extracot.records.record import Record


class Annotation(Record):
    """The importance of every unit of one trace."""

    format: Literal["extracot.annotation/1"] = "extracot.annotation/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    trace_id: str
    """The trace whose `cot` the spans index."""
    annotator: str
    """Who said so: slicing, attribution, or the name of a teacher model."""
    spans: list[tuple[int, int]]
    """Half-open character offsets of the units in the `cot`, ascending, without overlap."""
    importance: list[Annotated[float, Field(ge=0, le=1)]]
    """One per span, in [0, 1]; larger is kept longer."""
    outcome: Literal["ok", "failed"]
    """failed: the annotator could not say; spans and importance are then empty."""
    error: str | None
    """Why it failed; None when ok."""

    @model_validator(mode="after")
    def _check_shape(self) -> "Annotation":
        if len(self.spans) != len(self.importance):
            raise ValueError(f"{len(self.spans)} spans but {len(self.importance)} importances")
        if (self.error is not None) != (self.outcome == "failed"):
            raise ValueError("error is set exactly when outcome is failed")
        check_ascending(self.spans)
        return self


def check_ascending(spans: list[tuple[int, int]]) -> None:
    """Refuse spans that are empty, out of order or overlapping (ValueError); touching spans are fine."""
    position = 0
    for start, end in spans:
        if start < position or end <= start:
            raise ValueError(f"span ({start}, {end}) is empty, out of order or overlaps the one before")
        position = end

"""What is left of a chain of thought at one ratio, or above one threshold."""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from extracot.records.annotation import check_ascending
from extracot.records.record import Record


class Compression(Record):
    """One trace cut to one target ratio, or at one threshold of its units' scores."""

    older_formats: ClassVar[frozenset[str]] = frozenset({"extracot.compression/1"})

    format: Literal["extracot.compression/2"] = "extracot.compression/2"
    """Rides on every line, so a file copied out of its run still says what it is. Format 1 had no threshold."""
    trace_id: str
    """The trace that was cut."""
    problem_id: str
    """The problem that the trace answers."""
    scorer: str
    """Who ranked the units: a compressor model or a model-free scorer."""
    target_ratio: float | None = Field(gt=0, le=1)
    """Kept tokens over original tokens, as asked for; None where a threshold was asked for instead."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """Units that score at least this were kept, however many; None where a ratio was asked for."""
    actual_ratio: float = Field(ge=0)
    """Kept tokens over original tokens, as measured on `text`; may pass 1 where re-tokenising costs."""
    n_tokens: int = Field(ge=0)
    """Tokens of `text`, in the target model's tokenizer."""
    n_original_tokens: int = Field(ge=0)
    """Tokens of the whole `cot`, in the same tokenizer."""
    text: str
    """The kept units in their original order."""
    kept: list[tuple[int, int]]
    """Half-open character offsets into the `cot`, ascending; neighbouring kept units are merged."""
    n_formulas: int = Field(ge=0)
    """Formula units in the `cot`."""
    n_formulas_kept: int = Field(ge=0)
    """Formula units kept; a formula is never cut in two."""
    keeps_answer: bool | None
    """Whether `text` still holds the gold answer; None where gold is unknown or never was in the `cot`."""
    outcome: Literal["ok", "failed"]
    """failed: this trace could not be compressed; text and kept are then empty."""
    error: str | None
    """Why it failed; None when ok."""

    @model_validator(mode="before")
    @classmethod
    def _read_format_1(cls, row: Any) -> Any:
        if isinstance(row, dict) and row.get("format") == "extracot.compression/1":
            return {**row, "format": "extracot.compression/2", "threshold": None}
        return row

    @model_validator(mode="after")
    def _check_shape(self) -> "Compression":
        if (self.target_ratio is None) == (self.threshold is None):
            raise ValueError("needs either a target_ratio or a threshold")
        if self.n_formulas_kept > self.n_formulas:
            raise ValueError(f"keeps {self.n_formulas_kept} of {self.n_formulas} formulas")
        if (self.error is not None) != (self.outcome == "failed"):
            raise ValueError("error is set exactly when outcome is failed")
        check_ascending(self.kept)
        return self

"""The smallest budget with which a model reliably solves a problem."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from extracot.records.record import Record


class TeacherBudget(Record):
    """What one problem needs, measured by sampling the SFT model at every ratio."""

    older_formats: ClassVar[frozenset[str]] = frozenset({"extracot.budget/1"})

    format: Literal["extracot.budget/2"] = "extracot.budget/2"
    """Rides on every line, so a file copied out of its run still says what it is. Format 1 had no actual ratios."""
    problem_id: str
    """The problem that was measured."""
    question: str
    """Its question, so that RL needs no second file."""
    answer: str
    """Its gold answer."""
    level: int | None
    """Its difficulty, larger is harder; None where the source is silent."""
    pass_rates: dict[str, Annotated[float, Field(ge=0, le=1)]]
    """Ratio, written with two decimals as in "0.20", to the share of samples that were correct (and, where the
    measurement set `max_overrun`, kept to their ratio)."""
    actual_ratios: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Ratio, written alike, to the mean think tokens of its samples / `n_reference_think_tokens`; empty in what was
    format 1."""
    teacher_ratio: float | None = Field(gt=0, le=1)
    """r*: the smallest reliable ratio above which all are reliable; None when no ratio is."""
    n_reference_think_tokens: float = Field(gt=0)
    """Mean think tokens of the model's own full-ratio samples: what actual ratios are measured against."""
    n_samples: int = Field(ge=1)
    """Samples drawn at each ratio."""

    @model_validator(mode="before")
    @classmethod
    def _read_format_1(cls, row: Any) -> Any:
        if isinstance(row, dict) and row.get("format") == "extracot.budget/1":
            return {**row, "format": "extracot.budget/2"}
        return row

    @field_validator("pass_rates", "actual_ratios")
    @classmethod
    def _check_keys(cls, by_ratio: dict[str, float]) -> dict[str, float]:
        for key in by_ratio:
            if not re.fullmatch(r"[01]\.\d\d", key):
                raise ValueError(f"ratio key {key!r} is not written with two decimals, as in '0.20'")
        return by_ratio

"""The smallest budget with which a model reliably solves a problem."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from extracot.records.record import Record


class TeacherBudget(Record):
    """What one problem needs, measured by sampling the SFT model at every ratio."""

    format: Literal["extracot.budget/1"] = "extracot.budget/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
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
    teacher_ratio: float | None = Field(gt=0, le=1)
    """r*: the smallest reliable ratio above which all are reliable; None when no ratio is."""
    n_reference_think_tokens: float = Field(gt=0)
    """Mean think tokens of the model's own full-ratio samples: what actual ratios are measured against."""
    n_samples: int = Field(ge=1)
    """Samples drawn at each ratio."""

    @field_validator("pass_rates")
    @classmethod
    def _check_keys(cls, pass_rates: dict[str, float]) -> dict[str, float]:
        for key in pass_rates:
            if not re.fullmatch(r"[01]\.\d\d", key):
                raise ValueError(f"ratio key {key!r} is not written with two decimals, as in '0.20'")
        return pass_rates

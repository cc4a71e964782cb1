"""One completion, graded."""

from typing import Literal

from pydantic import Field

from extracot.records.outcome import Outcome
from extracot.records.record import Record


class Score(Record):
    """One completion of one problem at one budget, graded."""

    format: Literal["extracot.score/1"] = "extracot.score/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    problem_id: str
    """The problem that was asked."""
    arm: str
    """Which model or method wrote it, as the report names it."""
    mode: Literal["base", "fixed", "policy"]
    """base: no control token in the prompt. fixed: a ratio asked for. policy: the model chooses."""
    target_ratio: float | None = Field(gt=0, le=1)
    """Budget asked for; None unless mode is fixed."""
    chosen_ratio: float | None = Field(gt=0, le=1)
    """Ratio named by the completion's first token; None where that is no ratio token."""
    outcome: Outcome
    """How the answer compares to the gold."""
    level: int | None
    """Difficulty of the problem, larger is harder; None where the source is silent."""
    n_think_tokens: int = Field(ge=0)
    """Tokens inside the think block, an unclosed one included."""
    n_tokens: int = Field(ge=0)
    """All tokens generated; of a control arm, what it was given of the thinking included."""
    n_reference_think_tokens: float | None = Field(gt=0)
    """Think tokens of the reference on this problem, what actual ratios divide by; None: no reference."""
    latency_s: float = Field(ge=0)
    """Seconds from request to end; of a control arm, of the answer alone."""
    is_closed: bool
    """The think block was closed, by the model itself or by what a control arm was given."""
    completion: str
    """Everything generated, control tokens included."""
    question: str
    """The question alone."""
    answer: str
    """Gold answer."""
    sample: int = Field(ge=0)
    """Number of this sample among those of the same arm, mode, ratio and problem, from 0."""

"""One row of an evaluation, asked under a stated load, with the time that every request took."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from extracot.records.record import Record


class TimedRequest(BaseModel):
    """One request under load."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    problem_id: str
    """The problem that was asked."""
    latency_s: float | None = Field(ge=0)
    """Seconds from request to the last token, as `Generation.latency_s`; None where no completion came."""
    n_tokens: int = Field(ge=0)
    """All tokens generated."""
    error: str | None = None
    """Why no completion came, in one line."""


class Load(Record):
    """One arm asked in one way with so many requests at once."""

    format: Literal["extracot.load/1"] = "extracot.load/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    arm: str
    """Which model or method was asked."""
    mode: Literal["base", "fixed", "policy"]
    """base: no control token in the prompt. fixed: a ratio asked for. policy: the model chooses."""
    target_ratio: float | None = Field(gt=0, le=1)
    """Budget asked for; None unless mode is fixed."""
    backend: str
    """Who completed the prompts; of a server also its kind."""
    concurrency: int = Field(ge=1)
    """Requests under way at once; in this process the rows of a batch."""
    requests_per_minute: float | None = Field(gt=0)
    """The even rate at which they were sent, as far as `concurrency` allowed; None: as soon as one was done."""
    n_warmup: int = Field(ge=0)
    """Requests that went before and are not among these."""
    duration_s: float = Field(ge=0)
    """From the first request to the last completion."""
    requests: tuple[TimedRequest, ...]
    """In the order in which they were asked."""

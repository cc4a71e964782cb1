"""One request to a teacher model about one chunk of one trace, paid for whether it was of use or not."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from extracot.records.record import Record


class CallOutcome(StrEnum):
    """How one request ended. Only `OK` says anything about the trace."""

    OK = "ok"
    """The reply names units to keep."""
    TIMEOUT = "timeout"
    """No whole reply in time."""
    UNREACHABLE = "unreachable"
    """No connection, or one that broke."""
    HTTP_ERROR = "http_error"
    """A status other than 200."""
    NO_COMPLETION = "no_completion"
    """Status 200 with a body that is no chat completion."""
    EMPTY = "empty"
    """A completion without text."""
    CUT_OFF = "cut_off"
    """The token limit, or an open bracket at its end: what it would have kept is unknown."""
    UNREADABLE = "unreadable"
    """Text that is no list of ranges, or one that means two things."""
    KEEPS_NOTHING = "keeps_nothing"
    """It says that nothing is needed, which no chain of thought deserves."""
    OUT_OF_RANGE = "out_of_range"
    """Every index lies outside the chunk."""


class TeacherCall(Record):
    """One line of `calls.jsonl`."""

    format: Literal["extracot.teacher-call/1"] = "extracot.teacher-call/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    trace_id: str
    """The trace that was asked about."""
    chunk: int = Field(ge=0)
    """Which part of it, from 0."""
    n_chunks: int = Field(ge=1)
    """Of how many parts."""
    attempt: int = Field(ge=1)
    """Which request about this part in this run of the stage, from 1."""
    digest: str
    """SHA-256 of the messages; a resumed run takes the answer only if it would ask the same again."""
    outcome: CallOutcome
    """How it ended."""
    error: str | None
    """What was wrong, in a line; None when ok."""
    status: int | None
    """HTTP status; None where no answer came."""
    keep: list[tuple[int, int]]
    """Half-open ranges of unit indices of the trace; empty unless ok."""
    n_outside: int = Field(ge=0)
    """Named ranges that lay outside the chunk, wholly or in part; what lay outside was dropped."""
    latency_s: float = Field(ge=0)
    """Seconds from request to reply."""
    n_prompt_tokens: int | None = Field(ge=0)
    """As the server counted them; None where it did not say."""
    n_completion_tokens: int | None = Field(ge=0)
    """As the server counted them, reasoning included; None where it did not say."""
    price: float | None = Field(ge=0)
    """In the currency of the configured prices; None without prices or without usage."""

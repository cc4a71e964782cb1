"""One row of the supervised fine-tuning set as a conversation, for trainers that render it themselves."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from extracot.records.record import Record


class Message(BaseModel):
    """One turn."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: str
    """What is said."""


class ChatExample(Record):
    """The turns of an `SftExample` before any chat template: TRL's conversational prompt-completion form."""

    format: Literal["extracot.chat-example/1"] = "extracot.chat-example/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    id: str
    """That of the SftExample."""
    problem_id: str
    """The problem it was made from."""
    queue: Literal["fixed", "policy"]
    """fixed: the prompt names the ratio, the completion mirrors it. policy: the completion chooses it."""
    target_ratio: float = Field(gt=0, le=1)
    """The ratio whose token the completion starts with."""
    prompt: list[Message]
    """The system turn where there is one, and the user turn, which ends in the control token."""
    completion: list[Message]
    """One assistant turn: control token, think block, visible answer."""

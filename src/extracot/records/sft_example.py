"""One row of the supervised fine-tuning set."""

from typing import Literal

from pydantic import Field

from extracot.records.record import Record


class SftExample(Record):
    """A rendered prompt and the completion to learn, in the prefix-mirror protocol."""

    format: Literal["extracot.sft-example/1"] = "extracot.sft-example/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    id: str
    """Unique in its file."""
    problem_id: str
    """The problem it was made from; several ratios of one problem share it."""
    queue: Literal["fixed", "policy"]
    """fixed: the prompt names the ratio, the completion mirrors it. policy: the completion chooses it."""
    target_ratio: float = Field(gt=0, le=1)
    """The ratio whose token the completion starts with."""
    prompt: str
    """The whole prompt as the chat template renders it, control token included."""
    completion: str
    """Control token, think block, visible answer; the end-of-turn token is added in training."""
    n_prompt_tokens: int = Field(ge=0)
    """Tokens of `prompt`."""
    n_completion_tokens: int = Field(ge=0)
    """Tokens of `completion`."""

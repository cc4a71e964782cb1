"""Config of the generate stage."""

from typing import Literal

from pydantic import Field, field_validator

from extracot.generate.backend import Sampling
from extracot.io.config import StageConfig
from extracot.models.prompts import PromptFormat
from extracot.text.control import POLICY_TOKEN, control_token


class GenerateConfig(StageConfig):
    """Which model answers which problems, and how."""

    problems: str
    """A `.jsonl` file, or a toy spec as `toy:train:800:seed=1`."""
    model: str
    """A folder, a hub name, or "toy"."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first so many problems; None for all."""
    samples_per_problem: int = Field(default=1, ge=1)
    """Independent completions of each problem."""
    control: float | Literal["policy"] | None = None
    """The budget to ask for: a ratio of the model's grid, "policy" (the model chooses), None (no token)."""
    prompt_format: PromptFormat | None = None
    """What stands around a question; None takes the model's own, and the bare question where it has none."""
    sampling: Sampling = Sampling()
    """Token limit, temperature, top-p and seed."""
    batch_size: int = Field(default=128, ge=1)
    """Prompts side by side, and the most that a kill can lose. A large model wants fewer."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the weights in memory; bfloat16 is for GPUs, on most CPUs it is far slower."""

    @field_validator("control")
    @classmethod
    def _has_token(cls, control: float | Literal["policy"] | None) -> float | Literal["policy"] | None:
        if isinstance(control, float):
            control_token(control)  # raises UsageError, a ValueError, for a ratio without a token
        return control

    @property
    def control_token(self) -> str | None:
        """The token that ends the prompt."""
        if self.control is None:
            return None
        return POLICY_TOKEN if self.control == "policy" else control_token(self.control)

"""Config of the prepare-model stage."""

from pydantic import Field, field_validator

from extracot.io.config import StageConfig
from extracot.models.prompts import PromptFormat
from extracot.text.control import control_tokens


class PrepareModelConfig(StageConfig):
    """Which model gets which control tokens."""

    model: str
    """A folder, a hub name, or "toy"."""
    grid: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    """Target ratios, each a whole percent in (0, 1]; one control token each, and the policy token."""
    prompt_format: PromptFormat = PromptFormat()
    """What stands around a question, from now on in every stage."""
    seed: int = Field(default=0, ge=0)
    """Decides the first embeddings of the new tokens."""

    @field_validator("grid")
    @classmethod
    def _has_tokens(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        control_tokens(grid)  # raises UsageError, a ValueError, for a grid without tokens
        return tuple(sorted(grid))

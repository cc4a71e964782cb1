"""Config of the prepare-model stage."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from extracot.io.config import StageConfig
from extracot.models.chat_template import Budget
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
    default_budget: Budget = "policy"
    """What the chat template takes for a request without `comp_ratio` and `reasoning_effort`: a ratio of the grid,
    "policy", or "none" for a prompt without a control token, as the model had them before."""
    efforts: dict[str, Budget] | None = None
    """What each `reasoning_effort` means. None: low, medium and high are the smallest, the middle and the largest ratio
    of the grid, auto and policy let the model choose; where the model's own template reads `reasoning_effort`, that is
    left to it. Empty: always left alone."""
    embeddings: Literal["distinct", "mean"] = "distinct"
    """How the new tokens start: told apart and in the order of their ratios, or all at the mean of the others, which is
    what the resizing of transformers leaves; mean is there to be compared with."""
    seed: int = Field(default=0, ge=0)
    """Decides the first embeddings of the new tokens."""

    @field_validator("grid")
    @classmethod
    def _has_tokens(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        control_tokens(grid)  # raises UsageError, a ValueError, for a grid without tokens
        return tuple(sorted(grid))

    @model_validator(mode="after")
    def _names_ratios_of_the_grid(self) -> "PrepareModelConfig":
        named = {"default_budget": self.default_budget}
        named |= {f"efforts.{effort}": budget for effort, budget in (self.efforts or {}).items()}
        for key, budget in named.items():
            if not isinstance(budget, str) and budget not in self.grid:
                raise ValueError(f"{key}: {budget} is no ratio of the grid {list(self.grid)}")
        return self

"""Config of the generate stage."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from extracot.errors import ConfigError
from extracot.generate.backend import Sampling
from extracot.generate.backend_config import CompletionsConfig
from extracot.models.prompts import PromptFormat
from extracot.text.control import POLICY_TOKEN, control_token


class GenerateConfig(CompletionsConfig):
    """Which model answers which problems, and how; or which traces that exist already are taken over."""

    problems: str | None = None
    """A benchmark (`extracot config benchmarks`), a `.jsonl` file, or a toy spec as `toy:train:800:seed=1`. With
    `traces`: where gold answers are looked up that the traces themselves lack; null for nowhere."""
    model: str | None = None
    """A folder, a hub name, or "toy". With `traces`: whose tokenizer counts their think tokens; null leaves them
    uncounted."""
    traces: str | None = None
    """Instead of asking a model, grade what another one wrote: a `.jsonl` or `.jsonl.gz` of chats (`messages`, with a
    `<think>` block) or of `question`, `cot`, `answer` rows; see `importing.py`."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first so many problems, or traces; None for all."""
    samples_per_problem: int = Field(default=1, ge=1)
    """Independent completions of each problem."""
    control: float | Literal["policy"] | None = None
    """The budget to ask for: a ratio of the model's grid, "policy" (the model chooses), None (no token)."""
    prompt_format: PromptFormat | None = None
    """What stands around a question; None takes the model's own, and the bare question where it has none."""
    sampling: Sampling = Sampling()
    """Token limit, temperature, top-p and seed."""
    batch_size: int = Field(default=128, ge=1)
    """Prompts side by side in this process, and the most that a kill can lose there. A large model wants fewer."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the weights in memory; bfloat16 is for GPUs, on most CPUs it is far slower."""

    @field_validator("control")
    @classmethod
    def _has_token(cls, control: float | Literal["policy"] | None) -> float | Literal["policy"] | None:
        if isinstance(control, float):
            control_token(control)  # raises UsageError, a ValueError, for a ratio without a token
        return control

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if self.traces is None:
            for key, value in (("problems", self.problems), ("model", self.model)):
                if value is None:
                    raise ConfigError(
                        f"{key!r} is missing; give it in the file or with --set {key}=..., "
                        "or take over existing traces with --set traces=FILE.jsonl"
                    )
        elif self.backend != "transformers" or self.control is not None:
            raise ConfigError("traces are taken over without asking a model; drop backend, server, vllm and control")
        return self

    @property
    def control_token(self) -> str | None:
        """The token that ends the prompt."""
        if self.control is None:
            return None
        return POLICY_TOKEN if self.control == "policy" else control_token(self.control)

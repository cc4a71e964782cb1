"""What the `annotate` stage can be told."""

from typing import Literal, Self

from pydantic import Field, model_validator

from extracot.errors import ConfigError
from extracot.io.config import StageConfig
from extracot.models.prompts import PromptFormat


class AnnotateConfig(StageConfig):
    """Traces in, one annotation per trace out."""

    traces: str
    """A `.jsonl` or `.jsonl.gz` of traces, ours or plain `{question, cot, answer, response}` rows."""
    annotator: Literal["slice", "attribution"] = "slice"
    """slice: walk back from the answer through the equations, no model. attribution: how much a formula is
    missed by a language model, chained back from the answer."""
    prose: Literal["word", "clause"] = "clause"
    """What a unit of prose is; compress with the same."""
    limit: int | None = Field(default=None, ge=1)
    """Stop after this many traces; null takes all."""
    model: str | None = None
    """For `annotator: attribution`, a causal language model: a folder, a hub name, or `toy`."""
    prompt_format: PromptFormat | None = None
    """For attribution, what stands around a question; null takes the model's own, or the bare question."""
    method: Literal["leave_one_out", "gradient"] = "leave_one_out"
    """For attribution. leave_one_out: delete every formula in turn and measure. gradient: estimate that from one
    forward pass and a backward pass per needed formula; cheaper on long texts, and much less accurate."""
    influence_cap_nats: float = Field(default=4.0, gt=0)
    """For attribution: a drop of log-probability this large counts as full influence; ours, as in the probe
    that put chained attribution at .84 average precision in a toy world."""
    needed_influence: float = Field(default=0.2, gt=0, le=1)
    """For attribution: a formula is needed from this chained influence on; ours, untuned."""
    max_batch_tokens: int = Field(default=8192, ge=1)
    """For attribution: tokens in one forward pass, with padding; changes speed and memory, not results."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """For attribution, of the weights; bfloat16 is for GPUs."""
    device: str | None = None
    """For attribution, the torch device; null takes the GPU where there is one."""

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if self.annotator == "attribution" and self.model is None:
            raise ConfigError(
                "annotator attribution needs a language model; give one with --set model=toy, "
                "or take --set annotator=slice, which needs none"
            )
        if self.annotator == "slice" and self.model is not None:
            raise ConfigError("annotator slice uses no model; drop the key, or set annotator=attribution")
        if self.annotator != "attribution" and self.method != "leave_one_out":
            raise ConfigError(f"annotator {self.annotator} has no method; drop the key, or set annotator=attribution")
        return self

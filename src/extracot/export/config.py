"""Config of the export stage."""

from typing import Literal

from extracot.io.config import StageConfig
from extracot.models.chat_template import Budget


class ExportConfig(StageConfig):
    """Which model becomes a folder for servers, and what its knob says when nobody turns it."""

    model: str
    """A folder with a knob: a model that `sft` or `chrpo` wrote, or a LoRA adapter of a prepared model."""
    base_model: str | None = None
    """For an adapter: the prepared model that it belongs to; None for the one that its adapter_config.json names."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the weights on disk; auto keeps the one that they were saved in."""
    default_budget: Budget | None = None
    """What a request gets that names no budget: a ratio of the model's grid, "policy" or "none". None: as prepared."""
    efforts: dict[str, Budget] | None = None
    """What each `reasoning_effort` means. None: as prepared."""

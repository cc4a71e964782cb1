"""What the `sft` stage may be told."""

from typing import Any, Literal

from pydantic import Field

from extracot.io.config import StageConfig


class SftConfig(StageConfig):
    """Which model learns from which examples, and how. Defaults are those of the paper where it gives any."""

    model: str
    """A folder made by prepare-model (or an earlier run's `model`)."""
    data: str
    """SFT examples, `.jsonl` as written by build-sft."""
    learning_rate: float = Field(default=2e-5, gt=0)
    """Peak rate. The paper's; a model of a million parameters wants about a hundred times more."""
    scheduler: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """How the rate falls after warm-up."""
    warmup_share: float = Field(default=0.05, ge=0, lt=1)
    """Share of all steps over which the rate rises from 0."""
    weight_decay: float = Field(default=0.05, ge=0)
    """Of AdamW, not on norms and biases."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Longer gradients are scaled down to this."""
    epochs: float = Field(default=3.0, gt=0)
    """Passes over the examples; parts of a pass are allowed."""
    max_steps: int | None = Field(default=None, ge=1)
    """Stop after so many optimiser steps, and let the rate fall by then; None runs through all epochs."""
    batch_size: int = Field(default=64, ge=1)
    """Examples per optimiser step, over all processes. The paper's 2 x 8 on what look like 4 GPUs."""
    micro_batch_size: int = Field(default=8, ge=1)
    """Examples per forward pass and process; changes memory and speed, not results (up to rounding)."""
    group_by_length: bool = True
    """Put examples of similar length into one forward pass, which saves padding; the batches come in random
    order."""
    max_length: int = Field(default=6144, ge=2)
    """Longer examples are left out and counted, never cut: a cut example would teach to end without an
    answer."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the passes; auto is bfloat16 on a GPU and float32 on a CPU. Weights and optimiser stay in
    float32."""
    gradient_checkpointing: bool = False
    """Recompute activations to save memory."""
    save_every_steps: int = Field(default=500, ge=1)
    """Optimiser steps between checkpoints: what a kill can lose."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Older ones are deleted."""
    log_every_steps: int = Field(default=10, ge=1)
    """Steps between lines on stderr; metrics.jsonl gets every step."""
    seed: int = Field(default=0, ge=0)
    """Decides the order of the examples."""
    trainer_args: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of TRL's SFTConfig (deepspeed, fsdp, packing, ...), those that no key above
    decides."""

"""What the `sft` stage may be told."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from extracot.io.config import StageConfig


class LoraSection(BaseModel):
    """Low-rank adapters in place of full fine-tuning; the rows of the control tokens are trained whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    rank: int = Field(default=16, ge=1)
    """Columns of each adapter matrix."""
    alpha: float = Field(default=32.0, gt=0)
    """The adapter counts alpha / rank times."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """On the adapter's input, in training."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Names of the layers that get one, as in `[q_proj, v_proj]`; all-linear is every linear layer but the output
    matrix."""


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
    """Examples per forward pass and process; changes memory and speed, not results (up to rounding), unless
    group_by_length makes the order of the examples depend on it."""
    group_by_length: bool = True
    """Put examples of similar length into one forward pass, which saves padding; the batches come in random
    order. Packing has no need of it."""
    max_length: int = Field(default=6144, ge=2)
    """Longer examples are left out and counted, never cut: a cut example would teach to end without an
    answer."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the passes; auto is bfloat16 on a GPU and float32 on a CPU. Weights and optimiser stay in
    float32."""
    gradient_checkpointing: bool = False
    """Recompute activations to save memory; changes no loss."""
    packing: bool = False
    """Lay the examples of a pass end to end instead of padding them to one length. Every optimiser step holds the same
    examples and has the same loss as without; no example is cut, none sees another."""
    lora: LoraSection | None = None
    """Train adapters instead of all weights; the saved model has them merged in. None trains all weights."""

    holdout_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the questions that are kept out of training, with all their rows; 0 measures nothing."""
    eval_every_steps: int = Field(default=250, ge=1)
    """Steps between measurements on the held-out questions, of their loss and of the control error; also at the
    end."""
    control_questions: int = Field(default=8, ge=0)
    """Held-out questions that are answered at every ratio of the grid, greedily, for the control error; 0 leaves that
    out."""
    control_batch_size: int = Field(default=32, ge=1)
    """Of those answers, decoded side by side."""
    best_by: Literal["loss", "control_error"] | None = None
    """Save the checkpoint that was best on the held-out questions; None saves the last one."""

    save_every_steps: int = Field(default=500, ge=1)
    """Optimiser steps between checkpoints: what a kill can lose."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Older ones are deleted."""
    log_every_steps: int = Field(default=10, ge=1)
    """Steps between lines on stderr; metrics.jsonl gets every step."""
    report_to: tuple[str, ...] = ()
    """Trackers that get every metric as well, of those that transformers knows: tensorboard, wandb, trackio, ..."""
    seed: int = Field(default=0, ge=0)
    """Decides the order of the examples and which questions are held out."""
    tokens_per_s: float | Literal["measure"] | None = None
    """For the time that --dry-run tells, and nothing else: training tokens a second of all processes, or `measure` to
    time a pass of this machine."""
    trainer_args: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of TRL's SFTConfig (deepspeed, fsdp, ...), those that no key above decides."""

    @model_validator(mode="after")
    def _check(self) -> "SftConfig":
        if self.best_by is not None:
            if not self.holdout_share:
                raise ValueError(f"best_by={self.best_by} needs held-out questions; set holdout_share, to 0.1 say")
            if self.best_by == "control_error" and not self.control_questions:
                raise ValueError("best_by=control_error needs control_questions above 0")
            if self.save_every_steps != self.eval_every_steps:
                raise ValueError(
                    f"best_by needs a checkpoint of every measured step: set save_every_steps="
                    f"{self.save_every_steps} and eval_every_steps={self.eval_every_steps} to one value"
                )
        if isinstance(self.tokens_per_s, float) and self.tokens_per_s <= 0:
            raise ValueError("tokens_per_s must be above 0")
        return self

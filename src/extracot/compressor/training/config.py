"""What the `train-compressor` stage can be told."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from extracot.compressor.selection import check_ratios
from extracot.errors import ConfigError
from extracot.io.config import StageConfig


class TrainCompressorConfig(StageConfig):
    """Annotated traces in, a compressor folder out."""

    traces: str
    """A `.jsonl` or `.jsonl.gz` of traces."""
    annotations: str
    """Annotations of these traces, as `annotate` writes them; traces without one are left out."""
    encoder: str | None = None
    """A pretrained model to start from: a hub name, a folder, or `toy`; causal ones serve as well as encoders,
    also the very model that is to be compressed for. null builds a small one from the sizes below. That one soon
    learns what formulas are, but what the question has to do with them only after millions of tokens; for `toy`
    a million are enough in `make demo` (0.77 of the needed units kept at ratio 0.1, 0.99 at 0.2)."""
    tokenizer: str = "toy"
    """Whose tokens count when units are cut to a ratio; without an `encoder` also what the new model
    reads."""
    vocab_size: int | None = Field(default=None, ge=300)
    """Of a tokenizer of its own for a new encoder, learnt from the training traces; its tokens then count when
    units are cut as well. null reads with `tokenizer`."""
    hidden_size: int = Field(default=96, ge=8)
    """Of a new encoder."""
    n_layers: int = Field(default=3, ge=1)
    """Of a new encoder."""
    n_heads: int = Field(default=4, ge=1)
    """Of a new encoder; a divisor of `hidden_size`."""
    mlp_size: int = Field(default=192, ge=8)
    """Of a new encoder."""
    max_length: int = Field(default=2048, ge=64)
    """Most tokens read at once; longer chains of thought are read in overlapping windows."""
    max_windows: int | None = Field(default=None, ge=1)
    """Train on at most so many windows of one chain of thought, spread evenly over it; null takes all. A few very
    long traces otherwise take most of the time."""
    with_question: bool = True
    """False trains a compressor that does not see the question, as an ablation."""
    tiers: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Importance levels to tell apart, one label each; every annotated importance counts as the nearest. [0,
    1] is the method's keep or drop."""
    focus: float = Field(default=2.0, ge=0)
    """λ of the focal loss; 0 is plain cross-entropy."""
    class_evenness: float = Field(default=0.5, ge=0, le=1)
    """0 weighs every token alike, 1 every tier alike."""
    lr: float | None = Field(default=None, gt=0)
    """Peak step size of AdamW; null is 3e-3 for a new encoder, 2e-5 (the method's) for a pretrained one. Small
    pretrained models want more: 7e-4 for `toy`."""
    matrix_lr: float | None = Field(default=0.02, gt=0)
    """Peak step size of Muon, which trains the matrices inside a new encoder; null leaves them to AdamW. A
    pretrained encoder is trained by AdamW alone."""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW's."""
    n_epochs: float = Field(default=1.0, gt=0)
    """Passes over the training traces."""
    max_steps: int | None = Field(default=None, ge=1)
    """Fewer steps than the epochs have, where given."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Stop training after this time and keep the best so far. Results then depend on the machine."""
    batch_tokens: int = Field(default=4096, ge=64)
    """Tokens of one step, padding included, over all processes."""
    holdout_share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the questions that are kept out of training to choose the checkpoint."""
    max_holdout_traces: int = Field(default=200, ge=1)
    """At most so many of their traces are scored at each evaluation."""
    n_evaluations: int = Field(default=5, ge=1)
    """Evenly spread, the last at the end; the best of them is what is saved."""
    ratios: tuple[float, ...] = (0.1, 0.2, 0.3, 0.5)
    """Where held-out quality is measured. Large ratios keep nearly everything and tell models apart no
    more."""
    resolution: float = Field(default=0.05, ge=0)
    """As `compress` will use it."""
    seed: int = 0
    """Of initial weights, batches and the split by question."""
    n_threads: int | None = Field(default=None, ge=1)
    """CPU threads; torch's own choice when null. Weights are the same again only with the same number."""
    storage: Literal["float32", "float16"] = "float32"
    """Of the saved weights; float16 halves the file, and `compress` computes in float32 all the same."""
    device: str | None = None
    """Torch device of a single process; null takes the GPU where there is one. Several processes each take the one
    that their launcher gave them."""

    @field_validator("ratios")
    @classmethod
    def _check_ratios(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        return check_ratios(ratios)

    @model_validator(mode="after")
    def _check_shapes(self) -> Self:
        if (
            len(self.tiers) < 2
            or list(self.tiers) != sorted(set(self.tiers))
            or not 0 <= self.tiers[0] < self.tiers[-1] <= 1
        ):
            raise ConfigError(f"tiers {list(self.tiers)} must ascend within [0, 1] and be two at least")
        if self.encoder is not None and self.vocab_size is not None:
            raise ConfigError("vocab_size is for a new encoder; a pretrained one reads with its own tokenizer")
        if self.hidden_size % self.n_heads:
            raise ConfigError(f"hidden_size {self.hidden_size} is not a multiple of n_heads {self.n_heads}")
        return self

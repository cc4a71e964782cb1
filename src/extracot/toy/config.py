"""Config of the stage that trains the toy base model."""

from typing import Literal

from pydantic import Field

from extracot.io.config import StageConfig


class ToyBaseConfig(StageConfig):
    """How the packaged toy base model is made."""

    hidden_size: int = 128
    """Width of the residual stream."""
    n_layers: int = 4
    """Transformer layers."""
    n_heads: int = 4
    """Attention heads; head size is hidden_size / n_heads."""
    n_key_value_heads: int = 4
    """Key and value heads shared between attention heads."""
    mlp_size: int = 384
    """Width of the feed-forward layers."""
    n_steps: int = Field(default=3000, ge=1)
    """Optimizer steps."""
    batch_tokens: int = Field(default=2048, ge=512)
    """Positions per step, padding included."""
    matrix_lr: float = Field(default=0.01, gt=0)
    """Muon's step size for the matrices inside the layers."""
    other_lr: float = Field(default=2e-3, gt=0)
    """AdamW's step size for embeddings, output matrix and norms."""
    lookup_lr: float = Field(default=3e-4, gt=0)
    """AdamW's step size for the attention of the first two layers, whose heads start set by hand."""
    seed: int = 1
    """Of the initial weights and of the document stream."""
    evaluation_problems: str = "toy:heldout:500:seed=11"
    """Where the card's accuracies are measured."""
    device: Literal["auto", "cpu"] = "auto"
    """Where it is trained; auto takes a GPU where there is one, whose last digits are others."""
    n_threads: int | None = None
    """CPU threads; torch's own choice when None. Threads can change the last digits of a float, so the weights
    are reproducible only at the same number."""

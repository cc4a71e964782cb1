"""Where a compressor's training stands, and how that survives a kill."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass(slots=True)
class Progress:
    """Everything that training changes, but for the model and the optimizers."""

    step: int = 0
    """Optimizer steps done."""
    n_tokens: int = 0
    """Tokens read in them."""
    seconds: float = 0.0
    """Time that they took, over all attempts."""
    best_step: int = 0
    """Step after which the held-out quality was best."""
    best_qualities: list[float] = field(default_factory=lambda: [-1.0])
    """[R] share of needed units kept on held-out traces, then."""
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    """The model, then; empty before the first evaluation."""


def save_checkpoint(
    path: Path, progress: Progress, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> None:
    """Write one file that replaces an earlier one only when it is whole."""
    state = {
        "progress": {name: getattr(progress, name) for name in Progress.__slots__},
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "random": torch.get_rng_state(),
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def load_checkpoint(path: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> Progress:
    """Put model, optimizers and torch's random numbers back where they were; a fresh `Progress` without a file.

    Not covered: random numbers of a GPU, so dropout there goes on with others.
    """
    if not path.exists():
        return Progress()
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, own in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(own)
    torch.set_rng_state(state["random"])
    return Progress(**state["progress"])

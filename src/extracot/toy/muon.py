"""Muon in plain fp32, equal shapes in one batch.

On CPUs without bf16 `torch.optim.Muon`, which works in it, takes longer for a step than the model for its passes.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def orthogonalize(matrices: Tensor, n_steps: int = 5) -> Tensor:
    """Bring every matrix near to the closest one with orthonormal rows or columns.

    Args:
        matrices: [B, R, C] float.
        n_steps: Newton–Schulz iterations.

    Returns:
        [B, R, C], singular values about 0.7 to 1.2.

    Source: Keller Jordan, "Muon: an optimizer for hidden layers in neural networks", quintic coefficients.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.mT if is_tall else x
    for _ in range(n_steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.mT if is_tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Momentum, then orthogonalisation; for weight matrices only."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        """Group the matrices by shape.

        Args:
            params: matrices, [R, C] each.
            lr: step size, multiplied by sqrt(max(1, R / C)).
            momentum: decay of the running mean of gradients, Nesterov style.
        """
        by_shape: dict[tuple[int, ...], list[Tensor]] = {}
        for param in params:
            by_shape.setdefault(tuple(param.shape), []).append(param)
        groups = [{"params": group} for group in by_shape.values()]
        super().__init__(groups, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            gradients = torch.stack([p.grad for p in params])
            buffer = self.state[params[0]].setdefault("momentum", torch.zeros_like(gradients))
            buffer.lerp_(gradients, 1 - group["momentum"])
            update = orthogonalize(gradients.lerp(buffer, group["momentum"]))
            rows, columns = update.shape[-2:]
            scale = group["lr"] * max(1.0, rows / columns) ** 0.5
            for param, delta in zip(params, update.unbind(), strict=True):
                param.add_(delta, alpha=-scale)

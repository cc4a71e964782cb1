"""The loss of the first token, where the ratio is chosen.

METHOD's objective is `η·clip(ρ₁)(A_main + A_ctrl) + 1/(T-1) Σ_{t≥2} clip(ρ_t)·A_main`. TRL computes the
second term once position 0 is masked out of its loss; this module is the first term. It is not divided by the
length: a choice made once must not be diluted by a thousand tokens.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class HeadLoss(NamedTuple):
    """The loss of each first token, and where clipping cut its gradient off."""

    loss_B: Tensor
    """[B] float, with gradient."""
    is_clipped_B: Tensor
    """[B] bool."""


def head_loss(
    logps_B: Tensor, old_logps_B: Tensor, advantages_B: Tensor, clip_low: float, clip_high: float
) -> HeadLoss:
    """`-min(ρ·A, clip(ρ)·A)` with ρ = π_θ/π_old at position 0.

    Args:
        logps_B: [B] log-probability of the first token under the model being trained, with gradient.
        old_logps_B: [B] the same under the model that sampled it, without gradient.
        advantages_B: [B] A_main + A_ctrl.
        clip_low: ρ counts as at least 1 - clip_low.
        clip_high: ρ counts as at most 1 + clip_high.

    Source: PPO's clipped objective, arXiv 1707.06347 equation 7.
    """
    ratio_B = torch.exp(logps_B - old_logps_B)
    clipped_B = ratio_B.clamp(1 - clip_low, 1 + clip_high)
    loss_B = -torch.min(ratio_B * advantages_B, clipped_B * advantages_B)
    is_clipped_B = ((ratio_B < 1 - clip_low) & (advantages_B < 0)) | ((ratio_B > 1 + clip_high) & (advantages_B > 0))
    return HeadLoss(loss_B, is_clipped_B)


def kl_to_reference(logps_B: Tensor, reference_logps_B: Tensor) -> Tensor:
    """[B] estimate of KL(π_θ ‖ π_ref) from one sample per row: always >= 0, unbiased in value.

    Source: the estimator of GRPO, arXiv 2402.03300 equation 4.
    """
    gap_B = reference_logps_B - logps_B
    return torch.exp(gap_B) - gap_B - 1

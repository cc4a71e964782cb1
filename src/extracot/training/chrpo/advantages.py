"""From reward parts to advantages, group by group.

Axes: P prompts, G completions of one prompt, K reward parts. NaN marks a part that could not be measured for
a completion; it takes no part in its group's mean, and its advantage in that part is 0.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Aggregation = Literal["normalize_then_sum", "sum_then_normalize"]
Scale = Literal["group", "batch", "none"]

EPSILON = 1e-4
"""Added to the deviation, as TRL does, so that the two agree to the last bit."""


def normalize_groups(rewards_PG: Tensor, std_floor: float = 0.0, scale: Scale = "group") -> Tensor:
    """Centre each prompt's rewards on that prompt's mean and divide by a deviation.

    Args:
        rewards_PG: [P, G] float, NaN where unknown; G >= 2.
        std_floor: a smaller deviation counts as this one, so that a group whose rewards differ by next to
            nothing is not blown up to unit size.
        scale: whose deviation divides: that of the prompt's own rewards, that of all centred rewards of the batch, or
            none, which leaves rewards in their own unit.

    Returns:
        [P, G]; 0 where the reward is NaN or is alone in its group; a group of equal rewards is all 0.

    Raises:
        ValueError: G < 2, since a single completion has nothing to be compared with.

    Source: GRPO, arXiv 2402.03300 section 4.1.2; deviation with Bessel's correction as in TRL. The floor is
    ours. `batch` is REINFORCE++ with a group baseline, arXiv 2501.03262, over responses instead of tokens; `none` is
    Dr. GRPO, arXiv 2503.20783.
    """
    if rewards_PG.size(1) < 2:
        raise ValueError(f"a group needs at least 2 completions, got {rewards_PG.size(1)}")
    is_known_PG = ~torch.isnan(rewards_PG)
    n_known_P1 = is_known_PG.sum(dim=1, keepdim=True)
    mean_P1 = torch.nanmean(rewards_PG, dim=1, keepdim=True)
    centred_PG = torch.where(is_known_PG, rewards_PG - mean_P1, 0.0)
    if scale == "none":
        return centred_PG
    variance_P1 = centred_PG.square().sum(dim=1, keepdim=True) / (n_known_P1 - 1).clamp_min(1)
    if scale == "batch":
        variance_P1 = centred_PG.square().sum() / (n_known_P1.sum() - 1).clamp_min(1)
    return centred_PG / (variance_P1.sqrt().clamp_min(std_floor) + EPSILON)


def combine_parts(
    rewards_PGK: Tensor,
    weights: Sequence[float],
    aggregation: Aggregation,
    std_floor: float = 0.0,
    scale: Scale = "group",
) -> Tensor:
    """One advantage per completion from its weighted reward parts.

    Args:
        rewards_PGK: [P, G, K] unweighted parts, NaN where unknown.
        weights: K of them; a part of weight 0 has no effect, NaN or not.
        aggregation: `normalize_then_sum` normalises each part within its group and weighs it then, so that
            different combinations of parts keep different advantages; `sum_then_normalize` is plain GRPO on
            the weighted sum.
        std_floor, scale: see `normalize_groups`.

    Returns:
        [P, G].

    Source: GDPO, arXiv 2601.05242, without its normalisation over the batch, which would make the size of an
    advantage depend on the other prompts.
    """
    active = [(part, weight) for part, weight in enumerate(weights) if weight != 0]
    if not active:
        return torch.zeros_like(rewards_PGK[..., 0])
    if aggregation == "sum_then_normalize":
        weighted = torch.stack([weight * rewards_PGK[..., part] for part, weight in active], dim=-1)
        is_unknown_PG = torch.isnan(weighted).any(dim=-1)  # TRL takes the sum of what is known, a biased comparison
        return normalize_groups(weighted.sum(dim=-1).masked_fill(is_unknown_PG, torch.nan), std_floor, scale)
    return torch.stack(
        [weight * normalize_groups(rewards_PGK[..., part], std_floor, scale) for part, weight in active], dim=-1
    ).sum(dim=-1)

"""The policy loss of CHRPO in the form of verl's registry. Imported by verl's processes only.

verl's own clipped loss over the tokens behind the first, plus η times the mean of `training.chrpo.loss.head_loss`
over the first tokens.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor
from verl.trainer.ppo.core_algos import agg_loss, compute_policy_loss_vanilla
from verl.workers.config import PolicyLossConfig

from extracot.errors import ConfigError
from extracot.training.chrpo.loss import head_loss

METHOD_MEAN = "seq-mean-token-mean"
"""verl's name for the mean over the tokens of a response, then over responses."""


@dataclass
class HeadPolicyLossConfig(PolicyLossConfig):  # type: ignore[misc]  # verl's types are not followed
    """verl's `actor.policy_loss` with the two values of the head term."""

    head_coefficient: float = 0.3
    """η, as `ChrpoConfig.head_coefficient`."""
    head_clip: float = 0.2
    """As `ChrpoConfig.head_clip`."""


def chrpo_policy_loss(
    old_log_prob: Tensor,
    log_prob: Tensor,
    advantages: Tensor,
    response_mask: Tensor,
    loss_agg_mode: str = METHOD_MEAN,
    config: Any = None,
    rollout_is_weights: Tensor | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    """`η · mean(head loss) + mean over responses of the mean over their other tokens`.

    Args:
        old_log_prob, log_prob: [B, T]; column 0 is the first token of the response.
        advantages: [B, T]; A_main + A_ctrl in column 0, A_main behind.
        response_mask: [B, T]; rows of padding are 0 throughout.
        loss_agg_mode: `METHOD_MEAN`.
        config: verl's ActorConfig with a `HeadPolicyLossConfig`.
        rollout_is_weights: [B, T], or None: verl's correction for roll-outs of another engine; it weighs both terms.

    Raises:
        ConfigError: another mean, which would count the first token in, or a batch of unknown size.
    """
    if loss_agg_mode != METHOD_MEAN:
        raise ConfigError(f"loss_agg_mode is {loss_agg_mode}; the loss of chrpo needs {METHOD_MEAN}")
    if config.global_batch_info.get("global_batch_size") is None:  # verl would count only responses behind the mask
        raise ConfigError("global_batch_size is not given to the loss of chrpo; set trainer.use_v1=true")
    behind_mask = response_mask.clone()
    behind_mask[:, 0] = 0
    loss, metrics = compute_policy_loss_vanilla(
        old_log_prob=old_log_prob,
        log_prob=log_prob,
        advantages=advantages,
        response_mask=behind_mask,
        loss_agg_mode=loss_agg_mode,
        config=config,
        rollout_is_weights=rollout_is_weights,
    )
    clip = config.policy_loss.head_clip
    head_B, is_clipped_B = head_loss(log_prob[:, 0], old_log_prob[:, 0], advantages[:, 0], clip, clip)
    if rollout_is_weights is not None:
        head_B = head_B * rollout_is_weights[:, 0]
    head = agg_loss(
        loss_mat=head_B[:, None],
        loss_mask=response_mask[:, :1],
        loss_agg_mode=loss_agg_mode,  # one column: its mean over tokens is itself
        **config.global_batch_info,
    )
    metrics["actor/head_clipfrac"] = is_clipped_B.float().mean().item()
    return loss + config.policy_loss.head_coefficient * head, metrics

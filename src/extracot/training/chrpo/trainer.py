"""TRL's GRPO trainer with CHRPO's advantages and a loss of its own for the first token.

Four hooks of TRL are overridden, all private; a contract test holds each of them to the version we pin. With
the head term off, one part and `sum_then_normalize`, loss and gradients are TRL's own.

Where the method's formula and TRL's meet: position 0 is masked out of TRL's loss through `tool_mask` (TRL's
mask of tokens that the policy did not choose), so TRL averages over the T-1 others, and the head term is
added once.

Not covered: several turns, tools, images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer

from extracot.errors import StageError
from extracot.training.chrpo.advantages import Aggregation, Scale, combine_parts, normalize_groups
from extracot.training.chrpo.loss import head_loss, kl_to_reference

Rollout = Callable[[Any, Sequence[Sequence[int]], int, int], list[list[int]]]
"""Unwrapped model, one prompt's ids per response, optimiser steps done so far, place of the first response
among those of all processes -> the ids of each response."""


@dataclass(frozen=True, slots=True)
class HeadTerm:
    """The loss of the first token."""

    coefficient: float
    """η."""
    clip: float
    """Its probability ratio is clipped to 1 ± this."""
    ctrl_weight: float
    """Of A_ctrl beside A_main; 0 switches the control-head reward off."""


@dataclass(frozen=True, slots=True)
class Objective:
    """How reward columns become advantages and losses. The last column is the control-head reward."""

    weights: tuple[float, ...]
    """One per main part."""
    aggregation: Aggregation
    std_floor: float
    head: HeadTerm | None
    """None leaves the first token in the mean over all tokens."""
    scale: Scale = "group"
    """What centred rewards are divided by."""


class ChrpoTrainer(GRPOTrainer):  # type: ignore[misc]  # trl ships no types
    """GRPO with separately normalised reward parts and an undiluted first token.

    Args:
        objective: see `Objective`; its weights and the head column must match `reward_funcs`.
        rollout: draws responses in place of TRL's own generation; None uses TRL's.
        others: of `GRPOTrainer`.
    """

    def __init__(self, *others: Any, objective: Objective, rollout: Rollout | None = None, **named_others: Any) -> None:
        super().__init__(*others, **named_others)
        self._objective = objective
        self._rollout = rollout
        self._rewards_NK: Tensor | None = None
        self._token_logps_BT: Tensor | None = None

    def _generate_single_turn(
        self,
        prompt_ids: list[list[int]],
        images: Any,
        multimodal_fields: Any,
        num_generations: int,
        has_tool_images: bool = False,
    ) -> tuple[list[list[int]], Any]:
        """Draw one response per prompt; prompts arrive repeated, once per response of their group."""
        if self._rollout is None:
            return super()._generate_single_turn(  # type: ignore[no-any-return]
                prompt_ids, images, multimodal_fields, num_generations, has_tool_images
            )
        # Named by step and place, not by a counter: a resumed run, and one of more processes, draws the same.
        first_place = self.accelerator.process_index * len(prompt_ids)
        model = self.accelerator.unwrap_model(self.model)
        return self._rollout(model, prompt_ids, self.state.global_step, first_place), None

    def _calculate_rewards(self, *args: Any) -> Tensor:
        """Keep the reward columns of all processes for the advantages."""
        rewards_NK: Tensor = super()._calculate_rewards(*args)
        self._rewards_NK = rewards_NK
        return rewards_NK

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Replace TRL's advantages by ours, and take the first token out of TRL's loss."""
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        assert self._rewards_NK is not None
        objective = self._objective
        group_size = self.num_generations if self.model.training else self.num_generations_eval
        rewards_PGK = self._rewards_NK.view(-1, group_size, self._rewards_NK.size(1))
        n_local = len(inputs)
        local = slice(self.accelerator.process_index * n_local, (self.accelerator.process_index + 1) * n_local)
        main_PG = combine_parts(
            rewards_PGK[..., :-1], objective.weights, objective.aggregation, objective.std_floor, objective.scale
        )
        output["advantages"] = main_PG.flatten()[local]
        if objective.head is None:
            return output
        head_PG = main_PG
        if objective.head.ctrl_weight > 0:
            ctrl_PG = normalize_groups(rewards_PGK[..., -1], objective.std_floor, objective.scale)
            head_PG = main_PG + objective.head.ctrl_weight * ctrl_PG
        output["head_advantages"] = head_PG.flatten()[local]
        behind_head_BT = torch.ones_like(output["completion_mask"])
        behind_head_BT[:, 0] = 0
        output["tool_mask"] = behind_head_BT
        n_scored = (output["completion_mask"] * behind_head_BT).sum()
        output["num_items_in_batch"] = self.accelerator.gather(n_scored).sum()
        return output

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        """Keep the log-probabilities, so that the head term needs no second forward pass."""
        result = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._token_logps_BT = result[0]
        return result

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        """TRL's loss plus `η · mean(head loss)`.

        Raises:
            StageError: the loss is NaN or infinite.
        """
        loss: Tensor = super()._compute_loss(model, inputs)
        head = self._objective.head
        if head is not None:
            loss = loss + head.coefficient * self._head_loss(inputs, head)
        if not torch.isfinite(loss):
            raise StageError(
                f"the loss is {loss.item()} at step {self.state.global_step + 1}; lower learning_rate, "
                "then start again, or --resume from the last checkpoint"
            )
        return loss

    def _head_loss(self, inputs: dict[str, Any], head: HeadTerm) -> Tensor:
        """Mean over the responses, divided by the accumulation steps as TRL divides its own loss."""
        assert self._token_logps_BT is not None
        logps_B, self._token_logps_BT = self._token_logps_BT[:, 0], None
        old_logps_BT = inputs.get("old_per_token_logps")
        old_logps_B = logps_B.detach() if old_logps_BT is None else old_logps_BT[:, 0]
        loss_B, is_clipped_B = head_loss(logps_B, old_logps_B, inputs["head_advantages"], head.clip, head.clip)
        if "importance_sampling_ratio" in inputs:  # vLLM's probabilities differ; [B, T] or [B, 1]
            loss_B = loss_B * inputs["importance_sampling_ratio"][:, 0]
        mode = "train" if self.model.training else "eval"
        if self.beta != 0.0:
            kl_B = kl_to_reference(logps_B, inputs["ref_per_token_logps"][:, 0])
            loss_B = loss_B + self.beta * kl_B
        is_scored_B = inputs["completion_mask"][:, 0]  # 0 where TRL masks truncated responses
        loss = (loss_B * is_scored_B).mean()
        local = torch.stack([loss.detach(), is_clipped_B.float().mean()])
        mean_loss, clipped_share = self.accelerator.reduce(local, reduction="mean").tolist()
        self._metrics[mode]["head/loss"].append(mean_loss)
        self._metrics[mode]["head/clipped"].append(clipped_share)
        scaled: Tensor = loss / (self.current_gradient_accumulation_steps if mode == "train" else 1)
        return scaled

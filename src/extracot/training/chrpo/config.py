"""What the `chrpo` stage may be told."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from extracot.io.config import StageConfig
from extracot.training.chrpo.rewards import CalibrationShape, HeadShape, IntegrityShape, ModeShape
from extracot.training.chrpo.rivals import ASKED_KINDS, NO_RIVAL, RivalReward


class RewardWeights(BaseModel):
    """What each part of the main reward counts once it has been normalised within its group.

    Ours. With two kinds of responses in a group every normalised part has the same size, so the other weights
    must sum to less than that of accuracy, or a right answer could be worth less than a wrong one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    accuracy: float = Field(default=1.0, ge=0)
    """The answer is right."""
    calibration: float = Field(default=0.2, ge=0)
    """The length keeps the promise of the chosen token."""
    mode: float = Field(default=0.4, ge=0)
    """The chosen budget, paid by outcome."""
    integrity: float = Field(default=0.3, ge=0)
    """The form is sound."""
    rival: float = Field(default=1.0, ge=0)
    """The reward of another method, where `rival` names one."""


class RewardSwitches(BaseModel):
    """Which rewards act besides accuracy."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mode: bool = True
    """The mode reward."""
    ctrl: bool = True
    """The control-head reward, the second advantage of the first token."""
    cal: bool = True
    """The calibration reward."""
    int: bool = True
    """The integrity reward."""


class ChrpoConfig(StageConfig):
    """Which model learns to choose its budget on which problems, and how."""

    model: str
    """A fine-tuned model folder, from sft; its `extracot.json` gives the ratio grid."""
    budgets: str
    """Teacher budgets, `.jsonl` as written by teacher-budgets."""
    unsolved_share: float = Field(default=0.05, ge=0, le=1)
    """The most that problems without a teacher budget may make up; the published set has 500 of 10,000. 1 is
    no limit."""
    ratio_window: float | None = Field(default=None, gt=0)
    """Train only on problems whose samples at their teacher budget spent, on average, that ratio give or take this
    much; None takes all. The published set has 0.1."""
    quotas: dict[str, int] = Field(default_factory=dict)
    """The most problems per teacher budget, as in `{"0.20": 1000, "none": 50}`; others are not limited."""

    parts: RewardSwitches = RewardSwitches()
    """Which rewards act; the method's ablation switches them off one by one."""
    weights: RewardWeights = RewardWeights()
    """Of the parts of the main reward that are switched on."""
    ctrl_weight: float = Field(default=1.0, ge=0)
    """Of the control-head advantage beside the main one, on the first token."""
    calibration_shape: CalibrationShape = CalibrationShape()
    """Coefficients of the calibration reward."""
    mode_shape: ModeShape = ModeShape()
    """Coefficients of the mode reward."""
    integrity_shape: IntegrityShape = IntegrityShape()
    """Coefficients of the integrity reward."""
    head_shape: HeadShape = HeadShape()
    """Coefficients of the control-head reward."""
    rival: RivalReward = NO_RIVAL
    """The reward of another method as a further part of the main reward, for comparison: it pays for right answers
    itself, so set `weights.accuracy` to 0 and switch all parts off. The presets rival-*-toy are whole rivals."""
    aggregation: Literal["normalize_then_sum", "sum_then_normalize"] = "normalize_then_sum"
    """Whether parts are normalised within their group apart (GDPO) or after they were summed (GRPO)."""
    advantage_scale: Literal["group", "batch", "none"] = "group"
    """What centred rewards are divided by: the deviation within their group, that over the batch, or nothing."""
    std_floor: float = Field(default=0.05, ge=0)
    """Smaller deviations within a group count as this one, so that noise in a graded part is not blown up.
    Ours. Accuracy is not touched by it: its smallest deviation in a group of 64 is 0.125."""
    head_coefficient: float | None = Field(default=0.3, ge=0)
    """η, the weight of the first token's loss beside 1 for the mean over all others; it is not divided by the
    length. Ours, to be tuned: near 1 the choice runs ahead of the skill to reason within it. None leaves the
    first token in the mean over all tokens, as plain GRPO does; then there is no place for the control-head
    reward."""
    head_clip: float = Field(default=0.2, gt=0, lt=1)
    """The first token's probability ratio is clipped to 1 ± this; it acts only with n_iterations > 1."""

    asked_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the prompts that ask for a ratio of the grid, drawn anew for each, instead of for the model's choice.
    They keep the knob: the first token has to repeat the asked ratio, the calibration reward holds the length to it,
    and no saving is paid. Ours; the method has none. With 1 nothing is chosen, as in some rivals."""
    n_steps: int = Field(default=200, ge=1)
    """Optimiser steps. Published runs have 150 to 300."""
    prompts_per_step: int = Field(default=16, ge=1)
    """Problems per step, over all processes."""
    group_size: int = Field(default=8, ge=2)
    """Responses per problem, all to the same prompt."""
    micro_batch_size: int = Field(default=16, ge=1)
    """Responses per forward pass and process; changes memory and speed, not results (up to rounding)."""
    max_new_tokens: int = Field(default=4096, ge=1)
    """A response still running here is truncated, hence wrong. The published runs use 4096."""
    temperature: float = Field(default=1.0, gt=0)
    """Of the roll-outs, and of the policy that is trained. The published runs use 0.7."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Of the roll-outs. Below 1 they are drawn from another distribution than the one that is trained; the
    published runs use 0.95."""
    own_rollouts: bool = True
    """Draw roll-outs with our decoding loop, in which finished responses leave the batch. Switch off for
    vLLM, FSDP and DeepSpeed: TRL generates then."""
    rollout_batch_size: int = Field(default=128, ge=1)
    """Responses decoded side by side by our loop."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Peak rate. For models of a billion parameters; one of a million wants about a hundred times more."""
    scheduler: Literal["constant_with_warmup", "linear", "cosine"] = "constant_with_warmup"
    """How the rate goes on after warm-up. Falling to 0 ends short runs on an average of what they learnt, not on their
    last batch."""
    warmup_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of all steps over which the rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Of AdamW."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Longer gradients are scaled down to this."""
    beta: float = Field(default=0.0, ge=0)
    """Weight of the KL divergence to the starting model; 0 keeps no second model in memory."""
    n_iterations: int = Field(default=1, ge=1)
    """Optimiser steps per batch of roll-outs; above 1 clipping matters."""
    clip: float = Field(default=0.2, gt=0, lt=1)
    """The probability ratio of all other tokens is clipped to 1 ± this."""
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = "grpo"
    """How the loss of the tokens behind the first is averaged; grpo, per response and then over responses, is
    the method's."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the passes; auto is bfloat16 on a GPU and float32 on a CPU. Weights and optimiser stay in
    float32."""
    gradient_checkpointing: bool = False
    """Recompute activations to save memory."""
    save_every_steps: int = Field(default=50, ge=1)
    """Optimiser steps between checkpoints; a multiple of n_iterations, so that a resume repeats nothing."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Older ones are deleted."""
    log_every_steps: int = Field(default=1, ge=1)
    """Steps between lines on stderr; metrics.jsonl gets every step."""
    seed: int = Field(default=0, ge=0)
    """Decides the choice and order of the problems and every roll-out."""
    trainer_args: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of TRL's GRPOConfig (use_vllm, deepspeed, fsdp, ...), those that no key above
    decides."""

    @model_validator(mode="after")
    def _check(self) -> "ChrpoConfig":
        if self.save_every_steps % self.n_iterations:
            raise ValueError(
                f"save_every_steps={self.save_every_steps} is no multiple of n_iterations="
                f"{self.n_iterations}; a checkpoint amid a batch of roll-outs cannot be resumed exactly"
            )
        n_responses = self.prompts_per_step * self.group_size
        if n_responses % self.micro_batch_size:
            raise ValueError(
                f"prompts_per_step x group_size = {n_responses} responses are no multiple of "
                f"micro_batch_size={self.micro_batch_size}"
            )
        if self.asked_share == 1 and (self.parts.mode or self.parts.ctrl):
            raise ValueError("asked_share=1 leaves nothing to choose; switch parts.mode and parts.ctrl off")
        if self.asked_share < 1 and self.rival.kind in ASKED_KINDS:
            raise ValueError(f"rival.kind={self.rival.kind} measures against the asked length; set asked_share=1")
        if self.head_coefficient is None and self.parts.ctrl:
            raise ValueError("head_coefficient=null leaves no first-token loss for parts.ctrl; switch that off too")
        if self.own_rollouts and self.trainer_args.get("use_vllm"):
            raise ValueError(
                "trainer_args.use_vllm starts vLLM, and own_rollouts=true would leave it idle; set own_rollouts=false"
            )
        return self

"""A chrpo config as settings of verl. The names on the right are those of verl 0.9.1's `ppo_trainer` config.

A key of the config that verl has no counterpart for is an error unless it keeps its default: nothing is lost silently.
What belongs to the machines (nodes, GPUs, sharding, vLLM's memory) is in the launch script and not here.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extracot.errors import ConfigError
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.scoring import MAIN_PARTS

NAME = "chrpo"
"""Of the advantage estimator and of the policy loss in verl's registries."""

PACKAGE = "extracot.training.chrpo.verl"

CARRIED = frozenset(
    {
        "model",
        "budgets",
        "unsolved_share",
        "quotas",
        "ratio_window",
        "parts",
        "weights",
        "ctrl_weight",
        "calibration_shape",
        "mode_shape",
        "integrity_shape",
        "head_shape",
        "aggregation",
        "std_floor",
        "head_coefficient",
        "head_clip",
        "n_steps",
        "prompts_per_step",
        "group_size",
        "micro_batch_size",
        "max_new_tokens",
        "temperature",
        "top_p",
        "learning_rate",
        "scheduler",
        "warmup_share",
        "weight_decay",
        "max_grad_norm",
        "beta",
        "n_iterations",
        "clip",
        "loss_type",
        "precision",
        "gradient_checkpointing",
        "save_every_steps",
        "keep_checkpoints",
        "seed",
    }
)
"""Keys of the config that act under verl."""

WITHOUT_EFFECT = frozenset({"own_rollouts", "rollout_batch_size", "log_every_steps"})
"""Keys that say how the other engine does what verl does in its own way."""


def require_carried(config: ChrpoConfig) -> None:
    """See that verl can do what the config says.

    Raises:
        ConfigError: a key that has no counterpart, set to another value than its default; or a value that has none.
    """
    defaults = {name: field.get_default(call_default_factory=True) for name, field in type(config).model_fields.items()}
    lost = [
        name
        for name, default in defaults.items()
        if name not in CARRIED | WITHOUT_EFFECT and getattr(config, name) != default
    ]
    if lost:
        raise ConfigError(
            f"verl has no counterpart of {', '.join(lost)}; leave out what is for the chrpo stage alone, and give "
            "verl's own settings to the launch script"
        )
    for name, value, known in (
        ("scheduler", config.scheduler, ("constant_with_warmup", "cosine")),
        ("loss_type", config.loss_type, ("grpo",)),
        ("precision", config.precision, ("auto", "bfloat16")),
    ):
        if value not in known:
            raise ConfigError(f"{name} is {value}; under verl it can be {' or '.join(known)}")


def verl_settings(
    config: ChrpoConfig,
    *,
    model: str,
    stop_ids: Sequence[int],
    grid: Sequence[float],
    part_weights: Sequence[float],
    n_problems: int,
    n_prompt_tokens: int,
) -> dict[str, Any]:
    """The tree of settings, laid over verl's `ppo_trainer` by Hydra.

    Args:
        config: checked by `require_carried`.
        model: where every node finds the model.
        stop_ids: tokens that end a response.
        grid: ratios that the model has tokens for.
        part_weights: of `MAIN_PARTS`, 0 for one that is switched off.
        n_problems: rows of the data; at least one step's worth.
        n_prompt_tokens: of the longest prompt.
    """
    n_rollouts = math.ceil(config.n_steps / config.n_iterations)
    weights = dict(zip(MAIN_PARTS, part_weights, strict=True))
    has_head = config.head_coefficient is not None
    policy_loss: dict[str, Any] = {"loss_mode": "vanilla"}
    if has_head:
        policy_loss = {
            "_target_": f"{PACKAGE}.loss.HeadPolicyLossConfig",
            "loss_mode": NAME,
            "head_coefficient": config.head_coefficient,
            "head_clip": config.head_clip,
        }
    return {
        "data": {
            "train_batch_size": config.prompts_per_step,
            "max_prompt_length": n_prompt_tokens,
            "max_response_length": config.max_new_tokens,
            "truncation": "error",
            "shuffle": True,
            "seed": config.seed,
        },
        "algorithm": {
            "adv_estimator": NAME,
            "use_kl_in_reward": False,
            "chrpo": {
                "weights": weights,
                "ctrl_weight": config.ctrl_weight if has_head and config.parts.ctrl else 0.0,
                "aggregation": config.aggregation,
                "std_floor": config.std_floor,
                "grid": list(grid),
            },
        },
        "actor_rollout_ref": {
            "model": {"path": model, "enable_gradient_checkpointing": config.gradient_checkpointing},
            "actor": {
                "ppo_mini_batch_size": config.prompts_per_step,  # one optimiser step per batch of roll-outs and epoch
                "ppo_micro_batch_size_per_gpu": config.micro_batch_size,
                "ppo_epochs": config.n_iterations,
                "loss_agg_mode": "seq-mean-token-mean",
                "clip_ratio": config.clip,
                "clip_ratio_low": config.clip,
                "clip_ratio_high": config.clip,
                "clip_ratio_c": 1e9,  # verl's second clip; the method has none
                "policy_loss": policy_loss,
                "use_kl_loss": config.beta > 0,
                "kl_loss_coef": config.beta,
                "kl_loss_type": "low_var_kl",  # the estimator of GRPO
                "entropy_coeff": 0,
                "data_loader_seed": config.seed,
                "optim": {
                    "lr": config.learning_rate,
                    "lr_scheduler_type": config.scheduler.removesuffix("_with_warmup"),
                    "lr_warmup_steps_ratio": config.warmup_share,
                    "weight_decay": config.weight_decay,
                    "clip_grad": config.max_grad_norm,
                },
            },
            "ref": {"log_prob_micro_batch_size_per_gpu": config.micro_batch_size},
            "rollout": {
                "n": config.group_size,
                "temperature": config.temperature,
                "top_p": config.top_p,
                "seed": config.seed,
                "log_prob_micro_batch_size_per_gpu": config.micro_batch_size,
            },
        },
        "reward": {
            "custom_reward_function": {
                "path": f"pkg://{PACKAGE}.reward",
                "name": "compute_score",
                "reward_kwargs": {
                    "model": model,
                    "stop_ids": list(stop_ids),
                    "weights": weights,
                    "calibration_shape": config.calibration_shape.model_dump(),
                    "mode_shape": config.mode_shape.model_dump(),
                    "integrity_shape": config.integrity_shape.model_dump(),
                    "head_shape": config.head_shape.model_dump(),
                },
            },
            "reward_manager": {
                "source": "importlib",
                "name": "IdsRewardManager",
                "module": {"path": f"pkg://{PACKAGE}.reward_manager"},
            },
        },
        "trainer": {
            "use_v1": True,
            "v1": {"trainer_mode": "sync"},
            "total_training_steps": n_rollouts,
            "total_epochs": math.ceil(n_rollouts / (n_problems // config.prompts_per_step)),
            "save_freq": config.save_every_steps // config.n_iterations,
            "max_actor_ckpt_to_keep": config.keep_checkpoints,
            "val_before_train": False,  # extracot evaluate measures the result
            "test_freq": -1,
            "project_name": "extracot",
            "logger": ["console"],
        },
        "ray_kwargs": {"ray_init": {"runtime_env": {"env_vars": {"VERL_USE_EXTERNAL_MODULES": f"{PACKAGE}.plugin"}}}},
    }


def as_primary_config(settings: dict[str, Any], origin: Path) -> str:
    """The settings as the file that Hydra starts from: verl's defaults first, then ours."""
    import yaml

    head = {
        "hydra": {"searchpath": ["pkg://verl.trainer.config"], "run": {"dir": "."}, "output_subdir": None},
        "defaults": ["ppo_trainer", "_self_"],
    }
    body = yaml.safe_dump({**head, **settings}, sort_keys=False, allow_unicode=True, width=110)
    return f"# CHRPO for verl 0.9.1, written by `extracot chrpo-verl` from {origin}; launch.sh starts from it\n{body}"

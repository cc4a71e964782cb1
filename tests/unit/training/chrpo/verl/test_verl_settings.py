"""A chrpo config as settings of verl: nothing that was asked for is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extracot.errors import ConfigError
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.verl.settings import (
    CARRIED,
    WITHOUT_EFFECT,
    as_primary_config,
    require_carried,
    verl_settings,
)


def settings_of(config: ChrpoConfig, n_problems: int = 11) -> dict[str, Any]:
    return verl_settings(
        config,
        model="/models/sft",
        stop_ids=(7,),
        grid=(0.2, 1.0),
        part_weights=(1.0, 0.2, 0.0, 0.3),
        n_problems=n_problems,
        n_prompt_tokens=50,
    )


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path, tree


def test_the_named_keys_are_keys_of_the_config() -> None:
    assert ChrpoConfig.model_fields.keys() >= CARRIED | WITHOUT_EFFECT
    assert not CARRIED & WITHOUT_EFFECT


def test_what_verl_cannot_do_is_refused_by_name(make_config: Callable[..., ChrpoConfig]) -> None:
    require_carried(make_config(own_rollouts=False, rollout_batch_size=3))
    with pytest.raises(ConfigError, match="no counterpart of advantage_scale"):
        require_carried(make_config(advantage_scale="batch"))
    with pytest.raises(ConfigError, match="no counterpart of rival"):
        require_carried(make_config(rival={"kind": "thinkless"}))
    with pytest.raises(ConfigError, match="no counterpart of trainer_args"):
        require_carried(make_config(trainer_args={"top_k": 5}))
    for change in ({"scheduler": "linear"}, {"loss_type": "dapo"}, {"precision": "float32"}):
        with pytest.raises(ConfigError, match=next(iter(change))):
            require_carried(make_config(**change))


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ({"prompts_per_step": 2}, "data.train_batch_size", 2),
        ({"prompts_per_step": 2}, "actor_rollout_ref.actor.ppo_mini_batch_size", 2),
        ({"group_size": 8}, "actor_rollout_ref.rollout.n", 8),
        ({"micro_batch_size": 4}, "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu", 4),
        ({"max_new_tokens": 9}, "data.max_response_length", 9),
        ({"temperature": 0.7}, "actor_rollout_ref.rollout.temperature", 0.7),
        ({"top_p": 0.95}, "actor_rollout_ref.rollout.top_p", 0.95),
        ({"learning_rate": 3e-6}, "actor_rollout_ref.actor.optim.lr", 3e-6),
        ({"scheduler": "cosine"}, "actor_rollout_ref.actor.optim.lr_scheduler_type", "cosine"),
        ({}, "actor_rollout_ref.actor.optim.lr_scheduler_type", "constant"),
        ({"warmup_share": 0.1}, "actor_rollout_ref.actor.optim.lr_warmup_steps_ratio", 0.1),
        ({"weight_decay": 0.1}, "actor_rollout_ref.actor.optim.weight_decay", 0.1),
        ({"max_grad_norm": 0.5}, "actor_rollout_ref.actor.optim.clip_grad", 0.5),
        ({"beta": 0.01}, "actor_rollout_ref.actor.kl_loss_coef", 0.01),
        ({"beta": 0.01}, "actor_rollout_ref.actor.use_kl_loss", True),
        ({}, "actor_rollout_ref.actor.use_kl_loss", False),
        ({"clip": 0.3}, "actor_rollout_ref.actor.clip_ratio_high", 0.3),
        ({"gradient_checkpointing": True}, "actor_rollout_ref.model.enable_gradient_checkpointing", True),
        ({"keep_checkpoints": 5}, "trainer.max_actor_ckpt_to_keep", 5),
        ({"seed": 4}, "data.seed", 4),
        ({"head_coefficient": 0.4}, "actor_rollout_ref.actor.policy_loss.head_coefficient", 0.4),
        ({"head_clip": 0.1}, "actor_rollout_ref.actor.policy_loss.head_clip", 0.1),
        ({"ctrl_weight": 0.5}, "algorithm.chrpo.ctrl_weight", 0.5),
        ({"std_floor": 0.3}, "algorithm.chrpo.std_floor", 0.3),
        ({"aggregation": "sum_then_normalize"}, "algorithm.chrpo.aggregation", "sum_then_normalize"),
        ({"mode_shape": {"gain": 0.9}}, "reward.custom_reward_function.reward_kwargs.mode_shape.gain", 0.9),
        ({"head_shape": {"peak": 2.0}}, "reward.custom_reward_function.reward_kwargs.head_shape.peak", 2.0),
    ],
)
def test_a_key_arrives_where_verl_reads_it(
    make_config: Callable[..., ChrpoConfig], change: dict[str, Any], key: str, value: Any
) -> None:
    assert dict(leaves(settings_of(make_config(**change))))[key] == value


def test_weights_of_parts_act_in_advantages_and_in_the_logged_score(make_config: Callable[..., ChrpoConfig]) -> None:
    tree = settings_of(make_config())
    weights = {"accuracy": 1.0, "calibration": 0.2, "mode": 0.0, "integrity": 0.3}
    assert tree["algorithm"]["chrpo"]["weights"] == weights
    assert tree["reward"]["custom_reward_function"]["reward_kwargs"]["weights"] == weights


def test_without_the_head_term_the_loss_is_verls_own(
    make_config: Callable[..., ChrpoConfig],
) -> None:
    tree = settings_of(make_config(head_coefficient=None, parts={"ctrl": False}))
    assert tree["actor_rollout_ref"]["actor"]["policy_loss"] == {"loss_mode": "vanilla"}
    assert tree["algorithm"]["chrpo"]["ctrl_weight"] == 0.0


def test_without_the_control_head_reward_the_head_term_stays(make_config: Callable[..., ChrpoConfig]) -> None:
    tree = settings_of(make_config(parts={"ctrl": False}))
    assert tree["algorithm"]["chrpo"]["ctrl_weight"] == 0.0
    assert tree["actor_rollout_ref"]["actor"]["policy_loss"]["head_coefficient"] == 0.3


def test_a_step_of_verl_is_a_batch_of_roll_outs(make_config: Callable[..., ChrpoConfig]) -> None:
    """10 optimiser steps at 2 per batch are 5 batches; 11 problems make 2 batches of 4 an epoch, so 3 epochs."""
    tree = settings_of(make_config(n_iterations=2, save_every_steps=4))
    assert tree["actor_rollout_ref"]["actor"]["ppo_epochs"] == 2
    assert tree["trainer"]["total_training_steps"] == 5
    assert tree["trainer"]["total_epochs"] == 3
    assert tree["trainer"]["save_freq"] == 2


def test_the_file_lays_the_settings_over_verls_defaults(make_config: Callable[..., ChrpoConfig]) -> None:
    settings = settings_of(make_config())
    text = as_primary_config(settings, Path("runs/verl/config.json"))
    tree = yaml.safe_load(text)
    assert tree.pop("defaults") == ["ppo_trainer", "_self_"]
    assert tree.pop("hydra")["searchpath"] == ["pkg://verl.trainer.config"]
    assert tree == settings
    assert text.startswith("# ") and "runs/verl/config.json" in text.partition("\n")[0]

"""Against verl itself, on the CPU: settings compose, rewards and advantages arrive, the loss is the method's.

verl pins other versions than ours, so it needs an environment of its own; without it these tests skip. What they do not
do is train: that takes GPUs.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("VERL_USE_EXTERNAL_MODULES", "extracot.training.chrpo.verl.plugin")
pytest.importorskip("verl", reason="verl is not installed; see recipes/verl/README.md")
torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of verl, Ray and Hydra

VERSION = "0.9.1"
LAUNCH = Path(__file__).parents[5] / "recipes" / "verl" / "launch.sh"


@pytest.fixture(scope="module")
def config(written_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The settings as the launch script gives them to verl."""
    from hydra import compose, initialize_config_dir

    stand_in = tmp_path_factory.mktemp("bin") / "python"
    stand_in.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(stand_in), "GPUS_PER_NODE": "2"}
    called = subprocess.run(["bash", str(LAUNCH), str(written_run)], env=environment, capture_output=True, text=True)
    assert called.returncode == 0, called.stderr
    overrides = [line for line in called.stdout.splitlines() if "=" in line]
    with initialize_config_dir(str(written_run), version_base=None):
        return compose("chrpo", overrides)


def test_the_version_is_the_one_this_was_written_for() -> None:
    import verl

    assert verl.__version__ == VERSION


def test_verl_accepts_the_settings_and_wants_neither_critic_nor_reference(config: Any) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    assert not need_critic(config) and not need_reference_policy(config)
    validate_config(config, use_reference_policy=False, use_critic=False)
    assert config.actor_rollout_ref.actor.strategy == "fsdp2"
    assert config.trainer.n_gpus_per_node == 2


def test_no_setting_of_ours_is_one_that_verl_does_not_have(config: Any) -> None:
    """Hydra would add a misspelt key silently; only these are meant to be new."""
    import yaml
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf

    with initialize_config_module("verl.trainer.config", version_base=None):
        theirs = OmegaConf.to_container(compose("ppo_trainer"), resolve=False)
    new = {
        "algorithm.chrpo",
        "actor_rollout_ref.actor.policy_loss.head_coefficient",
        "actor_rollout_ref.actor.policy_loss.head_clip",
        "reward.custom_reward_function.reward_kwargs",
        "ray_kwargs.ray_init.runtime_env.env_vars",
    }
    written = Path(config.data.train_files).parents[1] / "chrpo.yaml"
    ours = yaml.safe_load(written.read_text(encoding="utf-8"))

    def unknown(mine: Any, known: Any, path: str) -> Iterator[str]:
        for key, value in mine.items():
            here = f"{path}.{key}" if path else key
            if key not in known:
                yield here
            elif isinstance(value, dict):
                yield from unknown(value, known[key], here)

    assert set(unknown({k: v for k, v in ours.items() if k not in ("defaults", "hydra")}, theirs, "")) == new


def test_importing_verl_registers_estimator_loss_and_trainer() -> None:
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn, get_policy_loss_fn
    from verl.trainer.ppo.v1 import get_trainer_cls

    from extracot.training.chrpo.verl.advantages import chrpo_advantages
    from extracot.training.chrpo.verl.loss import chrpo_policy_loss
    from extracot.training.chrpo.verl.trainer import ChrpoTrainerSync

    assert get_adv_estimator_fn("chrpo") is chrpo_advantages
    assert get_policy_loss_fn("chrpo") is chrpo_policy_loss
    assert get_trainer_cls("sync") is ChrpoTrainerSync


def test_verls_data_set_reads_the_rows(config: Any, knob_model_dir: Path) -> None:
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from extracot.models.load import load_tokenizer

    rows = RLHFDataset(config.data.train_files, load_tokenizer(str(knob_model_dir)), config.data)
    assert len(rows) == 11
    row = rows[3]
    assert row["raw_prompt"][-1]["content"].endswith("<COMP_POLICY>")
    assert row["extra_info"]["teacher_ratio"] in (None, 0.2, 0.5, 1.0)
    assert row["index"] == 3


def test_verl_renders_the_prompt_that_sft_trained(config: Any, knob_model_dir: Path) -> None:
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

    from extracot.models.knob import Knob
    from extracot.models.load import load_tokenizer

    tokenizer = load_tokenizer(str(knob_model_dir))
    row = RLHFDataset(config.data.train_files, tokenizer, config.data)[0]
    builder = create_continuous_token_builder(tokenizer, hf_model_type="qwen3")
    trained = Knob.load(str(knob_model_dir)).prompt_format.render(
        tokenizer, "Gus has 0 and 5. How many?", "<COMP_POLICY>"
    )
    assert builder.build_initial_tokens(row["raw_prompt"]) == tokenizer.encode(trained, add_special_tokens=False)


def actor_config(config: Any, **changes: Any) -> Any:
    from omegaconf import OmegaConf
    from verl.utils.config import omega_conf_to_dataclass

    tree = OmegaConf.merge(config.actor_rollout_ref.actor, {"policy_loss": changes})
    actor = omega_conf_to_dataclass(tree)
    actor.global_batch_info.update(dp_size=1, batch_num_tokens=None, global_batch_size=3, loss_scale_factor=None)
    return actor


def batch_of_four() -> dict[str, Any]:
    """Responses of 5, 3 and 1 tokens and an empty row of padding, off policy so that clipping binds for some."""
    generator = torch.Generator().manual_seed(1)
    mask_BT = (torch.arange(5)[None, :] < torch.tensor([5, 3, 1, 0])[:, None]).long()
    log_prob = (-torch.rand(4, 5, generator=generator)).requires_grad_()
    return {
        "log_prob": log_prob,
        "old_log_prob": log_prob.detach() + 0.5 * torch.randn(4, 5, generator=generator),
        "advantages": torch.randn(4, 5, generator=generator) * mask_BT,
        "response_mask": mask_BT,
    }


def loss_by_hand(batch: dict[str, Any], eta: float, head_clip: float, clip: float, weights_BT: Any = None) -> Any:
    """mean_i[ η·head_loss + 1/(T_i - 1) Σ_{t≥2} -min(ρ·A, clip(ρ)·A) ] over the three responses, row by row."""
    from extracot.training.chrpo.loss import head_loss

    total = torch.zeros(())
    for i, n_tokens in enumerate((5, 3, 1)):
        logps, old, advantages = (batch[name][i] for name in ("log_prob", "old_log_prob", "advantages"))
        weights = torch.ones(5) if weights_BT is None else weights_BT[i]
        head = head_loss(logps[:1], old[:1], advantages[:1], head_clip, head_clip).loss_B[0] * weights[0]
        total = total + eta * head
        for t in range(1, n_tokens):
            ratio = torch.exp(logps[t] - old[t])
            surrogate = torch.min(ratio * advantages[t], ratio.clamp(1 - clip, 1 + clip) * advantages[t])
            total = total - weights[t] * surrogate / (n_tokens - 1)
    return total / 3


@pytest.mark.parametrize("weighted", [False, True])
def test_the_policy_loss_is_the_formula_of_the_method(config: Any, weighted: bool) -> None:
    from extracot.training.chrpo.verl.loss import chrpo_policy_loss

    batch = batch_of_four()
    weights_BT = torch.rand(4, 5, generator=torch.Generator().manual_seed(2)) if weighted else None
    actor = actor_config(config, head_coefficient=0.3, head_clip=0.1)
    loss, metrics = chrpo_policy_loss(
        **batch, loss_agg_mode=actor.loss_agg_mode, config=actor, rollout_is_weights=weights_BT
    )
    loss.backward()
    found = batch["log_prob"].grad.clone()
    batch["log_prob"].grad = None
    expected = loss_by_hand(batch, eta=0.3, head_clip=0.1, clip=0.2, weights_BT=weights_BT)
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(found, batch["log_prob"].grad)
    assert (found[:, 0] != 0).any()
    assert torch.equal(found * (1 - batch["response_mask"]), torch.zeros(4, 5))
    assert 0 <= metrics["actor/head_clipfrac"] <= 1


def test_micro_batches_and_processes_add_up_to_the_whole_batch(config: Any) -> None:
    """verl divides by the size of the whole batch and multiplies by the processes, whose gradients it averages."""
    from extracot.training.chrpo.verl.loss import chrpo_policy_loss

    batch = batch_of_four()
    actor = actor_config(config)
    whole, _ = chrpo_policy_loss(**batch, loss_agg_mode=actor.loss_agg_mode, config=actor)
    actor.global_batch_info["dp_size"] = 2
    halves = [
        chrpo_policy_loss(
            **{name: value[rows] for name, value in batch.items()}, loss_agg_mode=actor.loss_agg_mode, config=actor
        )[0]
        for rows in (slice(0, 1), slice(1, 4))
    ]
    torch.testing.assert_close(sum(halves) / 2, whole)


def test_a_mean_over_all_tokens_is_refused(config: Any) -> None:
    from extracot.errors import ConfigError
    from extracot.training.chrpo.verl.loss import chrpo_policy_loss

    with pytest.raises(ConfigError, match="seq-mean-token-mean"):
        chrpo_policy_loss(**batch_of_four(), loss_agg_mode="token-mean", config=actor_config(config))


def test_a_trainer_that_does_not_say_how_large_the_batch_is_is_refused(config: Any) -> None:
    """verl would divide by the responses that have a second token."""
    from extracot.errors import ConfigError
    from extracot.training.chrpo.verl.loss import METHOD_MEAN, chrpo_policy_loss

    actor = actor_config(config)
    actor.global_batch_info["global_batch_size"] = None
    with pytest.raises(ConfigError, match="trainer.use_v1"):
        chrpo_policy_loss(**batch_of_four(), loss_agg_mode=METHOD_MEAN, config=actor)


def test_verls_own_loss_function_calls_ours_with_the_first_token_in_column_0(config: Any) -> None:
    """Prompts of two tokens, packed without padding as verl's engines pass them."""
    from tensordict import TensorDict
    from verl.workers.utils.losses import ppo_loss

    batch = batch_of_four()
    lengths = (5, 3, 1)

    def nested(rows: list[Any]) -> Any:
        return torch.nested.as_nested_tensor(rows, layout=torch.jagged)

    def responses_of(name: str) -> Any:
        return nested([batch[name][i, :n].detach() for i, n in enumerate(lengths)])

    # The engine's output at a position is the log-probability of the token after it.
    log_probs = torch.cat(
        [torch.cat([torch.zeros(1), batch["log_prob"][i, :n], torch.zeros(1)]) for i, n in enumerate(lengths)]
    )
    offsets = torch.tensor([0, 7, 12, 15])
    data = TensorDict(
        {
            "prompts": nested([torch.zeros(2, dtype=torch.long)] * 3),
            "responses": nested([torch.zeros(n, dtype=torch.long) for n in lengths]),
            "response_mask": responses_of("response_mask"),
            "old_log_probs": responses_of("old_log_prob"),
            "advantages": responses_of("advantages"),
        },
        batch_size=3,
    )
    from tensordict import NonTensorData

    for name, value in {"dp_size": 1, "batch_num_tokens": 9, "global_batch_size": 3}.items():
        data[name] = NonTensorData(value)
    output = {"log_probs": torch.nested.nested_tensor_from_jagged(log_probs, offsets)}
    loss, metrics = ppo_loss(actor_config(config, head_coefficient=0.3, head_clip=0.2), output, data)
    torch.testing.assert_close(loss, loss_by_hand(batch, eta=0.3, head_clip=0.2, clip=0.2))
    assert "actor/head_clipfrac" in metrics


def test_verls_reward_worker_gives_every_part_from_the_generated_ids(
    config: Any, response_ids: Callable[[str], list[int]]
) -> None:
    import numpy as np
    from tensordict import TensorDict
    from verl import DataProto
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    from extracot.training.chrpo.rewards import HeadShape, head_reward
    from extracot.training.chrpo.verl.advantages import PARTS

    ids = response_ids("<COMP_20><think>\n4\n</think>\n\\boxed{9}")
    row = {
        "data_source": "extracot",
        "reward_model": {"style": "rule", "ground_truth": "9"},
        "extra_info": {"teacher_ratio": 0.5, "n_reference_think_tokens": 10.0, "grid": [0.2, 0.5, 1.0], "index": 0},
    }
    data = DataProto(
        batch=TensorDict(
            {
                "prompts": torch.zeros(1, 2, dtype=torch.long),
                "responses": torch.tensor([[*ids, 0, 0]]),
                "attention_mask": torch.tensor([[1, 1, *[1] * len(ids), 0, 0]]),
            },
            batch_size=1,
        ),
        non_tensor_batch={name: np.array([value], dtype=object) for name, value in row.items()},
    )

    async def score() -> dict[str, Any]:
        found: dict[str, Any] = await RewardLoopWorker(config).compute_score(data)
        return found

    result = asyncio.run(score())
    info = result["reward_extra_info"]
    assert set(PARTS) < set(info)
    assert info["outcome"] == "correct" and info["choice"] == 0.2
    assert info["head"] == head_reward(True, 0.2, 0.5, HeadShape())
    assert result["reward_score"] == info["score"]


@pytest.fixture(scope="module")
def queue(config: Any) -> Iterator[Any]:
    """verl's transfer queue on a Ray of this machine."""
    import ray
    import transfer_queue as tq

    path = os.pathsep.join([str(Path(__file__).parents[5] / "src"), os.environ.get("PYTHONPATH", "")])
    # CPUs by name only: the queue's actors ask for more than a small machine has.
    ray.init(num_cpus=8, include_dashboard=False, runtime_env={"env_vars": {"PYTHONPATH": path}})
    settings = config.transfer_queue.copy()
    settings.backend.SimpleStorage.num_data_storage_units = 1
    tq.init(settings)
    yield tq
    tq.close()
    ray.shutdown()


@pytest.mark.slow
def test_the_trainer_fetches_the_parts_and_writes_the_advantages_of_the_chrpo_stage(config: Any, queue: Any) -> None:
    """Two groups of three, one response of another length each, and a row of padding between them."""
    from transfer_queue import KVBatchMeta
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    from extracot.training.chrpo.advantages import combine_parts, normalize_groups
    from extracot.training.chrpo.monitor import HeadWatch
    from extracot.training.chrpo.verl.advantages import PARTS
    from extracot.training.chrpo.verl.trainer import ChrpoTrainerSync

    parts_PGK = torch.randn(2, 3, len(PARTS), generator=torch.Generator().manual_seed(5))
    keys, rows, tags = [], [], []
    for place in (3, 0, 4, None, 1, 5, 2):
        group, member = ("pad", 0) if place is None else (f"g{place // 3}", place % 3)
        parts = parts_PGK[0, 0] if place is None else parts_PGK[place // 3, place % 3]
        n_tokens = 1 if place is None else 2 + place
        info = dict(zip(PARTS, parts.tolist(), strict=True))
        rest = {"score": 0.1, "acc": 1.0, "choice": 0.2, "n_think_tokens": 4.0, "actual_ratio": 0.4}
        mask = torch.full((n_tokens,), int(place is not None))
        keys.append(f"{group}_{member}_0")
        tags.append({"is_padding": True} if place is None else {})
        rows.append(
            {
                "uid": group,
                "response_mask": mask,
                "rm_scores": torch.zeros(n_tokens),
                "rollout_log_probs": torch.zeros(n_tokens),
                "old_log_probs": torch.zeros(n_tokens),
                "extra_fields": {"reward_extra_info": {**info, **rest, "outcome": "correct"}},
            }
        )
    queue.kv_batch_put(keys=keys, fields=list_of_dict_to_tensordict(rows), tags=tags, partition_id="train")

    trainer = ChrpoTrainerSync.__new__(ChrpoTrainerSync)  # its own start needs GPUs
    trainer.config, trainer.global_steps, trainer._watch = config, 1, HeadWatch()
    metrics: dict[str, Any] = {}
    trainer._compute_advantage(KVBatchMeta(partition_id="train", keys=keys, tags=tags), metrics)

    found = queue.kv_batch_get(keys=keys, partition_id="train", select_fields=["advantages"])["advantages"]
    settings = config.algorithm.chrpo
    main_PG = combine_parts(parts_PGK[..., :-1], list(settings.weights.values()), settings.aggregation, 0.05)
    head_PG = main_PG + normalize_groups(parts_PGK[..., -1], 0.05)
    for place, row in zip((3, 0, 4, None, 1, 5, 2), found.unbind(), strict=True):
        if place is None:
            assert torch.equal(row, torch.zeros(1))
            continue
        expected = main_PG.flatten()[place].repeat(2 + place)
        expected[0] = head_PG.flatten()[place]
        torch.testing.assert_close(row, expected)
    assert metrics["chrpo/accuracy"] == 1.0
    assert metrics["chrpo/reward/head"] == pytest.approx(parts_PGK[..., -1].mean().item())
    assert metrics["chrpo/head/share_0.20"] == 1.0

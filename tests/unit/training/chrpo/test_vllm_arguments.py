"""Roll-outs by vLLM: what the config says of it reaches TRL; no server is asked here."""

from pathlib import Path
from typing import Any

import pytest

from extracot.errors import ConfigError
from extracot.training.chrpo.config import ChrpoConfig

pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of TRL

SERVER = {"use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": "http://rollouts:8000"}


def config(**changes: Any) -> ChrpoConfig:
    values = {"model": "m", "budgets": "b.jsonl", "own_rollouts": False, "trainer_args": SERVER, **changes}
    return ChrpoConfig.model_validate(values)


def grpo_config(settings: ChrpoConfig, folder: Path) -> Any:
    from trl import GRPOConfig

    from extracot.training.chrpo.run import trainer_arguments

    return GRPOConfig(**trainer_arguments(settings, folder))


def test_the_server_and_the_sampling_reach_trl(tmp_path: Path) -> None:
    settings = config(temperature=0.7, top_p=0.95, max_new_tokens=99, group_size=4)
    arguments = grpo_config(settings, tmp_path)
    assert arguments.use_vllm and arguments.vllm_mode == "server"
    assert arguments.vllm_server_base_url == "http://rollouts:8000"
    assert (arguments.temperature, arguments.top_p, arguments.max_completion_length) == (0.7, 0.95, 99)
    assert arguments.num_generations == 4


def test_vllm_in_the_training_processes_is_the_other_mode(tmp_path: Path) -> None:
    colocated = {"use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": 0.4}
    arguments = grpo_config(config(trainer_args=colocated), tmp_path)
    assert (arguments.vllm_mode, arguments.vllm_gpu_memory_utilization) == ("colocate", 0.4)


def test_vllm_beside_our_own_loop_is_refused_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="own_rollouts=false"):
        config(own_rollouts=True)


def test_a_key_of_the_config_cannot_be_set_a_second_time_through_trl(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trainer_args sets temperature"):
        grpo_config(config(trainer_args={**SERVER, "temperature": 0.1}), tmp_path)

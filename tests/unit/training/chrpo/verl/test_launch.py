"""The launch script, with stand-ins for verl's Python and for Ray that write down how they were called."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[5] / "recipes" / "verl" / "launch.sh"
STAND_IN = '#!/usr/bin/env bash\nprintf "%s\\n" "$(basename "$0")" "$@" "" >> "$CALLS"\n'


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name in ("python", "ray"):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)
    (tmp_path / "calls").touch()
    return {
        **os.environ,
        "PYTHON": str(tmp_path / "bin" / "python"),
        "RAY": str(tmp_path / "bin" / "ray"),
        "CALLS": str(tmp_path / "calls"),
    }


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What chrpo-verl leaves, and a checkpoint as verl leaves it."""
    folder = tmp_path / "a run"
    (folder / "checkpoints" / "global_step_5" / "actor" / "huggingface").mkdir(parents=True)
    (folder / "chrpo.yaml").write_text("{}")
    (folder / "extracot.json").write_text("knob")
    return folder


def launch(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


def calls(environment: dict[str, str]) -> list[list[str]]:
    text = Path(environment["CALLS"]).read_text()
    return [call.split("\n") for call in text.split("\n\n") if call]


def test_one_node_starts_verl_alone_and_what_the_user_adds_comes_last(
    environment: dict[str, str], run_folder: Path
) -> None:
    done = launch({**environment, "GPUS_PER_NODE": "4"}, str(run_folder), "trainer.logger=[tensorboard]")
    assert done.returncode == 0, done.stderr
    (call,) = calls(environment)
    assert call[:7] == [
        "python",
        "-m",
        "verl.trainer.main_ppo",
        "--config-path",
        str(run_folder),
        "--config-name",
        "chrpo",
    ]
    assert call[-1] == "trainer.logger=[tensorboard]"
    assert {"trainer.nnodes=1", "trainer.n_gpus_per_node=4"} < set(call)
    assert f"data.train_files={run_folder}/records/rl.parquet" in call


def test_a_checkpoint_becomes_a_model_with_its_knob(environment: dict[str, str], run_folder: Path) -> None:
    assert launch(environment, str(run_folder)).returncode == 0
    checkpoint = run_folder / "checkpoints" / "global_step_5" / "actor" / "huggingface"
    assert (checkpoint / "extracot.json").read_text() == "knob"


def test_the_first_of_two_nodes_starts_ray_waits_for_the_other_trains_and_stops_ray(
    environment: dict[str, str], run_folder: Path
) -> None:
    done = launch({**environment, "NNODES": "2", "HEAD": "10.0.0.1"}, str(run_folder))
    assert done.returncode == 0, done.stderr
    start, wait, train, stop = calls(environment)
    assert start[:4] == ["ray", "start", "--head", "--node-ip-address"]
    assert wait[:2] == ["python", "-c"] and "< 2" in wait[2]
    assert train[:3] == ["python", "-m", "verl.trainer.main_ppo"] and "trainer.nnodes=2" in train
    assert stop == ["ray", "stop"]


def test_another_node_joins_and_trains_nothing_itself(environment: dict[str, str], run_folder: Path) -> None:
    launch({**environment, "NNODES": "2", "NODE_RANK": "1", "HEAD": "10.0.0.1", "PORT": "7000"}, str(run_folder))
    (call,) = calls(environment)
    assert call == ["ray", "start", "--address", "10.0.0.1:7000", "--num-gpus", "8", "--block"]


def test_several_nodes_without_a_head_and_a_folder_that_is_no_run_are_refused(
    environment: dict[str, str], run_folder: Path
) -> None:
    assert "HEAD is the address" in launch({**environment, "NNODES": "2"}, str(run_folder)).stderr
    assert launch(environment, str(run_folder.parent)).returncode == 2
    assert launch(environment).returncode == 2
    assert not calls(environment)

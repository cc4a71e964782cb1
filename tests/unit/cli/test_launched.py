"""Opening a run in several processes, and the settings that start them."""

import subprocess
import sys
from pathlib import Path

import pytest

from extracot.cli.main import main
from extracot.io.config import PRESETS_FOLDER
from extracot.io.run_directory import RunDirectory
from extracot.training.sft.config import SftConfig

LAUNCH_FILES = sorted((PRESETS_FOLDER / "launch").glob("*.yaml"))


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.stem)
def test_accelerate_reads_the_launch_settings(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    settings = load_config_from_file(str(path))
    assert settings.distributed_type.value == {"fsdp2": "FSDP", "zero3": "DEEPSPEED"}[path.stem]
    assert settings.mixed_precision == "bf16" and not settings.use_cpu
    assert main(["config", "launch", path.stem]) == 0
    assert capsys.readouterr().out == f"{path}\n"


def test_unknown_launch_settings_are_refused_by_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "launch", "zero2"]) == 2
    assert "did you mean 'zero3'" in capsys.readouterr().err
    assert main(["config", "launch"]) == 0
    assert len(capsys.readouterr().out.split()) == len(LAUNCH_FILES) == 2


def test_an_attached_run_directory_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = SftConfig(model="m", data="d")
    RunDirectory.open(tmp_path / "run", config, "sft")
    before = sorted(tmp_path.rglob("*"))
    follower = RunDirectory.attach(tmp_path / "run", config, "sft", is_complete=False)
    follower.log("not heard")
    follower.metrics(1, loss=1.0)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "run/logs/attempt-1.log").read_text() == "" and not capsys.readouterr().err


def test_a_stage_of_one_process_refuses_to_be_one_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["generate", "--set", "model=toy", "problems=toy:train:2", "--out", str(tmp_path / "run")]
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        assert main(arguments) == 2
        assert "generate runs in one process, and this is one of 2" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("parted", [True, False])
def test_a_process_that_parted_ends_after_all_other_exit_handlers_and_before_the_interpreter_is_finalised(
    parted: bool,
) -> None:
    script = f"""if True:
        import atexit
        from extracot.cli import launched
        atexit.register(launched._skip_finalisation)
        atexit.register(print, "handler", flush=False)
        class Last:
            def __del__(self, print=print): print("finalised")
        kept = Last()
        launched._parted = {parted}
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["handler"] if parted else ["handler", "finalised"])

"""The sft command in two processes: one run directory, and the losses of a single process."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from extracot.io.jsonl import read_jsonl
from extracot.io.manifest import read_manifest

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

TrainTinySft = Callable[..., Path]
Torchrun = Callable[..., "subprocess.CompletedProcess[str]"]
MEASURED = {"holdout_share": 0.3, "eval_every_steps": 3, "control_questions": 2, "best_by": "loss"}


@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
def test_two_processes_train_like_one_into_one_run_directory(
    packing: bool, train_tiny_sft: TrainTinySft, torchrun: Torchrun, tmp_path: Path
) -> None:
    # 8 examples a step in passes of 2: 4 passes in one process, 2 each in two
    one = train_tiny_sft(tmp_path, **MEASURED, packing=packing, micro_batch_size=2)
    done = torchrun(2, "-m", "extracot", "sft", str(one / "config.json"), "--out", str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "two")]
    assert done.stderr.count("sft: step 6/6, loss") == 1
    rows = {row["step"]: row for _, row in read_jsonl(tmp_path / "two/metrics.jsonl")}
    expected = {row["step"]: row for _, row in read_jsonl(one / "metrics.jsonl")}
    assert rows.keys() == expected.keys()
    for step, row in expected.items():
        for name in row.keys() & {"loss", "held_out/loss", "held_out/control_error", "num_tokens"}:
            assert rows[step][name] == pytest.approx(row[name], rel=2e-4), (step, name)
    assert [path.name for path in (tmp_path / "two/logs").iterdir()] == ["attempt-1.log"]
    summaries = [read_manifest(folder / "manifest.json").summary for folder in (one, tmp_path / "two")]
    assert summaries[0]["saved_step"] == summaries[1]["saved_step"]
    assert (tmp_path / "two/model/model.safetensors").is_file()

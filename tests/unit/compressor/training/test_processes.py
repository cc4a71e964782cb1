"""One process and two train the same compressor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.unit.compressor.training.test_architectures import write_data

SCRIPT = Path(__file__).parent / "train_in_processes.py"


def train(n_processes: int, data: Path, out: Path) -> dict[str, torch.Tensor]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(n_processes)]
    subprocess.run(
        [sys.executable, *launch, str(SCRIPT), str(data), str(out)],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        timeout=550,
        capture_output=True,
    )
    return load_file(out / "0" / "model" / "model.safetensors")


@pytest.mark.slow
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    """The same batches in the same order, gradients averaged over all their tokens, one writer."""
    write_data(tmp_path)
    one, two = train(1, tmp_path, tmp_path / "one"), train(2, tmp_path, tmp_path / "two")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-5)
    assert not (tmp_path / "two" / "1" / "model").exists()

"""One process and two train the same compressor."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.unit.compressor.training.test_architectures import write_data

SETTINGS = {
    "vocab_size": 320,
    "hidden_size": 16,
    "n_layers": 1,
    "n_heads": 2,
    "mlp_size": 16,
    "max_length": 128,
    "tiers": "[0.0, 1.0]",
    "ratios": "[0.5]",
    "batch_tokens": 256,
    "max_steps": 4,
    "n_epochs": 4,
    "n_evaluations": 2,
    "holdout_share": 0.2,
    "device": "cpu",
    "lr": 1e-3,
    "matrix_lr": "null",
}


@pytest.mark.slow
def test_two_processes_train_like_one_into_one_run_directory(
    torchrun: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """The same batches in the same order, gradients averaged over all their tokens, one writer."""
    write_data(tmp_path)
    given = {"traces": tmp_path / "traces.jsonl", "annotations": tmp_path / "annotations.jsonl", **SETTINGS}
    values = [f"{key}={value}" for key, value in given.items()]
    weights = {}
    for n_processes in (1, 2):
        out = tmp_path / str(n_processes)
        done = torchrun(n_processes, "-m", "extracot", "train-compressor", "--set", *values, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [str(out)]
        assert [path.name for path in (out / "logs").iterdir()] == ["attempt-1.log"]
        weights[n_processes] = load_file(out / "model/model.safetensors")
    for name, value in weights[1].items():
        torch.testing.assert_close(weights[2][name], value, rtol=1e-4, atol=1e-5)

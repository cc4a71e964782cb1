"""One process and two train the same."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
SCRIPT = Path(__file__).parent / "train_in_processes.py"


@pytest.mark.slow
def test_two_processes_train_like_one(
    prepared_model_dir: Path, torchrun: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """The same responses are drawn, groups are compared across processes, gradients are averaged."""
    from safetensors.torch import load_file

    start = load_file(prepared_model_dir / "model.safetensors")
    weights = {}
    for n_processes in (1, 2):
        folder = tmp_path / str(n_processes)
        folder.mkdir()
        done = torchrun(n_processes, str(SCRIPT), str(prepared_model_dir), str(folder), str(8 // n_processes))
        assert done.returncode == 0, done.stderr
        weights[n_processes] = load_file(folder / "weights.safetensors")
    assert any(not torch.equal(start[name], value) for name, value in weights[1].items())
    for name, value in weights[1].items():
        torch.testing.assert_close(weights[2][name], value, rtol=1e-5, atol=1e-6)

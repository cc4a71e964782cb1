"""One process and two train the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
SCRIPT = Path(__file__).parent / "train_in_processes.py"


def train(n_processes: int, model_dir: Path, folder: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    folder.mkdir()
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(n_processes)]
    subprocess.run(
        [sys.executable, *launch, str(SCRIPT), str(model_dir), str(folder), str(8 // n_processes)],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        timeout=550,
        capture_output=True,
    )
    return load_file(folder / "weights.safetensors")


@pytest.mark.slow
def test_two_processes_train_like_one(prepared_model_dir: Path, tmp_path: Path) -> None:
    """The same responses are drawn, groups are compared across processes, gradients are averaged."""
    from safetensors.torch import load_file

    start = load_file(prepared_model_dir / "model.safetensors")
    one = train(1, prepared_model_dir, tmp_path / "one")
    two = train(2, prepared_model_dir, tmp_path / "two")
    assert any(not torch.equal(start[name], one[name]) for name in one)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6)

from pathlib import Path

from extracot.training.checkpoints import last_whole_checkpoint


def checkpoint(folder: Path, step: int, state: str | None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"weights")
    if state is not None:
        (path / "trainer_state.json").write_text(state)
    return path


def test_the_newest_whole_one_is_taken_and_torn_ones_are_removed(tmp_path: Path) -> None:
    checkpoint(tmp_path, 9, '{"global_step": 9}')
    newest = checkpoint(tmp_path, 10, '{"global_step": 10}')
    without_state = checkpoint(tmp_path, 11, None)
    half_written = checkpoint(tmp_path, 12, '{"global_')
    (tmp_path / "checkpoint-notes").mkdir()
    assert last_whole_checkpoint(tmp_path) == newest  # 10 is after 9, though not as text
    assert not without_state.exists() and not half_written.exists()
    assert (tmp_path / "checkpoint-notes").exists()


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert last_whole_checkpoint(tmp_path) is None

"""Checkpoints of a training run that may be killed at any time."""

import json
import shutil
from pathlib import Path

_STATE_FILE = "trainer_state.json"


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint below `folder`, after deleting torn ones; None when there is none.

    The trainer writes `trainer_state.json` last, so a checkpoint without one that parses was being written
    when the run was killed.
    """
    whole: list[tuple[int, Path]] = []
    for checkpoint in folder.glob("checkpoint-*"):
        step = checkpoint.name.removeprefix("checkpoint-")
        if not step.isdigit():
            continue
        if _is_whole(checkpoint):
            whole.append((int(step), checkpoint))
        else:
            shutil.rmtree(checkpoint)
    return max(whole)[1] if whole else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / _STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(state, dict)

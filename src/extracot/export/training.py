"""Which budgets a model's last training asked for, from the config of the run that it lies in."""

import json
from enum import StrEnum
from pathlib import Path


class AskedFor(StrEnum):
    """What the prompts of the last training asked for."""

    ALL = "all"
    """Ratios and the model's own choice."""
    CHOICE = "choice"
    """The model's own choice alone: what it knew of keeping a ratio, it may have forgotten."""
    RATIOS = "ratios"
    """Ratios alone, never its own choice."""
    UNKNOWN = "unknown"
    """The folder lies in no run that trains."""


def asked_in_training(folder: Path) -> AskedFor:
    """What the run asked for that wrote this model or adapter folder, `<run>/model` or `<run>/adapter`."""
    try:
        config = json.loads((folder.resolve().parent / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return AskedFor.UNKNOWN
    stage = config.get("stage") if isinstance(config, dict) else None
    if stage == "sft":
        return AskedFor.ALL
    asked_share = config.get("asked_share") if stage == "chrpo" else None
    if not isinstance(asked_share, int | float):
        return AskedFor.UNKNOWN
    return {0.0: AskedFor.CHOICE, 1.0: AskedFor.RATIOS}.get(asked_share, AskedFor.ALL)

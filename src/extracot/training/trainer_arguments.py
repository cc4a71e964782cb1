"""Arguments that every trainer of transformers gets from us: quiet, offline, on the hardware that is
there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from extracot.errors import ConfigError, MissingExtraError
from extracot.io.nearest import did_you_mean

Precision = Literal["auto", "float32", "bfloat16"]


def common_arguments(
    checkpoints: Path,
    *,
    precision: Precision,
    seed: int,
    save_every_steps: int,
    keep_checkpoints: int,
    gradient_checkpointing: bool,
    report_to: Sequence[str] = (),
) -> dict[str, Any]:
    """Arguments for quiet training on a GPU where there is one, on the CPU otherwise.

    Args:
        checkpoints: where they go.
        precision: of the forward and backward pass, weights stay in the type they were loaded in. auto:
            bfloat16 on a GPU, float32 on a CPU, where bfloat16 is far slower.
        seed: of the trainer.
        save_every_steps: optimiser steps between checkpoints.
        keep_checkpoints: older ones are deleted.
        gradient_checkpointing: recompute activations to save memory.
        report_to: trackers, by the names that transformers has for them.

    Raises:
        ConfigError: a tracker that transformers does not know.
        MissingExtraError: one that is not installed.
    """
    import torch

    check_trackers(report_to)

    has_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(checkpoints),
        "use_cpu": not has_gpu,
        "bf16": precision == "bfloat16" or (precision == "auto" and has_gpu),
        "fp16": False,
        "seed": seed,
        "save_strategy": "steps",
        "save_steps": save_every_steps,
        "save_total_limit": keep_checkpoints,
        "gradient_checkpointing": gradient_checkpointing,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would show the last good loss in place of a NaN
        "report_to": list(report_to) or "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": has_gpu,
    }


def check_trackers(names: Sequence[str]) -> None:
    """See that the trainer can report to all of these.

    Raises:
        ConfigError: a tracker that transformers does not know.
        MissingExtraError: one that is not installed.
    """
    if not names:
        return
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            known = sorted(INTEGRATION_TO_CALLBACK)
            near = did_you_mean(name, known)
            raise ConfigError(f"report_to: no tracker is called {name!r}{near or '; known: ' + ', '.join(known)}")
        try:
            INTEGRATION_TO_CALLBACK[name]()
        except (ImportError, RuntimeError) as error:
            raise MissingExtraError(f"report_to: {name} is not installed; pip install {name}") from error


def count_processes() -> int:
    """Processes that train together, as their launcher (torchrun, accelerate) tells them; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def lay_over(arguments: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Our arguments with the user's extra ones.

    Raises:
        ConfigError: an extra argument that our own config already decides.
    """
    taken = sorted(set(arguments) & set(extra))
    if taken:
        raise ConfigError(f"trainer_args sets {', '.join(taken)}, which other keys of this config decide; use those")
    return {**arguments, **extra}

"""A command that a launcher started in several processes: the first one tells of progress and writes.

An error is told by every process: the first to end takes the others with it, and which that is cannot be known.
"""

import atexit
import os
import sys
from pathlib import Path

from extracot.errors import ExtracotError, UsageError
from extracot.io.config import StageConfig
from extracot.io.run_directory import RunDirectory
from extracot.pipeline.stages import Stage

_parted = False


def leave_launched() -> None:
    """Part from the other processes, if a launcher started several, after a run that went well."""
    global _parted
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        from extracot.training.processes import leave_processes

        leave_processes()
        _parted = True


def _skip_finalisation() -> None:
    """End the process here once it has parted from the others.

    Threads of gloo outlive the process group, and one that still holds a tensor aborts an interpreter that is being
    finalised (https://github.com/pytorch/pytorch/pull/179291).
    """
    if _parted:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def open_run_directory(path: Path, config: StageConfig, stage: Stage, resume: bool, overwrite: bool) -> RunDirectory:
    """Open the run: as `RunDirectory.open` in the first process, attached to it in the others.

    Raises:
        RunDirectoryError: as `RunDirectory.open`, in every process.
        UsageError: several processes for a stage that runs in one.
    """
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    if n_processes == 1:
        return RunDirectory.open(path, config, stage.name, resume, overwrite)
    if not stage.shares_work:
        raise UsageError(
            f"{stage.name} runs in one process, and this is one of {n_processes}: start it without torchrun or "
            "accelerate; of a pipeline, its training steps may be, each with its run's config.json, --out and --resume"
        )
    atexit.register(_skip_finalisation)  # before torch registers its own, so that it runs after them
    from extracot.training.processes import from_first

    opened: list[RunDirectory] = []

    def try_to_open() -> bool | ExtracotError:
        """Whether the run is complete, or why it cannot be opened."""
        try:
            opened.append(RunDirectory.open(path, config, stage.name, resume, overwrite))
        except ExtracotError as error:
            return error
        return opened[0].is_complete

    answer = from_first(try_to_open)
    if isinstance(answer, ExtracotError):
        raise answer
    return opened[0] if opened else RunDirectory.attach(path, config, stage.name, answer)

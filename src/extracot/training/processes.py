"""Several processes that train one model: what only the first one does, and how the others learn of it.

Started by `torchrun` or `accelerate launch`. The run directory is on a disk that all of them see.
"""

from collections.abc import Callable
from typing import TypeVar

from extracot.io.manifest import Manifest
from extracot.training.trainer_arguments import count_processes

T = TypeVar("T")


def join_processes() -> int:
    """Meet the other processes, if there are any; returns this one's rank."""
    if count_processes() == 1:
        return 0
    import torch
    from accelerate import PartialState

    # Without a GPU it has to be told, or it takes the processes for as many separate trainings.
    return int(PartialState(cpu=not torch.cuda.is_available()).process_index)


def from_first(make: Callable[[], T]) -> T:
    """What `make` gives in the first process, in every process; the others do not call it, and wait."""
    rank = join_processes()
    if count_processes() == 1:
        return make()
    from accelerate.utils import broadcast_object_list

    box: list[T | None] = [make() if rank == 0 else None]
    broadcast_object_list(box)
    value: T = box[0]  # type: ignore[assignment]
    return value


def finish_together(finish: Callable[[], Manifest]) -> Manifest:
    """Let the first process finish the run; every process gets the manifest.

    Args:
        finish: calls `RunDirectory.finish`.
    """
    return Manifest.model_validate_json(from_first(lambda: finish().model_dump_json()))


def leave_processes() -> None:
    """Part from the other processes at the end of a run that went well; without it the interpreter may abort."""
    if count_processes() == 1:
        return
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()

"""What there is to run on: cores, threads, memory, disk, accelerators."""

import os
import platform
import shutil

from extracot.doctor.findings import Device, Machine

_GIB = 1024**3


def examine_machine() -> Machine:
    """Ask the system, and torch where it imports; what neither says is None."""
    n_threads, devices = _ask_torch()
    return Machine(
        platform=f"{platform.system()} {platform.machine()}",
        n_cores=_n_cores(),
        n_threads=n_threads,
        memory_gib=_memory_gib(),
        disk_free_gib=round(shutil.disk_usage(".").free / _GIB, 1),
        devices=devices,
    )


def _n_cores() -> int:
    """Cores that this process may use, where the system tells them from those that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1)
    except (AttributeError, OSError, ValueError):
        return None


def _ask_torch() -> tuple[int | None, tuple[Device, ...]]:
    """Threads of an operation, and the accelerators; (None, ()) where torch does not work, which `parts` tells of."""
    try:
        import torch

        return torch.get_num_threads(), _devices()
    except Exception:  # a torch built for another machine or driver fails in many ways
        return None, ()


def _devices() -> tuple[Device, ...]:
    import torch

    if torch.cuda.is_available():
        found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        return tuple(Device(one.name, round(one.total_memory / _GIB, 1)) for one in found)
    if torch.accelerator.is_available():
        return (Device(str(torch.accelerator.current_accelerator()), None),) * torch.accelerator.device_count()
    return ()

"""How many optimiser steps a run has, and how many passes a step."""

from extracot.errors import ConfigError


def passes_per_step(batch_size: int, micro_batch_size: int, n_processes: int) -> int:
    """Forward passes of each process in an optimiser step.

    Raises:
        ConfigError: batch sizes that do not divide.
    """
    per_pass = micro_batch_size * n_processes
    if batch_size % per_pass:
        raise ConfigError(
            f"batch_size={batch_size} is no multiple of micro_batch_size={micro_batch_size} times "
            f"{n_processes} processes"
        )
    return batch_size // per_pass


def count_steps(n_examples: int, epochs: float, batch_size: int, max_steps: int | None) -> int:
    """Optimiser steps; the last one may hold fewer examples."""
    n_seen = max(1, round(epochs * n_examples))
    n_steps = -(-n_seen // batch_size)
    # The trainer would start the epochs again to reach a max_steps beyond them.
    return max_steps or n_steps

"""The batches of `compress`, cut one after the other or by several processes, with the same results in the same order.

Processes are spawned, so a script that asks for more than one needs the `if __name__ == "__main__":` guard.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, TypeVar

from extracot.compressor.config import CompressConfig
from extracot.compressor.cutting import TraceCuts, TraceCutter
from extracot.errors import ExtracotError, StageError
from extracot.records.trace import BadTrace, Trace

if TYPE_CHECKING:
    from pebble import ProcessFuture

T = TypeVar("T")

_N_AHEAD = 2
"""Batches per worker that are read ahead: one in work and one to go on with."""

_cutters: dict[str, TraceCutter] = {}
"""In a worker: the cutter of its config. Made with the first batch, so that what is wrong with a model is reported as
itself."""


def cut_batches(
    batches: Iterable[list[Trace | BadTrace]], config: CompressConfig
) -> Generator[list[TraceCuts], None, None]:
    """Cut every batch, in order; with `config.workers` above 1, in so many processes.

    No more than two batches per worker are in memory. Processes end with the iteration, however it ends.

    Raises:
        StageError: a worker process died, or none can be started.
        ModelError: a model or tokenizer that does not do.
    """
    if config.workers == 1:
        cutter = TraceCutter(config)
        for batch in batches:
            yield cutter.cut(batch)
        return
    from pebble import ProcessExpired, ProcessPool

    pool = ProcessPool(max_workers=config.workers, context=multiprocessing.get_context("spawn"))
    futures: deque[ProcessFuture] = deque()
    has_started = False
    source = iter(batches)
    failure: Exception | None = None  # in reading; what was read before it is cut first
    try:
        while True:
            while failure is None and len(futures) < _N_AHEAD * config.workers:
                try:
                    futures.append(pool.schedule(_cut_in_worker, args=[next(source), config]))
                except StopIteration:
                    break
                except ExtracotError as error:
                    failure = error
            if not futures:
                break
            result = futures.popleft().result()
            has_started = True
            yield result
    except (ProcessExpired, BrokenProcessPool) as error:
        # A worker that dies with a lock of the pool in its hand breaks the pool, as workers that never start do.
        if isinstance(error, BrokenProcessPool) and not has_started:
            raise StageError(
                "the worker processes do not start; put the script's code under `if __name__ == '__main__':`, "
                "or take one worker"
            ) from error
        code = f" (exit code {error.exitcode})" if isinstance(error, ProcessExpired) else ""
        raise StageError(
            f"a worker process died{code}, perhaps for lack of memory; go on with fewer workers or a smaller batch_size"
        ) from error
    finally:
        pool.stop()
        pool.join()
    if failure is not None:
        raise failure


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one maybe shorter; reads no further ahead than that.

    Where reading fails, the items read before come first and the error after them.
    """
    iterator = iter(items)
    batch: list[T] = []
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            break
        except ExtracotError:
            if batch:
                yield batch
            raise
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _cut_in_worker(batch: list[Trace | BadTrace], config: CompressConfig) -> list[TraceCuts]:
    key = config.model_dump_json()
    if key not in _cutters:
        os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the processes are the parallelism
        _cutters[key] = TraceCutter(config)
        if "torch" in sys.modules:
            import torch

            torch.set_num_threads(max(1, (os.cpu_count() or 1) // config.workers))
    return _cutters[key].cut(batch)

"""Call a function on many items at once and get the results in the order of the items."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from queue import SimpleQueue
from typing import Any, Final, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_AHEAD: Final = 4
"""Items begun per thread before the oldest is done: a slow one does not hold up the others for long."""


def map_in_order(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], n_threads: int) -> Iterator[ResultT]:
    """Yield `function(item)` per item, in order; with one thread in this one, without reading ahead.

    An exception of any call is raised as soon as it happens, out of order, and nothing further is begun. The threads
    are daemons: calls in flight then do not keep the process alive, as those of a ThreadPoolExecutor would.
    """
    if n_threads == 1:
        yield from map(function, items)
        return
    jobs: SimpleQueue[tuple[Future[ResultT], ItemT] | None] = SimpleQueue()
    broken: Future[None] = Future()
    lock = threading.Lock()

    def work() -> None:
        while (job := jobs.get()) is not None and not broken.done():
            future, item = job
            try:
                result = function(item)
            except BaseException as error:
                with lock:
                    if not broken.done():
                        broken.set_exception(error)
                return
            future.set_result(result)

    def next_result() -> ResultT:
        either: tuple[Future[Any], ...] = (pending[0], broken)
        wait(either, return_when=FIRST_COMPLETED)
        if broken.done():
            broken.result()
        return pending.popleft().result()

    for _ in range(n_threads):
        threading.Thread(target=work, name="ask", daemon=True).start()
    pending: deque[Future[ResultT]] = deque()
    try:
        for item in items:
            future: Future[ResultT] = Future()
            pending.append(future)
            jobs.put((future, item))
            if len(pending) >= _AHEAD * n_threads:
                yield next_result()
        while pending:
            yield next_result()
    finally:
        with lock:
            if not broken.done():
                broken.set_result(None)
        for _ in range(n_threads):
            jobs.put(None)

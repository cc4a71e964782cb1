"""Call a function on many items at once and get every result as soon as it is there."""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def map_as_ready(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], n_threads: int
) -> Iterator[tuple[int, ResultT]]:
    """Yield (index, `function(item)`) per item as it comes; items are begun in order.

    When a call raises, nothing further is begun, the results that are there already are yielded, and then the
    exception is raised. The threads are daemons: calls in flight then do not keep the process alive.
    """
    owed = iter(range(len(items)))
    lock = threading.Lock()
    is_over = threading.Event()
    results: SimpleQueue[tuple[int, ResultT] | BaseException] = SimpleQueue()

    def work() -> None:
        while not is_over.is_set():
            with lock:
                index = next(owed, None)
            if index is None:
                return
            try:
                results.put((index, function(items[index])))
            except BaseException as error:
                is_over.set()
                results.put(error)
                return

    for _ in range(min(n_threads, len(items))):
        threading.Thread(target=work, name="ask", daemon=True).start()
    try:
        for _ in range(len(items)):
            result = results.get()
            if isinstance(result, BaseException):
                while not results.empty():
                    late = results.get()
                    if not isinstance(late, BaseException):
                        yield late
                raise result
            yield result
    finally:
        is_over.set()

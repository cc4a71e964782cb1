"""How far a run of `compress` has come, how fast, and how long it still takes."""

import time
from collections.abc import Callable

from extracot.text.durations import format_duration

_SECONDS_BETWEEN_REPORTS = 10.0


class Progress:
    """Says now and then how far the stage has come."""

    def __init__(
        self,
        say: Callable[[str], None],
        n_total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            say: takes one line.
            n_total: traces to compress; None where it is not known.
            clock: seconds, from any start.
        """
        self._say = say
        self._n_total = n_total
        self._clock = clock
        self._started = self._reported = clock()
        self._n_done = 0

    def advance(self, n_traces: int) -> None:
        """So many more traces are done."""
        self._n_done += n_traces
        now = self._clock()
        if now - self._reported >= _SECONDS_BETWEEN_REPORTS:
            self._reported = now
            self._say(self._line(self._n_done / (now - self._started)))

    def _line(self, rate: float) -> str:
        if self._n_total is None:
            return f"compressed {self._n_done} traces, {rate:.1f} a second"
        left_s = max(0, self._n_total - self._n_done) / rate
        share = f"compressed {self._n_done} of {self._n_total} traces"
        return f"{share}, {rate:.1f} a second, {format_duration(left_s)} left"

"""How far a run of completions has come: how many are right, how fast it goes, how long it still takes."""

import time
from collections.abc import Callable

from extracot.text.durations import format_duration

_SECONDS_BETWEEN_REPORTS = 10.0
_LEAST_SHARE_TO_EXTRAPOLATE = 0.02
"""The first answers come late, a batch at once: what they say of the rest would only frighten."""


class CompletionProgress:
    """Says now and then, and at the end, how far a stage has come."""

    def __init__(
        self,
        say: Callable[[str], None],
        name: str,
        n_total: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            say: takes one line.
            name: of what is going on; starts every line.
            n_total: completions asked for in this attempt.
            clock: seconds, from any start.
        """
        self._say = say
        self._name = name
        self._n_total = n_total
        self._clock = clock
        self._started_s = self._reported_s = clock()
        self._n_done = self._n_failed = self._n_graded = self._n_correct = self._n_tokens = 0

    def add(self, n_tokens: int, is_correct: bool | None) -> None:
        """One more completion is there; `is_correct` is None where there is nothing to grade it by."""
        self._n_done += 1
        self._n_tokens += n_tokens
        self._n_graded += is_correct is not None
        self._n_correct += bool(is_correct)
        self._report()

    def skip(self) -> None:
        """One was there before this attempt: it is neither done now nor to go."""
        self._n_total -= 1

    def add_failure(self) -> None:
        """One more came to nothing."""
        self._n_done += 1
        self._n_failed += 1
        self._report()

    def _report(self) -> None:
        now_s = self._clock()
        if self._n_done == self._n_total or now_s - self._reported_s >= _SECONDS_BETWEEN_REPORTS:
            self._reported_s = now_s
            self._say(self._line(max(now_s - self._started_s, 1e-9)))

    def _line(self, elapsed_s: float) -> str:
        failed = f" ({self._n_failed} failed)" if self._n_failed else ""
        correct = f", {self._n_correct / self._n_graded:.1%} correct" if self._n_graded else ""
        tokens = f", {self._n_tokens / elapsed_s:.0f} tokens/s" if self._n_tokens else ""
        so_far = f"{self._name}: {self._n_done}/{self._n_total}{failed}{correct}"
        if self._n_done < _LEAST_SHARE_TO_EXTRAPOLATE * self._n_total:
            return f"{so_far}{tokens}"
        left_s = elapsed_s / self._n_done * (self._n_total - self._n_done)
        return f"{so_far}, {self._n_done / elapsed_s:.1f} a second{tokens}, {format_duration(left_s)} left"

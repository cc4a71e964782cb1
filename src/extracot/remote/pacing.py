"""When the next request may go out: an even rate for all threads together, pauses the server asks for, back-off."""

import random
import threading
import time
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime


class Stopped(Exception):
    """Another thread has stopped the run; not an error of its own, and caught where the threads were started."""


class Pacer:
    """Shared by all threads; every wait ends at once when the run is stopped."""

    def __init__(self, requests_per_minute: float | None) -> None:
        self._interval_s = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._next_s = 0.0
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def wait_turn(self) -> None:
        """Return when this thread may send a request.

        Raises:
            Stopped: the run was stopped.
        """
        while True:
            with self._lock:
                now_s = time.monotonic()
                wait_s = self._next_s - now_s
                if wait_s <= 0:
                    self._next_s = now_s + self._interval_s
            self.sleep(max(wait_s, 0.0))
            if wait_s <= 0:
                return

    def pause(self, seconds: float) -> None:
        """Let no thread send anything for a while: the server said so."""
        with self._lock:
            self._next_s = max(self._next_s, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait in this thread alone.

        Raises:
            Stopped: the run was stopped.
        """
        if self._stopping.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End every wait, now and from now on."""
        self._stopping.set()

    @property
    def is_stopped(self) -> bool:
        """`stop` was called."""
        return self._stopping.is_set()


def backoff_s(attempt: int, first_s: float, longest_s: float, generator: random.Random) -> float:
    """Seconds to wait behind the `attempt`-th failure (from 1): doubled each time, then drawn from its upper half."""
    # 2.0 ** 1024 overflows; nobody waits that long.
    whole = min(longest_s, first_s * 2.0 ** min(attempt - 1, 60))
    return whole * generator.uniform(0.5, 1.0)


def retry_after_s(headers: Message) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or a date; None where there is none to read."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())

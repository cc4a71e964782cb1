import random
import threading
import time
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime

import pytest

from extracot.remote.in_order import map_in_order
from extracot.remote.pacing import Pacer, Stopped, backoff_s, retry_after_s


def header(value: str) -> Message:
    message = Message()
    message["Retry-After"] = value
    return message


def test_waits_double_up_to_the_longest_and_are_drawn_from_the_upper_half() -> None:
    generator = random.Random(1)
    for attempt, whole in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (5000, 5.0)]:
        waits = [backoff_s(attempt, 1.0, 5.0, generator) for _ in range(50)]
        assert whole / 2 <= min(waits) < max(waits) <= whole


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    assert retry_after_s(header("1.5")) == 1.5
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after_s(header(in_a_minute)) == pytest.approx(60, abs=3)
    assert retry_after_s(header("Wed, 21 Oct 2015 07:28:00 GMT")) == 0.0
    for value in ("", "soon", "-1", "nan", "inf"):
        assert retry_after_s(header(value)) is None
    assert retry_after_s(Message()) is None


def test_all_threads_together_keep_the_rate() -> None:
    pacer = Pacer(60 / 0.02)
    started_s = time.monotonic()
    threads = [threading.Thread(target=lambda: [pacer.wait_turn() for _ in range(3)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Nine requests have eight gaps.
    assert time.monotonic() - started_s >= 8 * 0.02


def test_a_stop_ends_every_wait() -> None:
    pacer = Pacer(None)
    pacer.pause(60)
    threading.Timer(0.02, pacer.stop).start()
    with pytest.raises(Stopped):
        pacer.wait_turn()
    with pytest.raises(Stopped):
        pacer.wait_turn()


def test_results_come_in_the_order_of_the_items_whoever_is_first() -> None:
    def late_first(i: int) -> int:
        time.sleep(0.03 if i == 0 else 0.0)
        return i * i

    assert list(map_in_order(late_first, range(20), 4)) == [i * i for i in range(20)]
    assert list(map_in_order(late_first, range(3), 1)) == [0, 1, 4]
    assert list(map_in_order(late_first, [], 4)) == []


def test_an_exception_is_raised_while_an_earlier_item_is_still_at_work() -> None:
    release = threading.Event()

    def first_hangs(i: int) -> int:
        if i == 0:
            release.wait(30)
        if i == 2:
            raise KeyError(i)
        return i

    started_s = time.monotonic()
    with pytest.raises(KeyError):
        list(map_in_order(first_hangs, range(100), 2))
    assert time.monotonic() - started_s < 10
    release.set()

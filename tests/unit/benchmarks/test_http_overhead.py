"""The benchmark of HTTP: its server answers in the time it states, and the bare client asks what it is given."""

import asyncio
import time

from http_overhead import Measured, answer_time_s, ask, running_server, send_all


def test_answers_take_half_to_one_and_a_half_of_the_mean_and_the_same_for_the_same_request() -> None:
    times = [answer_time_s(str(n).encode(), 2.0) for n in range(500)]
    assert all(1.0 <= one <= 3.0 for one in times) and min(times) < 1.1 and max(times) > 2.9
    assert answer_time_s(b"7", 2.0) == times[7]


def test_the_bare_client_keeps_the_server_busy_with_every_request_once() -> None:
    bodies = [str(n).encode() for n in range(6)]
    with running_server(0.1) as (port, pipe):
        started_s = time.monotonic()
        asyncio.run(send_all(port, bodies, 3))
        wall_s = time.monotonic() - started_s
        served = ask(pipe)
    assert sorted(served.bodies) == bodies
    # No client is faster than its server's time for all answers, three at once.
    assert sum(answer_time_s(body, 0.1) for body in bodies) / 3 <= served.wall_s <= wall_s
    assert Measured(2.0, 2.1, 0.1, 6).ratio == 1.05

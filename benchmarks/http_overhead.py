"""What evaluating through HTTP adds to the server's own time.

    python benchmarks/http_overhead.py
    python benchmarks/http_overhead.py --answer-s 0.2 --n 1600

A scripted server in a process of its own answers every request after a stated time: `--answer-s` times 0.5 to 1.5, by
the prompt, so that some answers take three times as long as others. `extracot evaluate` asks it with `--concurrency`
requests at once, and the time from the first request until the run is finished (so with grading, writing and metrics,
without the loading of a tokenizer) is "evaluate". The same requests in the same order, sent by a bare client that keeps
as many connections open and does nothing with the replies, give "server alone", from the first request to the last
reply. CPU is that of the whole evaluation in the client's process, the loading included. Both are measured in turn,
`--repeats` times. The aim is 1.05 at 32 at once.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from tables import Cell, markdown_table, write_json

from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.run import run
from extracot.io.run_directory import RunDirectory

AIM = 1.05
TEXT = "<think>\n" + "$ Gus = 4 + 5 = 9 $. So " * 30 + "\n</think>\n\nThe answer is \\boxed{9}."


class Served(NamedTuple):
    """What the server saw since it was asked last; seconds of the clock that all processes share."""

    first_s: float
    last_s: float
    bodies: list[bytes]

    @property
    def wall_s(self) -> float:
        """From the first request to the last reply."""
        return self.last_s - self.first_s


class TimedServer:
    """Answers every completion after a time that its prompt decides."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s
        self._first_s = self._last_s = 0.0
        self._bodies: list[bytes] = []

    def take(self) -> Served:
        """What was seen, which is then forgotten."""
        served = Served(self._first_s, self._last_s, self._bodies)
        self._bodies = []
        return served

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until the other side closes it."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head, body = await read_message(reader)
                if head.startswith("GET"):
                    reply = {"data": [{"id": "scripted"}]}
                else:
                    if not self._bodies:
                        self._first_s = time.monotonic()
                    self._bodies.append(body)
                    await asyncio.sleep(answer_time_s(body, self._answer_s))
                    reply = {"choices": [{"index": 0, "text": TEXT, "finish_reason": "stop"}]}
                content = json.dumps(reply).encode()
                lines = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
                writer.write(lines.encode() + content)
                await writer.drain()
                self._last_s = time.monotonic()
                if "connection: close" in head.lower():
                    break
        writer.close()


def answer_time_s(body: bytes, mean_s: float) -> float:
    """Between half and one and a half of the mean, the same for the same request anywhere."""
    share = int.from_bytes(hashlib.sha256(body).digest()[:4], "big") / 2**32
    return mean_s * (0.5 + share)


async def read_message(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Head and body of the next HTTP message that has a Content-Length, or no body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
    return head, await reader.readexactly(int(lengths[0]) if lengths else 0)


def serve(answer_s: float, pipe: Connection) -> None:
    """The server's process: sends its port, then what it saw whenever anything comes through the pipe."""

    async def main() -> None:
        server = TimedServer(answer_s)
        listening = await asyncio.start_server(server.serve_connection, "127.0.0.1", 0, backlog=1024)
        pipe.send(listening.sockets[0].getsockname()[1])
        asyncio.get_running_loop().add_reader(pipe.fileno(), lambda: (pipe.recv(), pipe.send(server.take())))
        await asyncio.Event().wait()

    asyncio.run(main())


async def send_all(port: int, bodies: Sequence[bytes], concurrency: int) -> None:
    """Post every body, so many at once over connections that stay open; replies are read and dropped."""
    owed = iter(bodies)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in owed:
            head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await read_message(reader)
        writer.close()

    await asyncio.gather(*(work() for _ in range(concurrency)))


class Measured(NamedTuple):
    """One round."""

    server_s: float
    evaluate_s: float
    client_cpu_s: float
    n_requests: int

    @property
    def ratio(self) -> float:
        return self.evaluate_s / self.server_s


def measure(port: int, pipe: Connection, n: int, concurrency: int, folder: Path) -> Measured:
    """Evaluate through the server, then send the same requests without evaluating."""
    server = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "scripted", "api": "completions"}
    values = {
        "problems": f"toy:heldout:{n}:seed=7",
        "base_model": "toy",
        "backend": "openai",
        "server": {**server, "concurrency": concurrency},
    }
    config = EvaluateConfig.model_validate(values)
    cpu_before_s = time.process_time()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        manifest = run(config, RunDirectory.open(folder, config, "evaluate"))
    finished_s, cpu_s = time.monotonic(), time.process_time() - cpu_before_s
    assert manifest.counts["scores"] == n
    evaluated = ask(pipe)
    asyncio.run(send_all(port, evaluated.bodies, concurrency))
    alone = ask(pipe)
    assert len(alone.bodies) == len(evaluated.bodies) == n
    return Measured(alone.wall_s, finished_s - evaluated.first_s, cpu_s, n)


def ask(pipe: Connection) -> Served:
    """What the server saw."""
    pipe.send(None)
    served: Served = pipe.recv()
    return served


@contextlib.contextmanager
def running_server(answer_s: float) -> Iterator[tuple[int, Connection]]:
    """The server in a process of its own: its port, and the pipe to ask it by."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(answer_s, there), daemon=True)
    process.start()
    try:
        yield here.recv(), here
    finally:
        process.terminate()
        process.join()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=640, help="requests (default: 640)")
    parser.add_argument("--answer-s", type=float, default=1.0, help="mean time of an answer (default: 1)")
    parser.add_argument("--concurrency", type=int, default=32, help="requests at once (default: 32)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    options = parser.parse_args(arguments)
    os.environ["no_proxy"] = "127.0.0.1"
    rounds: list[Measured] = []
    with running_server(options.answer_s) as (port, pipe), tempfile.TemporaryDirectory() as scratch:
        for repeat in range(options.repeats):
            folder = Path(scratch) / str(repeat)
            rounds.append(measure(port, pipe, options.n, options.concurrency, folder))
    rows: list[list[Cell]] = [
        [index + 1, one.server_s, one.evaluate_s, f"{one.ratio:.3f}", 1000 * one.client_cpu_s / one.n_requests]
        for index, one in enumerate(rounds)
    ]
    print(
        f"{options.n} requests, {options.concurrency} at once, an answer takes {options.answer_s:g} s on average "
        f"(0.5 to 1.5 of that)\n"
    )
    print(markdown_table(["round", "server alone s", "evaluate s", "ratio", "CPU ms a request"], rows, digits=2))
    ratio = statistics.median(one.ratio for one in rounds)
    print(f"\nmedian ratio {ratio:.3f}; the aim of {AIM} is {'met' if ratio <= AIM else 'missed'}")
    write_json(options.json, {"ratio": ratio, "rounds": [one._asdict() for one in rounds]})


if __name__ == "__main__":
    main()

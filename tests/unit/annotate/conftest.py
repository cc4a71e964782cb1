"""A teacher behind a real socket, scripted by the test, and traces for it to read."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from extracot.annotate.config import AnnotateConfig, LlmConfig


@dataclass
class Answer:
    """What the server sends back, and how long it takes to."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    length: int | None = None
    """Content-Length, where it lies."""


def completion(text: str | None, finish: str = "stop") -> Answer:
    """A chat completion with usage 100 + 10."""
    value = {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }
    return Answer(json.dumps(value).encode())


def failure(status: int, message: str = "no", **headers: str) -> Answer:
    """An error as OpenAI words it."""
    body = json.dumps({"error": {"message": message}}).encode()
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Asked:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def user(self) -> str:
        """The user message."""
        return str(self.body["messages"][1]["content"])

    @property
    def question(self) -> str:
        return str(json.loads(self.user.splitlines()[0].removeprefix("Question: ")))

    @property
    def shown(self) -> dict[int, str]:
        """The numbered units."""
        lines = self.user.splitlines()[3:-1]
        return {int(number): json.loads(text) for number, text in (line.split(": ", 1) for line in lines)}


def keep_first(asked: Asked, _: int) -> Answer:
    """The polite teacher: keeps the first unit shown."""
    first = min(asked.shown)
    return completion(json.dumps({"keep": [[first, first]]}))


class Teacher:
    """The server; `script` gets every request and how many came before it with the same user message."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Callable[[Asked, int], Answer] = keep_first
        self.n_open = self.n_most_open = 0
        self._lock = threading.Lock()
        teacher = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = Asked(self.path, dict(self.headers), body)
                with teacher._lock:
                    n_before = sum(other.user == asked.user for other in teacher.asked)
                    teacher.asked.append(asked)
                    teacher.n_open += 1
                    teacher.n_most_open = max(teacher.n_most_open, teacher.n_open)
                answer = teacher.script(asked, n_before)
                time.sleep(answer.delay_s)
                with teacher._lock:
                    teacher.n_open -= 1
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                """A client that hung up is what the test is about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Teacher]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Teacher()
    yield server
    server.close()


@pytest.fixture
def completion_of() -> Callable[..., Answer]:
    return completion


@pytest.fixture
def failure_of() -> Callable[..., Answer]:
    return failure


COT = "Gus has 4, so $ Gus = 4 $. Hmm, let me think.\nOla has 5 more, so $ Ola = 4 + 5 = 9 $. Fine."


@pytest.fixture
def trace_file(tmp_path: Path) -> Callable[..., Path]:
    """Write traces `t0`, `t1`, …; a number makes that many that differ in their question alone."""

    def write(cots: int | list[str] = 1) -> Path:
        texts = [COT] * cots if isinstance(cots, int) else cots
        rows = [
            {"id": f"t{i}", "question": f"Question {i}?", "answer": "9", "cot": text} for i, text in enumerate(texts)
        ]
        path = tmp_path / "traces.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def llm_config(teacher: Teacher) -> Callable[..., AnnotateConfig]:
    """A config that asks the scripted teacher and does not wait long."""

    def build(traces: Path, **changes: Any) -> AnnotateConfig:
        llm = {
            "base_url": teacher.base_url, "model": "scripted", "concurrency": 1, "first_wait_s": 0.001,
            "timeout_s": 5.0, "max_attempts": 3, **changes,
        }  # fmt: skip
        return AnnotateConfig(traces=str(traces), annotator="llm", llm=LlmConfig.model_validate(llm))

    return build

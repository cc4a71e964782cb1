"""An OpenAI-compatible server behind a real socket on this machine, scripted by the test."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Answer:
    """What the server sends back, and how."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    length: int | None = None
    """Content-Length, where it lies."""
    is_dropped: bool = False
    """The connection is reset after the body, whatever its length said."""


@dataclass
class Asked:
    """One request that arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The prompt as text; of a chat, its last turn."""
        if "messages" in self.body:
            return str(self.body["messages"][-1]["content"])
        return str(self.body["prompt"])


def completion(text: str, finish: str | None = "stop", **more: Any) -> Answer:
    """A text completion."""
    return Answer(json.dumps({"choices": [{"index": 0, "text": text, "finish_reason": finish, **more}]}).encode())


def chat(content: str | None, finish: str = "stop", **message: Any) -> Answer:
    """A chat completion; `message` may hold a reasoning field."""
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return Answer(json.dumps({"choices": [choice]}).encode())


def failure(status: int, message: str = "no", **headers: str) -> Answer:
    """An error as OpenAI words it."""
    body = json.dumps({"error": {"message": message}}).encode()
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def think(asked: Asked) -> str:
    """The right answer to `What is N + 1?`, thought about."""
    n = int(asked.prompt.split("What is ")[1].split(" + 1")[0])
    return f"<think>\n{n} + 1 = {n + 1}\n</think>\n\nIt is \\boxed{{{n + 1}}}."


class ScriptedServer:
    """The server; `script` gets every post and how many came before it with the same prompt."""

    asked_type: type[Asked] = Asked

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.models: list[str] | None = ["scripted"]
        """What it lists; None has no list."""
        self.script: Callable[[Asked, int], Answer] = lambda asked, _: completion(think(asked))
        self.n_open = self.n_most_open = 0
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if server.models is None:
                    self._send(failure(404, "no list"))
                else:
                    self._send(Answer(json.dumps({"data": [{"id": name} for name in server.models]}).encode()))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = server.asked_type(self.path, dict(self.headers), body)
                with server._lock:
                    n_before = sum(other.prompt == asked.prompt for other in server.asked)
                    server.asked.append(asked)
                    server.n_open += 1
                    server.n_most_open = max(server.n_most_open, server.n_open)
                answer = server.script(asked, n_before)
                time.sleep(answer.delay_s)
                with server._lock:
                    server.n_open -= 1
                self._send(answer)

            def _send(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.is_dropped:
                    self.wfile.flush()
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    self.connection.close()

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
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = ScriptedServer()
    yield running
    running.close()


@pytest.fixture
def answers() -> dict[str, Callable[..., Any]]:
    """The kinds of answers a script may give."""
    return {"completion": completion, "chat": chat, "failure": failure, "think": think, "raw": Answer}

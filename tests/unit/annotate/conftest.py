"""A teacher behind a real socket, scripted by the test, and traces for it to read."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.conftest import Answer, Asked, ScriptedServer, failure

from extracot.annotate.config import AnnotateConfig, LlmConfig


def completion(text: str | None, finish: str = "stop") -> Answer:
    """A chat completion with usage 100 + 10."""
    value = {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }
    return Answer(json.dumps(value).encode())


class Shown(Asked):
    """A request of the annotator, read as a teacher would."""

    @property
    def user(self) -> str:
        """The user message."""
        return self.prompt

    @property
    def question(self) -> str:
        return str(json.loads(self.user.splitlines()[0].removeprefix("Question: ")))

    @property
    def shown(self) -> dict[int, str]:
        """The numbered units."""
        lines = self.user.splitlines()[3:-1]
        return {int(number): json.loads(text) for number, text in (line.split(": ", 1) for line in lines)}


def keep_first(asked: Any, _: int) -> Answer:
    """The polite teacher: keeps the first unit shown."""
    first = min(asked.shown)
    return completion(json.dumps({"keep": [[first, first]]}))


class Teacher(ScriptedServer):
    """A server that reads what the annotator shows."""

    asked_type = Shown

    def __init__(self) -> None:
        super().__init__()
        self.script = keep_first


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

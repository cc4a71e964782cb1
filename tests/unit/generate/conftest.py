"""Configs that ask the scripted server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.generate.config import GenerateConfig


@pytest.fixture
def write_problems(tmp_path: Path) -> Callable[[int], str]:
    """Write so many problems `What is N + 1?`."""

    def write(n: int) -> str:
        path = tmp_path / "problems.jsonl"
        rows = [{"question": f"What is {k} + 1?", "answer": str(k + 1), "level": k} for k in range(n)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write


@pytest.fixture
def server_config(
    server: Any, write_problems: Callable[[int], str], tiny_model_dir: Path
) -> Callable[..., GenerateConfig]:
    """A config that asks the scripted server and does not wait long; keywords change its `server` section."""

    def build(n_problems: int = 5, **changes: Any) -> GenerateConfig:
        section = {
            "base_url": server.base_url, "model": "scripted", "api": "completions", "concurrency": 3,
            "first_wait_s": 0.001, "timeout_s": 5.0, "max_attempts": 3, **changes,
        }  # fmt: skip
        return GenerateConfig.model_validate(
            {
                "problems": write_problems(n_problems),
                "model": str(tiny_model_dir),
                "sampling": {"max_new_tokens": 40, "seed": 1},
                "backend": "openai",
                "server": section,
            }
        )

    return build

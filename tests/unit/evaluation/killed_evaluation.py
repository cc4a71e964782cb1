"""Run as a program: an evaluation that is killed again and again, and then finished (`test_killed.py`).

Every attempt is a process of its own, forked so that it need not import everything anew, and ends by SIGKILL once it
has written some more lines and a moment has passed. Every third time a part of the last line is cut off, as a machine
that loses power leaves it.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.run import run
from extracot.io.run_directory import RunDirectory

LIMIT_S = 60.0


def attempt(values: dict[str, Any], out: Path) -> None:
    """Start the evaluation or go on with it."""
    config = EvaluateConfig.model_validate(values)
    run(config, RunDirectory.open(out, config, "evaluate", resume=True))


def kill_once(values: dict[str, Any], out: Path, generator: random.Random) -> None:
    """Let an attempt write one to three lines or a few more, and kill it."""
    scores = out / "records/scores.jsonl"
    wanted = n_lines(scores) + generator.randint(1, 3)
    child = os.fork()
    if child == 0:
        attempt(values, out)
        os._exit(0)
    deadline_s = time.monotonic() + LIMIT_S
    while n_lines(scores) < wanted:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it could be killed"
        assert time.monotonic() < deadline_s, "it does not get anywhere"
        time.sleep(0.001)
    time.sleep(generator.uniform(0.0, 0.01))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "it ended before it was killed"
    if generator.random() < 1 / 3:
        size, last = scores.stat().st_size, scores.read_bytes().splitlines(keepends=True)[-1]
        os.truncate(scores, size - generator.randint(1, len(last) - 1))


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


if __name__ == "__main__":
    given, target, n_kills = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), int(sys.argv[3])
    attempt({**given, "limit": 1}, target.with_name(f"{target.name}-warm"))  # loads what every attempt then has loaded
    draws = random.Random(0)
    for _ in range(n_kills):
        kill_once(given, target, draws)
    attempt(given, target)

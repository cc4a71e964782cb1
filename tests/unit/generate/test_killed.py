"""The generate stage in a process of its own, killed without warning at random points."""

import importlib.util
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.io.jsonl import read_records
from extracot.records.trace import Trace

PROGRAM = Path(__file__).with_name("killed_run.py")
N_PROBLEMS = 150
LIMIT_S = 300.0


def load_program() -> Any:
    spec = importlib.util.spec_from_file_location("killed_run", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def rows_in(path: Path) -> list[dict[str, Any]]:
    return [trace.model_dump(exclude={"latency_s"}) for trace in read_records(path, Trace)]


@pytest.mark.slow
def test_a_run_killed_several_times_ends_with_the_records_of_an_unkilled_one(
    tmp_path: Path, write_problems: Callable[[int], str], tiny_model_dir: Path
) -> None:
    problems, model, killed = write_problems(N_PROBLEMS), str(tiny_model_dir), tmp_path / "killed"
    traces = killed / "records/traces.jsonl"
    generator = random.Random(0)
    for _ in range(3):
        n_before = n_lines(traces)
        n_more = generator.randrange(1, 60)
        process = subprocess.Popen([sys.executable, str(PROGRAM), problems, model, str(killed)])
        deadline_s = time.monotonic() + LIMIT_S
        while n_lines(traces) < n_before + n_more:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline_s, "it does not get anywhere"
            time.sleep(generator.uniform(0.0, 0.02))
        process.kill()
        assert process.wait(30) == -9
    assert 3 <= n_lines(traces) < 2 * N_PROBLEMS
    assert not (killed / "manifest.json").exists()

    program = load_program()
    finished = program.run_scripted(problems, model, killed, pause_s=0.0)
    whole = program.run_scripted(problems, model, tmp_path / "whole", pause_s=0.0)
    assert rows_in(traces) == rows_in(tmp_path / "whole/records/traces.jsonl")
    assert finished.counts == whole.counts and finished.n_attempts == 4
    # The script was made to end in every way that a model ends in.
    outcomes = Counter(str(row["outcome"]) for row in rows_in(traces))
    assert outcomes.keys() == {"correct", "wrong", "no_answer", "truncated"}

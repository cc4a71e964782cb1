"""An evaluation whose process is killed without warning, a hundred times, at random points."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.io.config import load_config
from extracot.io.jsonl import read_records
from extracot.io.manifest import read_manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.config import PrepareModelConfig
from extracot.models.run import run as prepare_model
from extracot.records.score import Score

PROGRAM = Path(__file__).with_name("killed_evaluation.py")
N_PROBLEMS, N_KILLS = 100, 100


@pytest.mark.slow
def test_a_hundred_kills_at_random_points_leave_the_records_of_an_unkilled_run(
    tmp_path: Path, tiny_model_dir: Path, server: Any, answers: dict[str, Callable[..., Any]]
) -> None:
    knob = load_config(PrepareModelConfig, None, values={"model": str(tiny_model_dir), "grid": [0.2, 1.0]})
    prepare_model(knob, RunDirectory.open(tmp_path / "prepared", knob, "prepare-model"))
    problems = tmp_path / "problems.jsonl"
    rows = [{"question": f"What is {k} + 1?", "answer": str(k + 1 + (k % 5 == 0))} for k in range(N_PROBLEMS)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = {"base_url": server.base_url, "model": "scripted", "api": "completions", "concurrency": 2}
    values = {
        "problems": str(problems), "base_model": str(tiny_model_dir), "samples_per_problem": 2,
        "arms": [{"name": "ours", "model": str(tmp_path / "prepared/model")}],
        "sampling": {"max_new_tokens": 60, "temperature": 0.7}, "backend": "openai", "server": section,
    }  # fmt: skip
    (tmp_path / "values.json").write_text(json.dumps(values))
    # A slow machine may write several lines more before each kill: eight are there for each, at some 12 ms a line.
    generator, longest_s = random.Random(1), [0.05]

    def script(asked: Any, _: int) -> Any:
        """The same answer to the same request, sooner or later; some are cut."""
        server.asked.clear()  # a long list of what was asked is slow to search
        time.sleep(generator.uniform(0.0, longest_s[0]))
        seed = asked.body["seed"]
        text = f"<think>\n{'so ' * (seed % 7)}</think>\n\n" + answers["think"](asked).rpartition("\n")[2]
        return answers["completion"](text, finish="length" if seed % 11 == 0 else "stop")

    server.script = script

    def evaluate(out: Path, n_kills: int) -> list[dict[str, Any]]:
        command = [sys.executable, str(PROGRAM), str(tmp_path / "values.json"), str(out), str(n_kills)]
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
        ended = subprocess.run(command, env=environment, timeout=1200, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr[-3000:]
        scores = read_records(out / "records/scores.jsonl", Score)
        rows = [score.model_dump(exclude={"latency_s"}) for score in scores]
        return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))

    killed = evaluate(tmp_path / "killed", N_KILLS)
    longest_s[0] = 0.0
    whole = evaluate(tmp_path / "whole", 0)
    assert killed == whole
    assert len(whole) == 4 * 2 * N_PROBLEMS  # base, two ratios and policy, two samples
    finished, unkilled = (read_manifest(tmp_path / name / "manifest.json") for name in ("killed", "whole"))
    assert finished.counts == unkilled.counts and finished.summary == unkilled.summary
    assert finished.n_attempts == N_KILLS + 1
    assert {"correct", "wrong", "truncated"} <= finished.counts.keys()

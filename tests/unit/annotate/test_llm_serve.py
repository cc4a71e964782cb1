"""The annotate stage against a real server: `transformers serve` with a tiny random model that replies garbage."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extracot.annotate.run import CALLS, RECORDS, run
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.records.annotation import Annotation
from extracot.records.teacher_call import CallOutcome, TeacherCall

MISSING = [name for name in ("fastapi", "uvicorn", "openai") if importlib.util.find_spec(name) is None]
START_LIMIT_S = 300.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'transformers[serving]'"),
]


@pytest.fixture
def served_model(tmp_path: Path, save_tiny_model: Callable[..., Path]) -> Iterator[tuple[str, str]]:
    """Base URL and model name of a server that is up."""
    folder = save_tiny_model(tmp_path / "tiny")
    (tmp_path / "hub").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from transformers.cli.transformers import main; sys.exit(main())"
    arguments = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with open(tmp_path / "serve.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", code, *arguments, "--dtype", "float32"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        )
        try:
            _wait_until_up(server, port, tmp_path / "serve.log")
            yield f"http://127.0.0.1:{port}/v1", str(folder)
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_up(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s:
        assert server.poll() is None, f"the server ended:\n{log.read_text(errors='replace')[-2000:]}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"no server within {START_LIMIT_S} s:\n{log.read_text(errors='replace')[-2000:]}")


def test_a_random_model_gives_counted_failures_with_their_cost_and_loses_nothing(
    tmp_path: Path, served_model: tuple[str, str], trace_file: Callable[..., Path], llm_config: Callable[..., Any]
) -> None:
    base_url, model = served_model
    config = llm_config(
        trace_file(3), base_url=base_url, model=model, concurrency=2, max_attempts=2, max_tokens=16, timeout_s=120.0,
        prompt_price_per_million=1.0, completion_price_per_million=1.0,
    )  # fmt: skip
    run_dir = RunDirectory.open(tmp_path / "run", config, "annotate")
    manifest = run(config, run_dir)
    records = list(read_records(run_dir.records(RECORDS), Annotation))
    calls = list(read_records(run_dir.records(CALLS), TeacherCall))
    assert [record.trace_id for record in records] == ["t0", "t1", "t2"]
    assert {record.outcome for record in records} == {"failed"}
    assert all(record.error and record.importance == [] for record in records)
    assert manifest.counts["failed"] == 3 and len(calls) == 6
    # The server answered every time, and counted tokens; what it said was of no use.
    assert {call.status for call in calls} == {200}
    assert {call.outcome for call in calls} <= {
        CallOutcome.UNREADABLE, CallOutcome.CUT_OFF, CallOutcome.EMPTY, CallOutcome.KEEPS_NOTHING,
        CallOutcome.OUT_OF_RANGE,
    }  # fmt: skip
    n_tokens = sum((call.n_prompt_tokens or 0) + (call.n_completion_tokens or 0) for call in calls)
    assert n_tokens > 0
    assert manifest.summary["calls_price"] == pytest.approx(n_tokens / 1e6, abs=1e-6)

"""The annotate stage against a real server: `transformers serve` with a tiny random model that replies garbage."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from extracot.annotate.run import CALLS, RECORDS, run
from extracot.errors import StageError
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.records.annotation import Annotation
from extracot.records.teacher_call import CallOutcome, TeacherCall

pytestmark = pytest.mark.slow


@pytest.fixture
def served_model(
    tmp_path: Path,
    save_tiny_model: Callable[..., Path],
    serve_with_transformers: Callable[[Path, Path], AbstractContextManager[str]],
) -> Iterator[tuple[str, str]]:
    """Base URL and model name of a server that is up."""
    folder = save_tiny_model(tmp_path / "tiny")
    with serve_with_transformers(folder, tmp_path) as base_url:
        yield base_url, str(folder)


def test_a_random_model_gives_counted_failures_with_their_cost_and_loses_nothing(
    tmp_path: Path, served_model: tuple[str, str], trace_file: Callable[..., Path], llm_config: Callable[..., Any]
) -> None:
    base_url, model = served_model
    config = llm_config(
        trace_file(3), base_url=base_url, model=model, concurrency=2, max_attempts=2, max_tokens=16, timeout_s=120.0,
        prompt_price_per_million=1.0, completion_price_per_million=1.0,
    )  # fmt: skip
    run_dir = RunDirectory.open(tmp_path / "run", config, "annotate")
    with pytest.raises(StageError, match="none of 3 traces could be annotated"):
        run(config, run_dir)
    records = list(read_records(run_dir.records(RECORDS), Annotation))
    calls = list(read_records(run_dir.records(CALLS), TeacherCall))
    assert [record.trace_id for record in records] == ["t0", "t1", "t2"]
    assert {record.outcome for record in records} == {"failed"}
    assert all(record.error and record.importance == [] for record in records)
    assert len(calls) == 6
    # The server answered every time, and counted tokens; what it said was of no use.
    assert {call.status for call in calls} == {200}
    assert {call.outcome for call in calls} <= {
        CallOutcome.UNREADABLE, CallOutcome.CUT_OFF, CallOutcome.EMPTY, CallOutcome.KEEPS_NOTHING,
        CallOutcome.OUT_OF_RANGE,
    }  # fmt: skip
    n_tokens = sum((call.n_prompt_tokens or 0) + (call.n_completion_tokens or 0) for call in calls)
    assert n_tokens > 0
    assert sum(call.price or 0.0 for call in calls) == pytest.approx(n_tokens / 1e6, abs=1e-6)

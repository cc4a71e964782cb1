"""Several processes give what one gives."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from tests.unit.compressor.conftest import COT, QUESTION

from extracot.compressor.config import CompressConfig
from extracot.compressor.progress import Progress
from extracot.compressor.run import run
from extracot.compressor.workers import batched, cut_batches
from extracot.errors import DataError, ModelError, StageError
from extracot.io.config import load_config
from extracot.io.run_directory import RunDirectory
from extracot.records.trace import iterate_traces


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    rows = [{"id": f"t{i}", "question": QUESTION, "cot": f"{COT} " * (i % 4), "answer": "9"} for i in range(13)]
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def config_for(traces: Path, tokenizer: Path | str, **values: object) -> CompressConfig:
    given = {"traces": str(traces), "scorer": "slice", "ratios": [0.3, 0.7], "scores": True, "batch_size": 2}
    return load_config(CompressConfig, None, values={**given, "tokenizer": str(tokenizer), **values})


def lines_of(run_dir: RunDirectory) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((run_dir.path / "records").iterdir())]


def compress(out: Path, config: CompressConfig, resume: bool = False) -> RunDirectory:
    run_dir = RunDirectory.open(out, config, "compress", resume=resume)
    run(config, run_dir)
    return run_dir


def test_workers_write_the_same_and_a_killed_run_of_theirs_resumes_to_the_same(
    traces: Path, tmp_path: Path, tiny_model_dir: Path
) -> None:
    one = compress(tmp_path / "one", config_for(traces, tiny_model_dir))
    assert one.manifest.counts == {"ok": 18, "failed": 8}  # every fourth chain of thought is empty
    config = config_for(traces, tiny_model_dir, workers=2)
    # What a kill leaves: some records, a torn line, scores that are one trace ahead.
    killed = RunDirectory.open(tmp_path / "two", config, "compress")
    records, scores = (text.splitlines(keepends=True) for text in lines_of(one))
    killed.records("compressions.jsonl").write_text("".join(records[:7]) + records[7][:30])
    killed.records("unit-scores.jsonl").write_text("".join(scores[:5]))
    two = compress(tmp_path / "two", config, resume=True)
    assert lines_of(two) == lines_of(one)
    assert two.manifest.counts == one.manifest.counts
    assert two.manifest.summary == one.manifest.summary
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_what_is_wrong_with_a_model_is_said_by_the_workers_too(traces: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    config = config_for(traces, tmp_path / "empty", workers=2)
    with pytest.raises(ModelError, match="empty holds no model: config.json is missing"):
        list(cut_batches(batched(iterate_traces(traces), 2), config))


@pytest.mark.slow
def test_a_worker_that_dies_is_one_clear_error(tmp_path: Path, tiny_model_dir: Path) -> None:
    rows = [{"id": f"t{i}", "question": QUESTION, "cot": f"{COT} " * 150, "answer": "9"} for i in range(12)]
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = cut_batches(batched(iterate_traces(path), 1), config_for(path, tiny_model_dir, workers=2))
    next(results)
    for child in multiprocessing.active_children():
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(StageError, match=r"a worker process died( \(exit code -9\))?, .*fewer workers"):
        list(results)
    assert not multiprocessing.active_children()


def test_batches_read_no_further_than_they_give() -> None:
    read = []

    def items():  # type: ignore[no-untyped-def]
        for item in range(5):
            read.append(item)
            yield item
        raise DataError("line 6 is broken")

    batches = batched(items(), 2)
    assert next(batches) == [0, 1] and read == [0, 1]
    assert next(batches) == [2, 3]
    assert next(batches) == [4]  # what was read before the broken line is not lost
    with pytest.raises(DataError, match="line 6"):
        next(batches)


def test_progress_tells_the_rate_and_the_time_left_where_the_size_is_known() -> None:
    said: list[str] = []
    times = iter([0.0, 5.0, 20.0, 0.0, 10.0])
    progress = Progress(said.append, 4000, clock=lambda: next(times))
    progress.advance(10)  # too early to say anything
    progress.advance(10)
    Progress(said.append, None, clock=lambda: next(times)).advance(5)
    assert said == [
        "compressed 20 of 4000 traces, 1.0 a second, 1 h 06 min left",  # 3980 s
        "compressed 5 traces, 0.5 a second",
    ]


@pytest.mark.slow
def test_workers_too_cut_what_stands_before_a_broken_line(traces: Path, tiny_model_dir: Path) -> None:
    with open(traces, "a", encoding="utf-8") as file:
        file.write('{"question": "?"}\n')
    results = cut_batches(batched(iterate_traces(traces), 2), config_for(traces, tiny_model_dir, workers=2))
    seen: list[str] = []
    with pytest.raises(DataError, match="traces.jsonl:14: needs a text under 'cot'"):
        for batch in results:
            seen += [cuts.records[0].trace_id for cuts in batch]
    assert seen == [f"t{number}" for number in range(13)]

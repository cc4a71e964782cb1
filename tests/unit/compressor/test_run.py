"""The `compress` stage: streaming, resumable, and bad traces are counted."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.compressor.conftest import COT, QUESTION

from extracot.compressor.config import CompressConfig
from extracot.compressor.run import run
from extracot.io.config import load_config
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Two foreign rows, and between them one of ours in which the model did not think."""
    rows = [
        {"id": "a", "question": QUESTION, "cot": COT, "answer": "9"},
        Trace(
            id="b",
            problem_id="p",
            question=QUESTION,
            answer="9",
            level=None,
            cot="",
            response="9",
            model="m",
            outcome=Outcome.CORRECT,
            is_closed=True,
            n_think_tokens=0,
            n_tokens=2,
            latency_s=None,
        ).model_dump(mode="json"),
        {"id": "c", "question": "?", "cot": "So $x=1$. Then $y=2$. Done.", "answer": 2},
    ]
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def compress(
    traces: Path, out: Path, tokenizer: Path, *, resume: bool = False, **values: Any
) -> RunDirectory:
    config = load_config(
        CompressConfig,
        None,
        values={
            "traces": str(traces),
            "scorer": "slice",
            "ratios": [0.3, 1.0],
            "tokenizer": str(tokenizer),
            **values,
        },
    )
    run_dir = RunDirectory.open(out, config, "compress", resume=resume)
    run(config, run_dir)
    return run_dir


def records_of(run_dir: RunDirectory) -> list[Compression]:
    return list(read_records(run_dir.records("compressions.jsonl"), Compression))


def test_every_trace_at_every_ratio_and_a_bad_one_is_counted(
    traces: Path, tmp_path: Path, tiny_model_dir: Path
) -> None:
    run_dir = compress(traces, tmp_path / "run", tiny_model_dir)
    records = records_of(run_dir)
    assert [(r.trace_id, r.target_ratio, r.outcome) for r in records] == [
        ("a", 0.3, "ok"),
        ("a", 1.0, "ok"),
        ("b", 0.3, "failed"),
        ("b", 1.0, "failed"),
        ("c", 0.3, "ok"),
        ("c", 1.0, "ok"),
    ]
    assert records[2].error == "the chain of thought is empty"
    assert records[1].text == COT
    assert run_dir.manifest.counts == {"ok": 4, "failed": 2}
    assert run_dir.manifest.summary["actual_ratio@1"] == 1.0
    assert run_dir.manifest.outputs[0].n_rows == 6


@pytest.mark.parametrize("n_lines", [0, 1, 2, 3])
def test_a_killed_run_resumes_to_the_same_records(
    n_lines: int, traces: Path, tmp_path: Path, tiny_model_dir: Path
) -> None:
    whole = compress(traces, tmp_path / "whole", tiny_model_dir)
    broken = compress(traces, tmp_path / "broken", tiny_model_dir)
    path = broken.records("compressions.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:n_lines]) + lines[n_lines][:20])  # killed in the middle of a line
    (broken.path / "manifest.json").unlink()
    resumed = compress(traces, tmp_path / "broken", tiny_model_dir, resume=True)
    assert records_of(resumed) == records_of(whole)
    assert resumed.manifest.counts == whole.manifest.counts
    assert resumed.manifest.summary == whole.manifest.summary


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_line_stops_nothing_and_is_made_up_for_once_it_is_mended(
    workers: int, traces: Path, tmp_path: Path, tiny_model_dir: Path
) -> None:
    first, second, third = traces.read_text().splitlines(keepends=True)
    traces.write_text(first + second[:30] + "\n" + third)
    run_dir = compress(traces, tmp_path / "run", tiny_model_dir, batch_size=1, workers=workers)
    bad = f"{traces}:2"
    assert [(r.trace_id, r.outcome) for r in records_of(run_dir)] == [
        (trace_id, "failed" if trace_id == bad else "ok") for trace_id in ("a", bad, "c") for _ in range(2)
    ]
    (run_dir.path / "manifest.json").unlink()
    traces.write_text(first + second + third)
    mended = compress(traces, tmp_path / "run", tiny_model_dir, batch_size=1, workers=workers, resume=True)
    assert [r.trace_id for r in records_of(mended)] == ["a", "a", bad, bad, "c", "c", "b", "b"]


def test_a_finished_run_is_left_alone(traces: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    first = compress(traces, tmp_path / "run", tiny_model_dir)
    again = compress(traces, tmp_path / "run", tiny_model_dir, resume=True)
    assert again.manifest == first.manifest


def test_batches_do_not_change_results(traces: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    one = compress(traces, tmp_path / "one", tiny_model_dir, batch_size=1, scorer="random")
    many = compress(traces, tmp_path / "many", tiny_model_dir, batch_size=9, scorer="random")
    assert records_of(one) == records_of(many)


def test_limit_stops_reading(traces: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    run_dir = compress(traces, tmp_path / "run", tiny_model_dir, limit=1)
    assert {record.trace_id for record in records_of(run_dir)} == {"a"}


def test_the_generic_baseline_and_a_trained_compressor_run_too(
    traces: Path, tmp_path: Path, tiny_model_dir: Path, tiny_compressor_dir: Path
) -> None:
    generic = compress(traces, tmp_path / "generic", tiny_model_dir, scorer="generic", device="cpu")
    encoder = compress(
        traces,
        tmp_path / "encoder",
        tiny_model_dir,
        scorer="encoder",
        compressor=str(tiny_compressor_dir),
        device="cpu",
    )
    assert generic.manifest.counts == encoder.manifest.counts == {"ok": 4, "failed": 2}
    assert {record.scorer for record in records_of(generic)} == {"generic"}
    assert len(encoder.manifest.inputs) == 2


def test_hiding_the_question_changes_what_is_kept(traces: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    seeing = compress(traces, tmp_path / "seeing", tiny_model_dir, limit=1)
    blind = compress(traces, tmp_path / "blind", tiny_model_dir, limit=1, with_question=False)
    assert all(record.outcome == "ok" for record in [*records_of(seeing), *records_of(blind)])

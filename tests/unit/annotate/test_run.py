import json
from itertools import islice
from pathlib import Path

import pytest

from extracot.annotate.config import AnnotateConfig
from extracot.annotate.run import run
from extracot.errors import ConfigError
from extracot.io.config import load_config
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.records.annotation import Annotation
from extracot.toy.world import sample_problems


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Four toy traces, and a fifth that never states its answer."""
    rows = [
        {"id": f"t{i}", "question": p.question, "answer": str(p.answer), 
         "cot": p.chain_of_thought(), "response": p.response()}
        for i, p in enumerate(islice(sample_problems("train", seed=3), 4))
    ]  # fmt: skip
    rows.append({"id": "t4", "question": "How many?", "answer": "7", "cot": "I do not know."})
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def annotations_of(run_dir: RunDirectory) -> list[Annotation]:
    return list(read_records(run_dir.records("annotations.jsonl"), Annotation))


def test_every_trace_gets_one_annotation_and_failures_are_counted(tmp_path: Path, traces: Path) -> None:
    config = AnnotateConfig(traces=str(traces))
    run_dir = RunDirectory.open(tmp_path / "run", config, "annotate")
    manifest = run(config, run_dir)
    assert manifest.counts == {"ok": 4, "failed": 1}
    records = annotations_of(run_dir)
    assert [record.trace_id for record in records] == ["t0", "t1", "t2", "t3", "t4"]
    assert records[4].outcome == "failed" and "leads to the answer '7'" in (records[4].error or "")
    assert all(max(record.importance) == 1.0 for record in records[:4])
    keep_rate = manifest.summary["needed_chars"]
    assert isinstance(keep_rate, float) and 0 < keep_rate < 0.5
    assert manifest.summary["cost_n_traces"] == 5


def test_a_killed_run_resumes_to_the_same_records(tmp_path: Path, traces: Path) -> None:
    config = AnnotateConfig(traces=str(traces))
    whole = RunDirectory.open(tmp_path / "whole", config, "annotate")
    run(config, whole)
    lines = whole.records("annotations.jsonl").read_text().splitlines(keepends=True)

    killed = RunDirectory.open(tmp_path / "killed", config, "annotate")
    killed.records("annotations.jsonl").write_text("".join(lines[:2]) + lines[2][:30])
    resumed = RunDirectory.open(tmp_path / "killed", config, "annotate", resume=True)
    manifest = run(config, resumed)
    assert resumed.records("annotations.jsonl").read_text() == "".join(lines)
    assert manifest.counts == {"ok": 4, "failed": 1}
    assert manifest.summary["cost_n_traces"] == 3


def test_a_limit_takes_the_first_traces(tmp_path: Path, traces: Path) -> None:
    config = AnnotateConfig(traces=str(traces), limit=2, prose="word")
    run_dir = RunDirectory.open(tmp_path / "run", config, "annotate")
    run(config, run_dir)
    assert [record.trace_id for record in annotations_of(run_dir)] == ["t0", "t1"]


def test_a_model_goes_with_attribution_only() -> None:
    with pytest.raises(ValueError, match="needs a language model"):
        AnnotateConfig(traces="t.jsonl", annotator="attribution")
    with pytest.raises(ValueError, match="uses no model"):
        AnnotateConfig(traces="t.jsonl", model="toy")
    assert issubclass(ConfigError, ValueError)


def test_discounted_checks_are_in_the_records(tmp_path: Path, traces: Path) -> None:
    plain, discounted = (
        RunDirectory.open(tmp_path / name, AnnotateConfig(traces=str(traces), discount_checks=flag), "annotate")
        for name, flag in (("plain", False), ("discounted", True))
    )
    run(AnnotateConfig(traces=str(traces)), plain)
    run(AnnotateConfig(traces=str(traces), discount_checks=True), discounted)
    for before, after in zip(annotations_of(plain)[:4], annotations_of(discounted)[:4], strict=True):
        assert after.importance[-1] == 0 or after.importance[-1] == 1  # the trace ends in checks or its answer
        assert [value == 1 for value in before.importance] == [value == 1 for value in after.importance]


def test_only_slicing_can_discount_checks() -> None:
    values = {"traces": "t.jsonl", "annotator": "attribution", "model": "toy", "discount_checks": True}
    with pytest.raises(ConfigError, match="discount_checks"):
        load_config(AnnotateConfig, None, values=values)

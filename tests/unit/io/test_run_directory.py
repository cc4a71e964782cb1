import gzip
import hashlib
import json
from pathlib import Path
from typing import ClassVar

import pytest

from extracot.errors import DataError, ExtracotError, MissingFileError, RunDirectoryError
from extracot.io.config import StageConfig, load_config
from extracot.io.manifest import changed_paths, digest_path, read_manifest
from extracot.io.run_directory import RunDirectory


class SampleConfig(StageConfig):
    limit: int | None = None
    name: str = "x"


class ServedConfig(SampleConfig):
    free_on_resume: ClassVar[frozenset[str]] = frozenset({"url"})
    url: str = "http://a"


class PartsConfig(SampleConfig):
    resumes_part_by_part: ClassVar[bool] = True


def finish(run_dir: RunDirectory) -> None:
    run_dir.finish(inputs=[], outputs=[], counts={}, seeds={})


def test_a_new_run_writes_its_config_with_nulls(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "a" / "run", SampleConfig(), "sample")
    assert json.loads((run_dir.path / "config.json").read_text()) == {
        "stage": "sample",
        "limit": None,
        "name": "x",
    }
    assert (run_dir.path / "logs" / "attempt-1.log").exists()
    assert not run_dir.is_complete


def test_the_config_of_a_run_can_be_given_again(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(limit=4), "sample")
    again = load_config(SampleConfig, str(run_dir.path / "config.json"), stage="sample")
    assert again == SampleConfig(limit=4)


def test_the_manifest_pins_inputs_and_outputs(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(b'{"a": 1}\n\n{"a": 2}\n'))
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "sub" / "w").write_bytes(b"w")
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    run_dir.records("out.jsonl").write_text('{"b": 1}\n')
    written = run_dir.finish(
        inputs=[source, model],
        outputs=[run_dir.records("out.jsonl")],
        counts={"ok": 1},
        seeds={"sampling": 7},
        accuracy=0.5,
        loss=float("nan"),
        best="a",
    )
    manifest = read_manifest(run_dir.path / "manifest.json")
    assert manifest == written
    assert run_dir.is_complete
    assert run_dir.manifest == written
    assert [(item.path, item.n_rows) for item in manifest.inputs] == [(str(source), 2), (str(model), None)]
    assert manifest.outputs[0].path == "records/out.jsonl"
    assert manifest.outputs[0].sha256 == hashlib.sha256(b'{"b": 1}\n').hexdigest()
    assert manifest.summary == {"accuracy": 0.5, "loss": None, "best": "a"}
    assert manifest.versions["python"].startswith("3.")
    assert manifest.duration_s >= 0 and manifest.n_attempts == 1


def test_a_changed_or_missing_input_is_noticed(tmp_path: Path) -> None:
    kept, changed, gone = (tmp_path / name for name in ("kept", "changed", "gone"))
    for path in (kept, changed, gone):
        path.write_text("before")
    digests = [digest_path(path, relative_to=tmp_path) for path in (kept, changed, gone)]
    changed.write_text("after")
    gone.unlink()
    assert changed_paths(digests, relative_to=tmp_path) == ["changed", "gone"]


def test_an_input_that_is_not_there_cannot_be_finished(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    with pytest.raises(MissingFileError):
        run_dir.finish(inputs=[tmp_path / "no"], outputs=[], counts={}, seeds={})
    assert not (run_dir.path / "manifest.json").exists()


def test_an_existing_run_is_touched_only_when_told(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    with pytest.raises(RunDirectoryError, match="already holds an unfinished run of sample; use --resume"):
        RunDirectory.open(run_dir.path, SampleConfig(), "sample")
    finish(run_dir)
    with pytest.raises(RunDirectoryError, match="already holds a finished run of sample"):
        RunDirectory.open(run_dir.path, SampleConfig(), "sample")


def test_a_resume_starts_a_log_of_its_own_and_keeps_records(tmp_path: Path) -> None:
    first = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    first.log("one")
    first.records("a.jsonl").write_text("{}\n")
    second = RunDirectory.open(first.path, SampleConfig(), "sample", resume=True)
    second.log("two")
    assert "one" in (first.path / "logs/attempt-1.log").read_text()
    assert "two" not in (first.path / "logs/attempt-1.log").read_text()
    assert "two" in (first.path / "logs/attempt-2.log").read_text()
    assert second.records("a.jsonl").read_text() == "{}\n"
    assert second.finish([], [], {}, {}).n_attempts == 2


def test_resuming_a_finished_run_of_the_same_config_changes_nothing(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    finish(run_dir)
    before = {path: path.stat().st_mtime_ns for path in run_dir.path.rglob("*")}
    again = RunDirectory.open(run_dir.path, SampleConfig(), "sample", resume=True)
    assert again.is_complete
    assert again.manifest.stage == "sample"
    assert {path: path.stat().st_mtime_ns for path in run_dir.path.rglob("*")} == before


@pytest.mark.parametrize("is_finished", [False, True])
def test_resuming_with_another_config_names_the_keys(tmp_path: Path, is_finished: bool) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(limit=1), "sample")
    if is_finished:
        finish(run_dir)
    with pytest.raises(RunDirectoryError, match=r"another config \(limit: 1 -> 2\)"):
        RunDirectory.open(run_dir.path, SampleConfig(limit=2), "sample", resume=True)
    with pytest.raises(RunDirectoryError, match="holds a run of sample, not of other"):
        RunDirectory.open(run_dir.path, SampleConfig(limit=1), "other", resume=True)


def test_a_resume_may_change_what_no_record_depends_on_and_the_log_says_so(tmp_path: Path) -> None:
    path = RunDirectory.open(tmp_path / "run", ServedConfig(), "sample").path
    again = RunDirectory.open(path, ServedConfig(url="http://b"), "sample", resume=True)
    assert json.loads((path / "config.json").read_text())["url"] == "http://b"
    assert 'url: "http://a" -> "http://b"' in (path / "logs/attempt-2.log").read_text()
    finish(again)
    assert RunDirectory.open(path, ServedConfig(url="http://c"), "sample", resume=True).is_complete
    with pytest.raises(RunDirectoryError, match=r"another config \(limit: null -> 2\)"):
        RunDirectory.open(path, ServedConfig(url="http://c", limit=2), "sample", resume=True)


def test_a_run_made_of_runs_resumes_with_another_config_and_goes_through_its_parts(tmp_path: Path) -> None:
    finish(RunDirectory.open(tmp_path / "run", PartsConfig(limit=1), "parts"))
    again = RunDirectory.open(tmp_path / "run", PartsConfig(limit=2), "parts", resume=True)
    assert not again.is_complete
    assert json.loads((again.path / "config.json").read_text())["limit"] == 2


def test_overwrite_leaves_nothing_of_the_earlier_run(tmp_path: Path) -> None:
    first = RunDirectory.open(tmp_path / "run", SampleConfig(limit=1), "sample")
    first.records("a.jsonl").write_text("{}\n")
    (first.checkpoints / "step-1").mkdir()
    first.metrics(1, loss=1.0)
    finish(first)
    second = RunDirectory.open(first.path, SampleConfig(limit=2), "sample", overwrite=True)
    assert not second.is_complete
    assert sorted(item.relative_to(second.path).as_posix() for item in second.path.rglob("*")) == [
        "config.json",
        "logs",
        "logs/attempt-1.log",
        "records",
    ]


@pytest.mark.parametrize("flags", [{}, {"resume": True}, {"overwrite": True}])
def test_a_folder_that_is_not_ours_is_never_touched(tmp_path: Path, flags: dict[str, bool]) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunDirectoryError, match="is no run directory"):
        RunDirectory.open(tmp_path, SampleConfig(), "sample", **flags)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way_is_a_run_directory_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match="is a file"):
        RunDirectory.open(tmp_path / "file", SampleConfig(), "sample")
    with pytest.raises(RunDirectoryError, match="cannot be used"):
        RunDirectory.open(tmp_path / "file" / "below", SampleConfig(), "sample")


def test_metrics_are_one_line_a_step_and_nan_becomes_null(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    run_dir.metrics(10, **{"reward/total": 0.5, "loss": float("nan"), "kl": None})
    run_dir.metrics(20, loss=1)
    lines = (run_dir.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 10, "reward/total": 0.5, "loss": None, "kl": None},
        {"step": 20, "loss": 1},
    ]


def test_a_log_goes_to_stderr_and_not_to_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", SampleConfig(), "sample")
    run_dir.log("hello")
    run_dir.log_quietly("secret")
    said = capsys.readouterr()
    assert said.out == "" and said.err == "hello\n"


def test_a_broken_manifest_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"format": "extracot.manifest/2"}')
    with pytest.raises(DataError, match="has format 'extracot.manifest/2'; this version reads 'extracot.manifest/1'"):
        read_manifest(path)
    assert issubclass(DataError, ExtracotError)

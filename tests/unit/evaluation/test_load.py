"""Timing under load: what is counted, how many requests are under way, and what a resume measures."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import ConfigError
from extracot.evaluation.load.config import MeasureLoadConfig
from extracot.evaluation.load.figures import load_figures, render_csv, render_markdown, render_plain
from extracot.evaluation.load.run import plan, run
from extracot.io.config import is_free_on_resume, load_config
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.records.load import Load, TimedRequest


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def load_of(latencies: list[float | None], duration_s: float) -> Load:
    requests = tuple(
        TimedRequest(problem_id=f"p-{index}", latency_s=latency, n_tokens=0 if latency is None else 10)
        for index, latency in enumerate(latencies)
    )
    return Load(
        arm="ours", mode="fixed", target_ratio=0.2, backend="transformers", concurrency=4, requests_per_minute=None,
        n_warmup=2, duration_s=duration_s, requests=requests,
    )  # fmt: skip


def test_figures_by_hand() -> None:
    # Latencies 1, 2, ..., 101: the q-quantile is 1 + 100 q. 101 done of 102 in 50.5 s, 10 tokens each.
    figures = load_figures(load_of([float(n) for n in range(1, 102)] + [None], 50.5))
    assert (figures.p50_s, figures.p90_s, figures.p95_s, figures.p99_s) == pytest.approx((51, 91, 96, 100))
    assert (figures.requests_per_s, figures.tokens_per_s, figures.mean_tokens) == pytest.approx((2, 20, 10))
    assert (figures.n_requests, figures.n_failed, figures.mean_s) == (102, 1, 51)


def test_a_load_of_failures_has_no_latency_and_is_shown() -> None:
    load = load_of([None, None], 1.0)
    figures = load_figures(load)
    assert figures.p50_s is None and figures.requests_per_s == 0 and figures.n_failed == 2
    assert "–" in render_plain([load]) and "2 requests before each" in render_markdown([load])
    (row,) = csv.DictReader(io.StringIO(render_csv([load])))
    assert (row["arm"], row["concurrency"], row["p50_s"], row["n_failed"]) == ("ours", "4", "", "2")


@pytest.fixture
def config(tiny_model_dir: Path, problems: Path, server: Any, tmp_path: Path) -> MeasureLoadConfig:
    """The config of an evaluation with a server, as its run would keep it, and a load."""
    section = {"base_url": server.base_url, "model": "scripted", "api": "completions", "max_attempts": 5}
    values = {
        "stage": "evaluate", "problems": str(problems), "base_model": str(tiny_model_dir), "backend": "openai",
        "server": section, "sampling": {"max_new_tokens": 60},
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(values))
    overrides = ["concurrency=[1,4]", "warmup_requests=2"]
    return load_config(MeasureLoadConfig, str(path), overrides, stage="measure-load", also_of="evaluate")


def test_a_server_has_as_many_requests_as_is_said_and_the_warm_up_does_not_count(
    config: MeasureLoadConfig, server: Any, answers: dict[str, Callable[..., Any]], tmp_path: Path
) -> None:
    open_at_once: dict[int, int] = {}

    def script(asked: Any, _: int) -> Any:
        n_before = len(server.asked)
        open_at_once[n_before] = server.n_open
        answer = answers["failure"](500) if "7 + 1" in asked.prompt else answers["completion"](answers["think"](asked))
        answer.delay_s = 0.05
        return answer

    server.script = script
    assert "12 requests, 1, 4 at once, after 2 that do not count" in plan(config)
    run_dir = RunDirectory.open(tmp_path / "run", config, "measure-load")
    manifest = run(config, run_dir)
    one, four = read_records(run_dir.records("loads.jsonl"), Load)
    assert (one.concurrency, four.concurrency) == (1, 4)
    assert len(one.requests) == len(four.requests) == 12 and len(server.asked) == 2 * (12 + 2)
    assert max(n_open for n_asked, n_open in open_at_once.items() if n_asked <= 14) == 1
    assert 1 < max(open_at_once.values()) <= 4  # all four at the same instant is a matter of luck
    # A failure is asked once and counted, and nothing else is lost.
    assert [request.error is not None for request in four.requests].count(True) == 1
    assert manifest.counts == {"loads": 2, "failed": 2}
    assert manifest.summary["concurrency"] == "1, 4" and manifest.summary["backend"] == one.backend
    assert all((request.latency_s or 1) >= 0.05 for request in four.requests)
    assert one.duration_s >= 12 * 0.05
    assert "p99 s" in (tmp_path / "run/table.md").read_text()


def test_a_resume_measures_what_is_missing(config: MeasureLoadConfig, server: Any, tmp_path: Path) -> None:
    run(config, RunDirectory.open(tmp_path / "run", config, "measure-load"))
    loads = tmp_path / "run/records/loads.jsonl"
    first, second = loads.read_text().splitlines(keepends=True)
    loads.write_text(first + second[:50])
    (tmp_path / "run/manifest.json").unlink()
    server.asked.clear()
    run(config, RunDirectory.open(tmp_path / "run", config, "measure-load", resume=True))
    assert loads.read_text().startswith(first) and len(server.asked) == 12 + 2


def test_a_model_in_this_process_is_timed_batch_by_batch_and_controls_are_left_out(
    tiny_model_dir: Path, problems: Path, tmp_path: Path
) -> None:
    values = {
        "problems": str(problems), "base_model": str(tiny_model_dir), "sampling": {"max_new_tokens": 3}, "limit": 5,
        "concurrency": [2], "warmup_requests": 0, "controls": [{"kind": "head", "ratios": [0.5]}],
    }  # fmt: skip
    config = MeasureLoadConfig.model_validate(values)
    run_dir = RunDirectory.open(tmp_path / "run", config, "measure-load")
    run(config, run_dir)
    (load,) = read_records(run_dir.records("loads.jsonl"), Load)
    assert "base" in plan(config) and "head" not in plan(config)
    assert (load.arm, load.backend, load.n_warmup, len(load.requests)) == ("base", "transformers", 0, 5)
    assert all(request.latency_s and 1 <= request.n_tokens <= 3 for request in load.requests)


@pytest.mark.parametrize(
    ("concurrency", "message"),
    [("[]", "at least 1 item"), ("[0]", "outside of 1 to 1024"), ("[4,4]", "lists a number twice")],
)
def test_a_load_that_cannot_be_meant_is_refused(concurrency: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(MeasureLoadConfig, None, ["problems=toy", "base_model=toy", f"concurrency={concurrency}"])


def test_a_resume_may_find_the_server_elsewhere_but_not_ask_it_faster(config: MeasureLoadConfig) -> None:
    assert is_free_on_resume("server.base_url", config) and is_free_on_resume("arms.0.server.base_url", config)
    for key in ("server.requests_per_minute", "server.timeout_s", "server.concurrency", "concurrency"):
        assert not is_free_on_resume(key, config), key

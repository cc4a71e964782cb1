"""The evaluate stage with a tiny random model: its answers are noise, its bookkeeping is not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import ConfigError, DataError, StageError
from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.run import plan, resolve_arms, run
from extracot.io.config import load_config
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.models.config import PrepareModelConfig
from extracot.models.run import run as prepare_model
from extracot.records.score import Score


@pytest.fixture(scope="module")
def prepared(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with control tokens for two ratios and a system prompt."""
    values = {"model": str(tiny_model_dir), "grid": [0.2, 1.0], "prompt_format": {"system": "Be brief."}}
    config = load_config(PrepareModelConfig, None, values=values)
    folder = tmp_path_factory.mktemp("prepared") / "run"
    prepare_model(config, RunDirectory.open(folder, config, "prepare-model"))
    return folder / "model"


def config_for(base: Path, model: Path, problems: Path, **arm: object) -> EvaluateConfig:
    return EvaluateConfig.model_validate(
        {
            "problems": str(problems),
            "base_model": str(base),
            "arms": [{"name": "ours", "model": str(model), **arm}],
            "sampling": {"max_new_tokens": 6},
            "limit": 3,
        }
    )


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    """Four problems, of which a limit keeps three."""
    path = tmp_path / "problems.jsonl"
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_run_scores_base_every_ratio_and_policy(
    tiny_model_dir: Path, prepared: Path, problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_for(tiny_model_dir, prepared, problems)
    run_dir = RunDirectory.open(tmp_path / "run", config, "evaluate")
    manifest = run(config, run_dir)
    scores = list(read_records(run_dir.records("scores.jsonl"), Score))
    asked = [(score.arm, score.mode, score.target_ratio) for score in scores[::3]]
    assert asked == [
        ("base", "base", None),
        ("ours", "fixed", 0.2),
        ("ours", "fixed", 1.0),
        ("ours", "policy", None),
    ]
    assert manifest.counts["scores"] == len(scores) == 12
    assert {"base_accuracy", "ours_accuracy", "ours_saving"} <= set(manifest.summary)
    assert len(manifest.inputs) == 3  # the problems and two models
    assert [output.path for output in manifest.outputs] == ["records/scores.jsonl", "records/problems.jsonl"]
    assert "policy" in capsys.readouterr().out
    finished = RunDirectory.open(tmp_path / "run", config, "evaluate", resume=True)
    assert run(config, finished) == manifest


def test_the_base_model_is_prompted_like_the_first_prepared_arm(
    tiny_model_dir: Path, prepared: Path, problems: Path
) -> None:
    config = config_for(tiny_model_dir, prepared, problems, modes=["policy"])
    assert [arm.prompt_format.system for arm in resolve_arms(config)] == ["Be brief.", "Be brief."]
    assert "ours" in plan(config) and "policy" in plan(config)


def test_a_ratio_outside_of_the_grid_is_refused_before_anything_runs(
    tiny_model_dir: Path, prepared: Path, problems: Path
) -> None:
    with pytest.raises(ConfigError, match="grid of .* is 0.2, 1.0"):
        resolve_arms(config_for(tiny_model_dir, prepared, problems, modes=[0.5]))


def test_a_model_without_control_tokens_can_only_be_asked_without(
    tiny_model_dir: Path, problems: Path
) -> None:
    with pytest.raises(ConfigError, match="prepare-model"):
        resolve_arms(config_for(tiny_model_dir, tiny_model_dir, problems, modes=["policy"]))
    arms = resolve_arms(config_for(tiny_model_dir, tiny_model_dir, problems))
    assert [mode.key.mode for mode in arms[1].modes] == ["base"]


def test_arms_may_be_asked_behind_servers_of_their_own(
    tiny_model_dir: Path,
    prepared: Path,
    problems: Path,
    tmp_path: Path,
    server: Any,
    answers: dict[str, Callable[..., Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def script(asked: Any, _: int) -> Any:
        control = "<COMP_20>\n" if "<COMP_20>" in asked.prompt else ""
        return answers["completion"](control + answers["think"](asked))

    server.script = script
    own = {"base_url": server.base_url, "model": "ours", "api": "completions"}
    values = config_for(tiny_model_dir, prepared, problems, modes=[0.2]).model_dump()
    values |= {"backend": "openai", "server": {**own, "model": "base"}}
    values["arms"][0]["server"] = own
    values["sampling"]["max_new_tokens"] = 60
    config = EvaluateConfig.model_validate(values)
    assert server.base_url not in config.input_paths() and "ours" not in config.input_paths()
    run_dir = RunDirectory.open(tmp_path / "run", config, "evaluate")
    run(config, run_dir)
    scores = list(read_records(run_dir.records("scores.jsonl"), Score))
    assert [(score.arm, score.outcome.value, score.chosen_ratio) for score in scores] == (
        [("base", "correct", None)] * 3 + [("ours", "correct", 0.2)] * 3
    )
    assert [asked.body["model"] for asked in server.asked] == ["base"] * 3 + ["ours"] * 3
    assert all(score.latency_s > 0 for score in scores)
    capsys.readouterr()


def test_a_prompt_without_a_completion_stops_an_evaluation_and_a_resume_goes_on(
    tiny_model_dir: Path,
    problems: Path,
    tmp_path: Path,
    server: Any,
    answers: dict[str, Callable[..., Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {
        "problems": str(problems), "base_model": str(tiny_model_dir), "backend": "openai", "batch_size": 1,
        "server": {"base_url": server.base_url, "model": "scripted", "api": "completions", "max_attempts": 1},
    }  # fmt: skip
    config = EvaluateConfig.model_validate(values)
    server.script = lambda asked, _: (
        answers["failure"](500) if "2 + 1" in asked.prompt else answers["completion"](answers["think"](asked))
    )
    with pytest.raises(StageError, match="base: 1 of 4 completions did not come, the last for: HTTP 500.*--resume"):
        run(config, RunDirectory.open(tmp_path / "run", config, "evaluate"))
    server.script = lambda asked, _: answers["completion"](answers["think"](asked))
    n_asked = len(server.asked)
    manifest = run(config, RunDirectory.open(tmp_path / "run", config, "evaluate", resume=True))
    assert manifest.counts["correct"] == 4 and len(server.asked) == n_asked + 1  # the others were kept
    capsys.readouterr()


def test_a_benchmarks_rows_are_asked_with_controls_behind_a_server_and_the_manifest_pins_them(
    tiny_model_dir: Path,
    tmp_path: Path,
    server: Any,
    answers: dict[str, Callable[..., Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = tmp_path / "test.jsonl"
    rows.write_text('{"question": "What is 4 + 1?", "answer": "4 + 1 = <<4+1=5>>5\\n#### 5"}\n')
    values = {
        "problems": f"gsm8k:{rows}", "base_model": str(tiny_model_dir), "backend": "openai",
        "server": {"base_url": server.base_url, "model": "scripted", "api": "completions"},
        "controls": [{"kind": "tail", "ratios": [0.5]}],
    }  # fmt: skip
    config = EvaluateConfig.model_validate(values)
    assert config.input_paths()[0] == str(rows)
    assert "tail only" in plan(config)
    server.script = lambda asked, _: answers["completion"](
        "\\boxed{5}" if "</think>" in asked.prompt else "<think>\nfour and one are five\n</think>\n\n\\boxed{5}"
    )
    manifest = run(config, RunDirectory.open(tmp_path / "run", config, "evaluate"))
    assert manifest.counts["correct"] == manifest.counts["scores"] == 2
    assert [Path(digest.path).name for digest in manifest.inputs][0] == "test.jsonl"
    prompt = server.asked[1].prompt
    assert prompt.endswith("\n</think>\n\n") and "five" in prompt and "four" not in prompt
    pinned = config.model_copy(update={"problems_sha256": manifest.summary["problems_sha256"]})
    run(pinned, RunDirectory.open(tmp_path / "again", pinned, "evaluate"))
    rows.write_text('{"question": "What is 4 + 1?", "answer": "#### 6"}\n')
    with pytest.raises(DataError, match="questions or gold answers changed"):
        run(pinned, RunDirectory.open(tmp_path / "changed", pinned, "evaluate"))
    capsys.readouterr()


GARBAGE: dict[str, tuple[Callable[[dict[str, Callable[..., Any]]], Any], str]] = {
    "broken JSON": (lambda give: give["raw"](b'{"choices": [{"text": "<think>'), "its JSON is cut off or broken"),
    "noise": (lambda give: give["raw"](b"\xff\xfe\x00"), "its JSON is cut off or broken"),
    "cut in the middle": (lambda give: give["raw"](b'{"choices": [{"te', length=500), "broke in the middle"),
    "reset": (lambda give: give["raw"](b'{"choices": [{"te', length=500, is_dropped=True), "(?:broke in|reset by)"),
    "no choices": (lambda give: give["raw"](b'{"choices": []}'), "it holds no choices"),
    "web page": (
        lambda give: give["raw"](b"<!doctype html>\n<title>Chat</title>", headers={"Content-Type": "text/html"}),
        "but a web page; server.base_url may end in the wrong place",
    ),
    "event stream": (
        lambda give: give["raw"](b'data: {"choices": []}\n\n', headers={"Content-Type": "text/event-stream"}),
        "but an event stream",
    ),
    "empty": (lambda give: give["raw"](b""), "but empty"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_from_a_server_is_named_and_costs_nothing_but_itself(
    tiny_model_dir: Path,
    problems: Path,
    tmp_path: Path,
    server: Any,
    answers: dict[str, Callable[..., Any]],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    make_garbage, word = GARBAGE[name]
    section = {"base_url": server.base_url, "model": "scripted", "api": "completions", "max_attempts": 2}
    values = {
        "problems": str(problems), "base_model": str(tiny_model_dir), "backend": "openai",
        "server": {**section, "first_wait_s": 0.001},
    }  # fmt: skip
    config = EvaluateConfig.model_validate(values)
    server.script = lambda asked, _: (
        make_garbage(answers) if "2 + 1" in asked.prompt else answers["completion"](answers["think"](asked))
    )
    with pytest.raises(StageError, match=f"1 of 4 completions did not come, the last for: .*{word}") as stopped:
        run(config, RunDirectory.open(tmp_path / "run", config, "evaluate"))
    assert "\n" not in str(stopped.value) and str(stopped.value).endswith("then --resume")
    kept = list(read_records(tmp_path / "run/records/scores.jsonl", Score))
    assert len(kept) == 3
    server.script = lambda asked, _: answers["completion"](answers["think"](asked))
    run(config, RunDirectory.open(tmp_path / "run", config, "evaluate", resume=True))
    scores = list(read_records(tmp_path / "run/records/scores.jsonl", Score))
    # references are filled in when all base scores are there
    assert all(score in [one.model_copy(update={"n_reference_think_tokens": None}) for one in scores] for score in kept)
    assert len(scores) == 4
    capsys.readouterr()

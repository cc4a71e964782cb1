"""The evaluate stage with a tiny random model: its answers are noise, its bookkeeping is not."""

import json
from pathlib import Path

import pytest

from extracot.errors import ConfigError
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

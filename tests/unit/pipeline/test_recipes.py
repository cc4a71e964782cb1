"""Recipes that want something from their user."""

from pathlib import Path

import pytest

from extracot.cli.main import main
from extracot.pipeline.config import PipelineConfig


@pytest.mark.parametrize("recipe", ["qwen3-1.7b", "bring-your-own"])
def test_a_recipe_that_lacks_something_says_what_and_how_to_give_it(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags in (["--dry-run"], ["--out", str(tmp_path / "run")]):
        assert main(["pipeline", recipe, *flags]) == 2
        error = capsys.readouterr().err
        assert "the recipe does not know" in error and "problems (a .jsonl of {question, answer}" in error
        assert "--set" in error and "given.evaluation_problems=..." in error
    assert not (tmp_path / "run").exists()


def test_what_is_given_reaches_every_step_that_asks_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / name).write_text('{"question": "1 + 1?", "answer": "2"}\n')
    given = ["model=toy", f"problems={tmp_path}/train.jsonl", f"evaluation_problems={tmp_path}/test.jsonl"]
    assert main(["pipeline", "bring-your-own", "--set", *(f"given.{pair}" for pair in given), "--dry-run"]) == 0
    plan = capsys.readouterr().out.partition("would run")[0].partition("\n 1. ")[2]
    assert "model=toy" in plan and "$" not in plan and "???" not in plan
    missing = [*given[:2], f"evaluation_problems={tmp_path}/absent.jsonl"]
    assert main(["pipeline", "bring-your-own", "--set", *(f"given.{pair}" for pair in missing), "--dry-run"]) == 2
    assert "absent.jsonl does not exist" in capsys.readouterr().err


def test_a_step_that_asks_for_what_no_one_names_is_refused() -> None:
    with pytest.raises(ValueError, match=r"step 'a': \$modle is not among given; did you mean 'model'"):
        PipelineConfig.model_validate(
            {"given": {"model": "toy"}, "steps": [{"name": "a", "stage": "prepare-model", "set": {"model": "$modle"}}]}
        )


def test_a_given_value_that_no_step_asks_for_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pipeline", "bring-your-own", "--set", "given.modle=toy", "--dry-run"]) == 2
    assert "given.modle: no step asks for $modle; did you mean 'model'?" in capsys.readouterr().err


def test_a_dry_run_names_a_model_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"model={tmp_path}", "problems=toy:train:3", "evaluation_problems=toy:heldout:3"]
    assert main(["pipeline", "bring-your-own", "--set", *(f"given.{pair}" for pair in given), "--dry-run"]) == 2
    assert f"step traces: {tmp_path} holds no model" in capsys.readouterr().err


def test_a_template_is_told_from_a_config_that_can_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "bring-your-own"]) == 0
    said = capsys.readouterr().out
    assert "a template of pipeline" in said and "given.model=..." in said
    broken = tmp_path / "broken.yaml"
    broken.write_text("stage: pipeline\nsteps:\n  - {name: a, stage: generate, set: {modle: toy}}\n")
    assert main(["config", "check", str(broken)]) == 2
    assert "step a: unknown key 'modle'" in capsys.readouterr().err

"""Every stage has a config and a run, every preset and every recipe parses."""

import inspect
from pathlib import Path

import pytest

from extracot.io.config import StageConfig, list_presets, load_config, preset_path, read_config
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.run import resolve_steps
from extracot.pipeline.stages import STAGES, Stage


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_a_stage_has_a_frozen_closed_config_whose_fields_are_explained(stage: Stage) -> None:
    config = stage.config_class()
    assert issubclass(config, StageConfig)
    assert config.model_config["frozen"] and config.model_config["extra"] == "forbid"
    unexplained = [name for name, field in config.model_fields.items() if not field.description]
    assert not unexplained


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_a_stage_runs_from_a_config_and_a_run_directory(stage: Stage) -> None:
    parameters = list(inspect.signature(stage.run_function()).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["config", "run_dir"]
    assert all(parameter.default is not parameter.empty for parameter in parameters[2:])


def test_there_are_presets() -> None:
    assert list_presets()


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_parses(name: str) -> None:
    stage = STAGES[read_config(name)["stage"]]
    config = load_config(stage.config_class(), name, stage=stage.name)
    if isinstance(config, PipelineConfig):
        resolve_steps(config, Path("runs") / name)


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_says_what_it_is_for(name: str) -> None:
    first_line = preset_path(name).read_text(encoding="utf-8").partition("\n")[0]
    assert first_line.startswith(f"# {name}: ")

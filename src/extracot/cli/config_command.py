"""`extracot config list | show | check | launch | benchmarks`."""

import argparse
import sys
from pathlib import Path

import yaml

from extracot.errors import ConfigError
from extracot.io.config import PRESETS_FOLDER, StageConfig, list_presets, load_config, read_config
from extracot.io.nearest import did_you_mean
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.run import resolve_steps
from extracot.pipeline.stages import Stage, find_stage
from extracot.problems.catalogue import BENCHMARKS


def run_config_command(options: argparse.Namespace) -> int:
    """Print the answer on stdout and return 0; what is wrong with a config is raised."""
    if options.action == "list":
        _print_presets()
    elif options.action == "show":
        stage, config = _load(options.preset)
        shown = {"stage": stage.name, **config.model_dump(mode="json")}
        yaml.safe_dump(shown, sys.stdout, sort_keys=False, allow_unicode=True, width=110)
    elif options.action == "launch":
        _print_launch_files(options.name)
    elif options.action == "benchmarks":
        _print_benchmarks()
    else:
        stage, config = _load(options.file)
        print(f"{options.file}: {_verdict(stage, config)}")
    return 0


def _verdict(stage: Stage, config: StageConfig) -> str:
    """What a config that loads is: one that can be run, or a template.

    Raises:
        ConfigError: a step of a recipe does not make a config of its stage.
    """
    if isinstance(config, PipelineConfig):
        resolve_steps(config, Path("runs"))
    try:
        config.require_complete()
    except ConfigError as error:
        return f"a template of {stage.name} that parses and cannot run as it is: {error}"
    return f"a valid config of {stage.name}"


def _print_launch_files(name: str | None) -> None:
    """The path of one file of settings for `accelerate launch`, or the paths of all."""
    files = {path.stem: path for path in sorted((PRESETS_FOLDER / "launch").glob("*.yaml"))}
    if name is not None and name not in files:
        near = did_you_mean(name, files)
        raise ConfigError(f"no launch settings are called {name!r}{near or '; there are: ' + ', '.join(files)}")
    for path in files.values() if name is None else [files[name]]:
        print(path)


def _print_presets() -> None:
    rows = []
    for name in list_presets():
        path = PRESETS_FOLDER / f"{name}.yaml"
        rows.append(
            (name, str(read_config(name).get("stage")), first_comment(path.read_text(encoding="utf-8")))
        )
    name_width = max((len(name) for name, _, _ in rows), default=0)
    stage_width = max((len(stage) for _, stage, _ in rows), default=0)
    for name, stage_name, comment in rows:
        print(f"{name:<{name_width}}  {stage_name:<{stage_width}}  {comment}".rstrip())


def _print_benchmarks() -> None:
    """Name, problems, licence, source at its pinned commit, and what it is."""
    rows = []
    for benchmark in BENCHMARKS.values():
        source = f"{benchmark.repository} {benchmark.split} @{benchmark.revision[:8]}"
        rows.append((benchmark.name, str(benchmark.n_rows), benchmark.licence, source, benchmark.about))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def first_comment(text: str) -> str:
    """What a preset's opening comment says, without the `name:` in front of it; "" when there is none."""
    line = text.partition("\n")[0]
    if not line.startswith("#"):
        return ""
    comment = line.lstrip("# ")
    name, colon, rest = comment.partition(": ")
    return rest if colon and " " not in name else comment


def _load(name_or_path: str) -> tuple[Stage, StageConfig]:
    stage_name = read_config(name_or_path).get("stage")
    if not isinstance(stage_name, str):
        raise ConfigError(
            f"{name_or_path}: does not say its stage; start it with a line such as `stage: sft`"
        )
    stage = find_stage(stage_name)
    return stage, load_config(stage.config_class(), name_or_path, stage=stage.name)

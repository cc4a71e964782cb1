"""`extracot <stage> ...`: resolve the config, open the run directory, call the stage."""

import argparse
import json
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from extracot.cli.launched import leave_launched, open_run_directory
from extracot.cli.traces_file import refuse_what_holds_no_traces
from extracot.errors import MissingFileError, UsageError
from extracot.io.config import StageConfig, list_presets, load_config, missing_inputs
from extracot.io.jsonl import STDIN
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory, RunIntent
from extracot.pipeline.stages import Stage, find_stage

if TYPE_CHECKING:
    from extracot.compressor.config import CompressConfig


_COMPRESS_KEYS = {
    "ratios": "ratios",
    "threshold": "threshold",
    "scorer": "scorer",
    "tokenizer": "tokenizer",
    "model": "compressor",
    "workers": "workers",
    "scores": "scores",
}
"""Flags of `compress` and the keys that they are short for."""


def run_stage_command(options: argparse.Namespace) -> int:
    """Run one stage as the parsed options say; returns 0, or raises what stopped it."""
    stage = find_stage(options.command)
    preset, overrides = _split_preset(options)
    config = load_config(
        stage.config_class(), preset, overrides, stage=stage.name, also_of=stage.takes_configs_of
    )
    config.require_complete()
    missing = missing_inputs(config)
    if missing:
        raise MissingFileError(
            f"{', '.join(missing)} does not exist; correct it with --set, or make it first"
        )
    if options.command == "compress" and (options.text or getattr(config, "traces", None) == STDIN):
        if options.dry_run:
            _print_plan(stage, config)
            print(f"would run {stage.name} from stdin to stdout; nothing was written")
            return 0
        from extracot.cli.filter_command import run_filter_command

        return run_filter_command(options, cast("CompressConfig", config))
    out = Path(options.out or Path("runs") / _default_name(options.preset, stage))
    if options.dry_run:
        _print_plan(stage, config)
        intent = RunDirectory.check(out, config, stage.name, options.resume, options.overwrite)
        print(f"would run {stage.name} {_WHERE[intent].format(out=out)}; nothing was written")
        return 0
    if not options.debug:
        _hush_libraries()
    run_dir = open_run_directory(out, config, stage, options.resume, options.overwrite)
    if not run_dir.is_complete:
        _run_logged(lambda: stage.run_function()(config, run_dir), run_dir)
    elif run_dir.is_writer:
        print(f"{run_dir.path} is already complete; nothing to do", file=sys.stderr)
    leave_launched()
    if run_dir.is_writer:
        print(run_dir.path)
    return 0


def _hush_libraries() -> None:
    """Keep the libraries' talk among themselves about coming versions out of a run's output."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|accelerate|torch)\b")


def _split_preset(options: argparse.Namespace) -> tuple[str | None, list[str]]:
    """The preset, and the overrides in order: traces file and flags of `compress`, folder of `export`, every --set."""
    preset: str | None = options.preset
    shorthands: list[str] = []
    if options.command == "compress":
        if not options.text and (options.question is not None or options.answer is not None):
            raise UsageError("--question and --answer go with --text; traces bring their own")
        if preset is not None and (options.text or preset == STDIN):
            shorthands.append(_override("traces", preset))
            preset = None
        elif preset is not None and preset.endswith((".txt", ".md")):
            raise UsageError(f"{preset} is plain text: add --text, and --question for what it answers")
        elif options.text:
            raise UsageError("--text needs a file, or - for stdin: extracot compress - --text --ratios 0.2")
        elif preset is not None and preset not in list_presets() and not preset.endswith((".jsonl", ".jsonl.gz")):
            refuse_what_holds_no_traces(preset)
    if options.command == "export" and preset is not None and not preset.endswith((".yaml", ".yml", ".json")):
        shorthands.append(_override("model", preset))
        preset = None
    if preset is not None and preset.endswith((".jsonl", ".jsonl.gz")):
        if options.command != "compress":
            raise UsageError(f"{preset} is no config; {options.command} takes a preset or a .yaml file")
        if not Path(preset).is_file():
            raise MissingFileError(f"traces file {preset} does not exist")
        shorthands.append(_override("traces", preset))
        preset = None
    if options.command == "compress":
        for flag, key in _COMPRESS_KEYS.items():
            if getattr(options, flag) is not None:
                shorthands.append(_override(key, getattr(options, flag)))
    return preset, shorthands + options.set


def _override(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value, ensure_ascii=False)}"  # JSON is YAML


def _default_name(preset: str | None, stage: Stage) -> str:
    """The run's name: the preset's or the config file's, and the stage's where there is neither."""
    if preset is None or preset.endswith((".jsonl", ".jsonl.gz")) or stage.name == "export":
        return stage.name
    path = Path(preset)
    if path.name == "config.json":  # a run's own says nothing by its name; its folder does
        return path.resolve().parent.name
    return path.stem if path.suffix in (".yaml", ".yml", ".json") else path.name


def _print_plan(stage: Stage, config: StageConfig) -> None:
    shown = {"stage": stage.name, **config.model_dump(mode="json")}
    print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=110), end="")
    plan = stage.plan_function()
    if plan is not None:
        print(f"\n{plan(config)}")
    print()


_WHERE: dict[RunIntent, str] = {
    "start": "in {out}",
    "go on": "in {out}, and go on with the run there",
    "read": "in {out}, but it is complete and there is nothing to do",
    "overwrite": "in {out}, and delete the run there first",
}


def _run_logged(run: Callable[[], Manifest], run_dir: RunDirectory) -> None:
    """Call `run`; whatever stops it also goes to the log file, where an unattended run is looked up."""
    try:
        run()
    except BaseException as error:
        if run_dir.path.is_dir():
            run_dir.log_quietly(traceback.format_exc())
            run_dir.discard_unused(error)
        raise

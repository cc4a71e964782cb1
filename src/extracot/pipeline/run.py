"""The `pipeline` stage: every step of a recipe in a run directory of its own, finished steps skipped.

Steps share this process and nothing else: what passes between them lies in files. A step that was killed is
resumed by its own stage.
"""

import time
from pathlib import Path
from typing import NamedTuple

from extracot.errors import ExtracotError, MissingFileError, RunDirectoryError, StageError
from extracot.io.config import StageConfig, load_config, merge_trees, missing_inputs
from extracot.io.manifest import Manifest, changed_paths
from extracot.io.run_directory import RunDirectory
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.references import fill_in, referenced_steps, resolve_references
from extracot.pipeline.stages import STAGES, Stage
from extracot.text.durations import format_duration


class ResolvedStep(NamedTuple):
    """A step with its references replaced and its config complete."""

    name: str
    stage: Stage
    config: StageConfig
    folder: Path


def resolve_steps(config: PipelineConfig, folder: Path) -> list[ResolvedStep]:
    """Make the config of every step of a recipe that runs in `folder`; reads presets, nothing else.

    Raises:
        ConfigError: a step's preset or values do not make a config; the message starts with the step.
    """
    folders = {
        step.name: folder / f"{number:02d}-{step.name}" for number, step in enumerate(config.steps, start=1)
    }
    resolved = []
    for step in config.steps:
        if step.name in config.leave_out:
            continue
        stage = STAGES[step.stage]
        values = fill_in(merge_trees(step.set, config.overrides.get(step.name, {})), config.given)
        try:
            step_config = load_config(
                stage.config_class(),
                step.preset,
                stage=stage.name,
                values=resolve_references(values, folders),
            )
        except ExtracotError as error:
            raise type(error)(f"step {step.name}: {error}") from error
        resolved.append(ResolvedStep(step.name, stage, step_config, folders[step.name]))
    return resolved


def plan(config: PipelineConfig) -> str:
    """One line per step with its stage and the values that the recipe sets.

    A step that reads from no other is planned by its own stage, where that plans at all.

    Raises:
        ConfigError: something that the recipe asks for is not given, or a step does not resolve.
        MissingFileError: an input from outside the pipeline that does not exist.
        ExtracotError: what such a step's own plan refuses; the message starts with the step.
    """
    config.require_complete()
    root = Path("<run>")
    lines = []
    recipes = {recipe.name: (number, recipe) for number, recipe in enumerate(config.steps, start=1)}
    for step in resolve_steps(config, root):
        _require_inputs(step, but_below=root)
        number, recipe = recipes[step.name]
        settings = {**recipe.set, **config.overrides.get(step.name, {})}
        if not referenced_steps(settings):
            _plan_alone(step)
        settings = fill_in(settings, config.given)
        shown = " ".join(f"{key}={value}" for key, value in settings.items())
        lines.append(f"{number:2d}. {step.name}: {step.stage.name} {recipe.preset or ''} {shown}".rstrip())
    return "\n".join(lines)


def run(config: PipelineConfig, run_dir: RunDirectory) -> Manifest:
    """Run the steps in order and finish with the time that each took.

    Raises:
        ConfigError: something that the recipe asks for is not given, or a step does not resolve.
        RunDirectoryError: a step was started with another config (names the keys).
        StageError: a finished step's inputs have changed since, so its results no longer follow from them.
    """
    config.require_complete()
    steps = resolve_steps(config, run_dir.path)  # all of them first: a typo in the last step costs no hours
    for step in steps:
        _require_inputs(step, but_below=run_dir.path)
    counts = {"steps_run": 0, "steps_skipped": 0}
    seconds: dict[str, float | int | str | None] = {}
    started = time.perf_counter()
    for number, step in enumerate(steps, start=1):
        label = f"[{number}/{len(steps)}] {step.name}"
        if not (step.folder / "manifest.json").exists():
            _require_inputs(step)
        step_dir = _open_step(step)
        if step_dir.is_complete:
            _require_unchanged_inputs(step, step_dir)
            counts["steps_skipped"] += 1
            seconds[f"{step.name}_s"] = step_dir.manifest.duration_s
            run_dir.log(f"{label}: already done in {step.folder}")
            continue
        run_dir.log(f"{label}: {step.stage.does}")
        step_started = time.perf_counter()
        try:
            manifest = step.stage.run_function()(step.config, step_dir)
        except ExtracotError as error:
            step_dir.discard_unused(error)
            raise
        elapsed_s = time.perf_counter() - step_started
        counts["steps_run"] += 1
        seconds[f"{step.name}_s"] = round(elapsed_s, 3)
        run_dir.log(f"{label}: done in {format_duration(elapsed_s)}{_describe_counts(manifest)}")
    total_s = time.perf_counter() - started
    run_dir.log(f"all {len(steps)} steps done in {format_duration(total_s)}")
    return run_dir.finish(
        inputs=[],
        outputs=[step.folder / "manifest.json" for step in steps],
        counts=counts,
        seeds={},
        total_s=round(total_s, 3),
        **seconds,
    )


def _plan_alone(step: ResolvedStep) -> None:
    plan_step = step.stage.plan_function()
    if plan_step is None:
        return
    try:
        plan_step(step.config)
    except ExtracotError as error:
        raise type(error)(f"step {step.name}: {error}") from error


def _open_step(step: ResolvedStep) -> RunDirectory:
    try:
        return RunDirectory.open(step.folder, step.config, step.stage.name, resume=True)
    except RunDirectoryError as error:
        raise RunDirectoryError(f"step {step.name}: {error}; or delete that folder to run it anew") from error


def _require_inputs(step: ResolvedStep, but_below: Path | None = None) -> None:
    missing = [
        path
        for path in missing_inputs(step.config)
        if but_below is None or not Path(path).is_relative_to(but_below)
    ]
    if missing:
        raise MissingFileError(f"step {step.name}: {', '.join(missing)} does not exist; correct the recipe")


def _require_unchanged_inputs(step: ResolvedStep, step_dir: RunDirectory) -> None:
    changed = changed_paths(step_dir.manifest.inputs, relative_to=step.folder)
    if changed:
        raise StageError(
            f"step {step.name} is finished, but what it read has changed since: {', '.join(changed)}; "
            f"delete {step.folder} to run it again, or start over with --overwrite"
        )


def _describe_counts(manifest: Manifest) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in manifest.counts.items() if count)
    return f" ({counts})" if counts else ""

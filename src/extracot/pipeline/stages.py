"""The one table of stages: what each is called, what it does, where its config and its `run` are.

The modules are imported when a stage is asked for, so that listing stages loads nothing heavy.
"""

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from extracot.errors import UsageError
from extracot.io.nearest import did_you_mean

if TYPE_CHECKING:  # `extracot --help` needs neither, and pydantic takes its time
    from extracot.io.config import StageConfig
    from extracot.io.manifest import Manifest
    from extracot.io.run_directory import RunDirectory


class RunFunction(Protocol):
    """Every stage's `run`: reads records, writes records, finishes its run directory."""

    def __call__(self, config: "StageConfig", run_dir: "RunDirectory") -> "Manifest": ...


class PlanFunction(Protocol):
    """What a run module may offer as `plan`: what `run` would do, as text, from the inputs that exist."""

    def __call__(self, config: "StageConfig") -> str: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the method."""

    name: str
    config_target: str
    """`module:Class` of its config."""
    run_target: str
    """`module:function` of its `run`."""
    does: str
    """One line for `--help`."""
    shares_work: bool = False
    """Several processes, started by torchrun or accelerate, may run it together."""
    takes_configs_of: str | None = None
    """A stage whose presets and config files this one takes as well as its own."""

    def config_class(self) -> "type[StageConfig]":
        """Import the config class."""
        return cast("type[StageConfig]", _import_target(self.config_target))

    def run_function(self) -> RunFunction:
        """Import the run module, which may load torch, and give its `run`."""
        return cast(RunFunction, _import_target(self.run_target))

    def plan_function(self) -> PlanFunction | None:
        """The run module's `plan`, or None when it offers none."""
        module = importlib.import_module(self.run_target.partition(":")[0])
        return cast(PlanFunction | None, getattr(module, "plan", None))


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "toy-base",
            "extracot.toy.config:ToyBaseConfig",
            "extracot.toy.run:run",
            "train the toy world's base model from nothing",
        ),
        Stage(
            "generate",
            "extracot.generate.config:GenerateConfig",
            "extracot.generate.run:run",
            "let a model answer problems; writes graded traces",
        ),
        Stage(
            "annotate",
            "extracot.annotate.config:AnnotateConfig",
            "extracot.annotate.run:run",
            "say how important each unit of each trace is",
        ),
        Stage(
            "train-compressor",
            "extracot.compressor.training.config:TrainCompressorConfig",
            "extracot.compressor.training.run:run",
            "train the question-aware unit classifier on annotations",
            shares_work=True,
        ),
        Stage(
            "compress",
            "extracot.compressor.config:CompressConfig",
            "extracot.compressor.run:run",
            "cut traces to every ratio; also takes a .jsonl of traces",
        ),
        Stage(
            "build-sft",
            "extracot.dataset.config:BuildSftConfig",
            "extracot.dataset.run:run",
            "mix compressions into the fixed-ratio and policy queues",
        ),
        Stage(
            "prepare-model",
            "extracot.models.config:PrepareModelConfig",
            "extracot.models.run:run",
            "add the control tokens to a model",
        ),
        Stage(
            "sft",
            "extracot.training.sft.config:SftConfig",
            "extracot.training.sft.run:run",
            "fine-tune on the mixed-ratio set",
            shares_work=True,
        ),
        Stage(
            "teacher-budgets",
            "extracot.training.budgets.config:TeacherBudgetsConfig",
            "extracot.training.budgets.run:run",
            "find the smallest budget that solves each problem",
        ),
        Stage(
            "chrpo",
            "extracot.training.chrpo.config:ChrpoConfig",
            "extracot.training.chrpo.run:run",
            "reinforcement learning of the policy mode",
            shares_work=True,
        ),
        Stage(
            "chrpo-verl",
            "extracot.training.chrpo.config:ChrpoConfig",
            "extracot.training.chrpo.verl.run:run",
            "write data and settings for the same through verl; takes configs of chrpo",
            takes_configs_of="chrpo",
        ),
        Stage(
            "evaluate",
            "extracot.evaluation.config:EvaluateConfig",
            "extracot.evaluation.run:run",
            "score models at every budget on a problem set",
        ),
        Stage(
            "measure-load",
            "extracot.evaluation.load.config:MeasureLoadConfig",
            "extracot.evaluation.load.run:run",
            "time the same questions under a stated load; takes configs of evaluate",
            takes_configs_of="evaluate",
        ),
        Stage(
            "export",
            "extracot.export.config:ExportConfig",
            "extracot.export.run:run",
            "write a trained model as a folder that servers host",
        ),
        Stage(
            "report",
            "extracot.evaluation.report.config:ReportConfig",
            "extracot.evaluation.report.run:run",
            "turn scores into one report with tables and figures",
        ),
        Stage(
            "pipeline",
            "extracot.pipeline.config:PipelineConfig",
            "extracot.pipeline.run:run",
            "run the steps of a recipe one after the other",
        ),
    )
}


def find_stage(name: str) -> Stage:
    """The stage of this name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    if name not in STAGES:
        near = did_you_mean(name, STAGES)
        raise UsageError(f"no stage is called {name!r}{near or '; stages: ' + ', '.join(STAGES)}")
    return STAGES[name]


def _import_target(target: str) -> object:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)

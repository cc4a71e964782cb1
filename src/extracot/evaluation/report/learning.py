"""Which arm of an evaluation each training run made, and its metrics over the steps, arm by arm."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.report.collect import StageRun

_N_WINDOWS = 12
"""A curve is smoothed over a twelfth of its steps: roll-outs of one step are few and their questions differ."""

_FEWEST_SHARED_PARTS = 2
"""Path parts that a run's model and an arm's must share at their ends to be called the same, as `03-sft/model`."""


@dataclass(frozen=True, slots=True)
class ArmCurves:
    """The chrpo runs of one arm, one per seed."""

    arm: str
    runs: list[StageRun]

    @property
    def metric_names(self) -> set[str]:
        """Those that every run logged at more than one step."""
        logged = [{name for name, points in run.curves.items() if len(points) > 1} for run in self.runs]
        return set.intersection(*logged)


@dataclass(frozen=True, slots=True)
class Band:
    """One metric of one arm over the steps, smoothed."""

    steps: list[float]
    mean: list[float]
    low: list[float]
    """The lowest of the arm's runs at that step; the mean itself where there is one run."""
    high: list[float]


def learning_by_arm(runs: Sequence[StageRun], configs: Sequence[EvaluateConfig]) -> list[ArmCurves]:
    """The chrpo runs by the arm that was evaluated with their model, arms in the order of the evaluations.

    Args:
        runs: of any stages; only those of chrpo that logged a metric count.
        configs: of the evaluations, whose arms name the models.

    A run whose model no arm has goes by the name of its folder, behind the arms.
    """
    trained = [run for run in runs if run.manifest.stage == "chrpo" and run.curves]
    models = [(arm.name, arm.model) for config in configs for arm in config.arms]
    names = list(dict.fromkeys(name for name, _ in models))
    by_arm: dict[str, list[StageRun]] = {name: [] for name in names}
    for run in trained:
        by_arm.setdefault(_arm_of(run.path, models) or step_name(run.path), []).append(run)
    return [ArmCurves(name, of_arm) for name, of_arm in by_arm.items() if of_arm]


def step_name(path: Path) -> str:
    """The name of a pipeline's step: its folder without the number."""
    return re.sub(r"^\d+-", "", path.name)


def band(runs: Sequence[StageRun], metric: str) -> Band:
    """Mean, lowest and highest over runs of one metric, each run smoothed first, at the steps that all have."""
    smoothed = [smooth(run.curves[metric]) for run in runs]
    steps = sorted(set.intersection(*(set(curve) for curve in smoothed)))
    columns = [[curve[step] for curve in smoothed] for step in steps]
    return Band(
        steps=steps,
        mean=[math.fsum(column) / len(column) for column in columns],
        low=[min(column) for column in columns],
        high=[max(column) for column in columns],
    )


def smooth(points: Sequence[tuple[float, float]]) -> dict[float, float]:
    """Step to the mean over a window of a twelfth of the points around it, cut off at the ends."""
    reach = len(points) // _N_WINDOWS // 2
    values = [value for _, value in points]
    result = {}
    for index, (step, _) in enumerate(points):
        window = values[max(0, index - reach) : index + reach + 1]
        result[step] = math.fsum(window) / len(window)
    return result


def _arm_of(path: Path, models: Sequence[tuple[str, str]]) -> str | None:
    """The arm whose model this run wrote: the longest common end of the two paths decides, as runs may be moved.

    None where no arm's is long enough, or those of several arms are equally long.
    """
    own = (path.resolve() / "model").parts
    n_shared = [(name, _n_shared(own, Path(model).parts)) for name, model in models]
    most = max((n for _, n in n_shared), default=0)
    nearest = {name for name, n in n_shared if n == most}
    return nearest.pop() if most >= _FEWEST_SHARED_PARTS and len(nearest) == 1 else None


def _n_shared(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts two paths share at their ends."""
    n = 0
    while n < min(len(first), len(second)) and first[-1 - n] == second[-1 - n]:
        n += 1
    return n

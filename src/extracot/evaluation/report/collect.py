"""Reads what a report shows: evaluation runs, and whatever the other stages of a pipeline left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extracot.errors import DataError, MissingFileError
from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.report.comparison import RunScores, label_runs
from extracot.io.config import load_config
from extracot.io.jsonl import read_jsonl, read_records
from extracot.io.manifest import Manifest, read_manifest
from extracot.records.budget import TeacherBudget
from extracot.records.score import Score

SCORES_FILE = "scores.jsonl"
"""Name of an evaluation's records."""

_MAX_CURVE_POINTS = 200
"""A training curve longer than this is thinned; the small charts of the page show no more."""

_PASSED_OVER = frozenset({"report", "pipeline"})
"""Stages whose runs are not shown."""


@dataclass(frozen=True, slots=True)
class StageRun:
    """A finished run of any stage."""

    path: Path
    manifest: Manifest
    curves: dict[str, list[tuple[float, float]]]
    """Metric name to (step, value), steps ascending; empty where the stage logs no metrics."""
    budgets: list[TeacherBudget]
    """Teacher budgets among its records; empty for every other stage."""


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """A finished run of `evaluate`."""

    run: StageRun
    config: EvaluateConfig
    scores: list[Score]


@dataclass(frozen=True, slots=True)
class DataSet:
    """All evaluations on the same problems, merged."""

    scores: list[Score]
    """Of all runs, samples numbered through."""
    config: EvaluateConfig
    """Of the first of the runs."""
    runs: list[RunScores]
    """The runs apart, samples numbered as each of them did."""
    samples: list[str]
    """A name for each sample number of `scores`: its run, where there are several, and its number there."""

    @property
    def name(self) -> str:
        """The problems, as the config names them."""
        return self.config.problems


def read_evaluation(path: str | Path) -> EvaluationRun:
    """Read a finished evaluation.

    Raises:
        MissingFileError: no such run, or it is not finished.
        DataError: a run of another stage, or records this version cannot read.
        ConfigError: a config this version cannot read.
    """
    folder = Path(path)
    run = read_stage_run(folder)
    if run.manifest.stage != "evaluate":
        raise DataError(f"{folder} is a run of {run.manifest.stage!r}; name a run of 'evaluate'")
    config = load_config(EvaluateConfig, str(folder / "config.json"), stage="evaluate")
    scores = list(read_records(folder / "records" / SCORES_FILE, Score))
    if not scores:
        raise DataError(f"{folder / 'records' / SCORES_FILE} holds no scores")
    return EvaluationRun(run, config, scores)


def read_stage_run(folder: Path) -> StageRun:
    """Read a finished run of any stage: manifest, metrics and teacher budgets.

    Raises:
        MissingFileError: it is not finished.
        DataError: another format, or broken.
    """
    return StageRun(
        path=folder,
        manifest=read_manifest(folder / "manifest.json"),
        curves=_read_curves(folder / "metrics.jsonl"),
        budgets=_read_budgets(folder / "records"),
    )


def read_pipelines(folders: Sequence[str | Path]) -> list[StageRun]:
    """Every finished run in or below the folders once, in the order in which they started.

    Manifests of checkpoints are passed over, since they belong to the run that saved them; so are reports and
    pipelines, since no number comes from them.

    Raises:
        MissingFileError: no such folder.
        DataError: a manifest that cannot be read.
    """
    found: dict[Path, StageRun] = {}
    for root in map(Path, folders):
        if not root.is_dir():
            raise MissingFileError(f"pipeline folder {root} does not exist")
        for path in root.rglob("manifest.json"):
            is_run = (path.parent / "config.json").is_file()
            if is_run and "checkpoints" not in path.relative_to(root).parts:
                found.setdefault(path.parent.resolve(), read_stage_run(path.parent))
    runs = [run for run in found.values() if run.manifest.stage not in _PASSED_OVER]
    return sorted(runs, key=lambda run: (run.manifest.started_utc, str(run.path)))


def merge_data_sets(runs: Sequence[EvaluationRun]) -> list[DataSet]:
    """One data set per distinct `problems`, in order; a later run's completions count as further samples.

    Metrics treat samples of one question as dependent, so a greedy run given twice adds no false certainty.

    Raises:
        DataError: runs on the same problems whose questions differ, since the file behind the name has changed.
    """
    by_problems: dict[str, list[EvaluationRun]] = {}
    for run in runs:
        by_problems.setdefault(run.config.problems, []).append(run)
    return [_merge(group) for group in by_problems.values()]


def _merge(runs: Sequence[EvaluationRun]) -> DataSet:
    _require_same_questions(runs)
    labels = label_runs([run.run.path for run in runs])
    scores: list[Score] = []
    samples: list[str] = []
    for label, run in zip(labels, runs, strict=True):
        first_free = len(samples)
        scores.extend(
            score.model_copy(update={"sample": score.sample + first_free}) if first_free else score
            for score in run.scores
        )
        n_samples = 1 + max(score.sample for score in run.scores)
        if len(runs) == 1:
            samples += [f"sample {number + 1}" for number in range(n_samples)]
        else:
            samples += [label if n_samples == 1 else f"{label}, sample {number + 1}" for number in range(n_samples)]
    named = [RunScores(label, run.scores) for label, run in zip(labels, runs, strict=True)]
    return DataSet(scores, runs[0].config, named, samples)


def _require_same_questions(runs: Sequence[EvaluationRun]) -> None:
    """See that an id means one question, whichever run asked it: what is paired by id would say nothing else."""
    known: dict[str, tuple[str, str]] = {}
    for run in runs:
        for score in run.scores:
            asked = (score.question, score.answer)
            if known.setdefault(score.problem_id, asked) != asked:
                raise DataError(
                    f"{run.run.path} and {runs[0].run.path} both ask {run.config.problems}, but problem "
                    f"{score.problem_id} has another question or gold answer in one of them; report them apart"
                )


def _read_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    if not path.is_file():
        return {}
    # A resumed run may repeat steps: the last line of a step counts.
    by_name: dict[str, dict[float, float]] = {}
    for number, row in read_jsonl(path):
        step = row.get("step")
        if not isinstance(step, int | float):
            raise DataError(f"{path}:{number}: has no numeric 'step'")
        for name, value in row.items():
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
                by_name.setdefault(name, {})[float(step)] = float(value)
    return {name: _thin(sorted(points.items())) for name, points in by_name.items()}


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `_MAX_CURVE_POINTS` points: means of equal runs of neighbours, each at its last step."""
    stride = -(-len(points) // _MAX_CURVE_POINTS)
    if stride <= 1:
        return points
    groups = [points[start : start + stride] for start in range(0, len(points), stride)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _read_budgets(folder: Path) -> list[TeacherBudget]:
    known = {TeacherBudget.model_fields["format"].default, *TeacherBudget.older_formats}
    budgets: list[TeacherBudget] = []
    for path in sorted(folder.glob("*.jsonl")):
        _, first = next(read_jsonl(path), (0, {}))
        if first.get("format") in known:
            budgets.extend(read_records(path, TeacherBudget))
    return budgets

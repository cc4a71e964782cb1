"""What two rows say about each other, question by question, and what stands in the way of believing it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from extracot.errors import DataError
from extracot.evaluation.compare.selection import Selection, pair_rows, row_name
from extracot.evaluation.metrics import (
    PairedDifference,
    PairedThinking,
    RowKey,
    paired_difference,
    paired_thinking,
)
from extracot.evaluation.report.collect import EvaluationRun
from extracot.io.config import differing_keys
from extracot.records.score import Score

_ASKED_ALIKE = {"sampling", "samples_per_problem", "prompt_format", "backend", "dtype"}
"""Keys of an evaluation that decide what is drawn for a question."""

_GRADERS = ("extracot", "math-verify")
"""Packages whose version decides a grade."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate row beside a baseline, on the questions that both were asked."""

    baseline_run: str
    baseline_row: str
    candidate_run: str
    candidate_row: str
    level: int | None
    """The difficulty that it is restricted to; None for all questions together."""
    n_left_out: int
    """Questions that only one of the two was asked."""
    difference: PairedDifference
    """Candidate (there the first) minus baseline."""
    thinking: PairedThinking
    """Candidate (there the first) beside baseline."""


def compare(selections: Sequence[Selection], by_level: bool = False) -> list[Comparison]:
    """Every further selection against the first, row pair by row pair.

    Args:
        selections: two or more; the first is the baseline.
        by_level: behind each pair the same for each difficulty, as the baseline's run gives it.

    Raises:
        DataError: rows that cannot be paired, or share no question.
    """
    baseline, *candidates = selections
    comparisons: list[Comparison] = []
    for candidate in candidates:
        for key, other_key in pair_rows(baseline, candidate):
            levels = _levels(baseline.rows[key], candidate.rows[other_key]) if by_level else []
            comparisons += [compare_rows(baseline, key, candidate, other_key, level) for level in (None, *levels)]
    return comparisons


def compare_rows(
    baseline: Selection, key: RowKey, candidate: Selection, candidate_key: RowKey, level: int | None = None
) -> Comparison:
    """Two rows, on all questions that they share or on those to which the baseline's run gives one level.

    Raises:
        DataError: they share no question.
    """
    scores, others = baseline.rows[key], candidate.rows[candidate_key]
    if level is not None:
        of_level = {score.problem_id for score in scores if score.level == level}
        scores, others = _among(scores, of_level), _among(others, of_level)
    difference, thinking = paired_difference(others, scores), paired_thinking(others, scores)
    if difference is None or thinking is None:
        raise DataError(
            f"{baseline.path} ({baseline.run.config.problems}) and {candidate.path} ({candidate.run.config.problems}) "
            "share no question; compare runs on the same problems"
        )
    return Comparison(
        baseline_run=str(baseline.path),
        baseline_row=row_name(key),
        candidate_run=str(candidate.path),
        candidate_row=row_name(candidate_key),
        level=level,
        n_left_out=len(_ids(scores) ^ _ids(others)),
        difference=difference,
        thinking=thinking,
    )


def find_obstacles(selections: Sequence[Selection]) -> list[str]:
    """Why the first run and each further one cannot be compared as they are, one line each; [] where nothing does."""
    first, *others = selections
    obstacles: dict[str, None] = {}  # in order, each once
    for other in others:
        if other.path != first.path:
            found = [*_other_questions(first, other), *_asked_otherwise(first.run, other.run)]
            found += _graded_otherwise(first.run, other.run)
            obstacles |= dict.fromkeys(f"{first.path} and {other.path}: {one}" for one in found)
    return list(obstacles)


def _other_questions(first: Selection, second: Selection) -> Iterable[str]:
    one, other = _questions(first.run.scores), _questions(second.run.scores)
    n_only_one = len(one.keys() ^ other.keys())
    if n_only_one:
        yield f"not the same questions, {n_only_one} are in one run only and are left out"
    n_changed = sum(one[name] != other[name] for name in one.keys() & other.keys())
    if n_changed:
        yield f"{n_changed} questions of one id differ in their text or gold answer"


def _asked_otherwise(first: EvaluationRun, second: EvaluationRun) -> Iterable[str]:
    old = first.config.model_dump(mode="json", include=_ASKED_ALIKE)
    new = second.config.model_dump(mode="json", include=_ASKED_ALIKE)
    differences = differing_keys(old, new)
    if differences:
        yield f"asked in different ways ({'; '.join(differences.values())})"


def _graded_otherwise(first: EvaluationRun, second: EvaluationRun) -> Iterable[str]:
    one, other = _grader_of(first), _grader_of(second)
    if one != other:
        yield f"graded by different versions ({one}; {other})"


def _grader_of(run: EvaluationRun) -> str:
    manifest = run.run.manifest
    versions = [f"{name} {manifest.versions.get(name, 'unknown')}" for name in _GRADERS]
    commit = [] if manifest.commit is None else [f"commit {manifest.commit[:12]}"]
    return ", ".join([*versions, *commit, *(["changed"] if manifest.is_dirty else [])])


def _questions(scores: Iterable[Score]) -> dict[str, tuple[str, str]]:
    return {score.problem_id: (score.question, score.answer) for score in scores}


def _levels(first: Sequence[Score], second: Sequence[Score]) -> list[int]:
    """The difficulties of the questions that both were asked, ascending."""
    shared = _ids(second)
    return sorted({score.level for score in first if score.level is not None and score.problem_id in shared})


def _among(scores: Sequence[Score], ids: set[str]) -> list[Score]:
    return [score for score in scores if score.problem_id in ids]


def _ids(scores: Iterable[Score]) -> set[str]:
    return {score.problem_id for score in scores}

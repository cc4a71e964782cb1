"""How much was thought compared with the base model, and how well that follows what was asked for."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from extracot.evaluation.metrics.accuracy import by_problem
from extracot.evaluation.metrics.intervals import Interval, mean, ratio_interval
from extracot.records.score import Score


@dataclass(frozen=True, slots=True)
class ControlQuality:
    """Whether asking for less yields less, and how near it comes."""

    mean_error: float
    """Mean over ratios of |ActRatio - target|."""
    is_monotone: bool
    """ActRatio strictly rises with the target."""


def act_ratio(scores: Sequence[Score]) -> float | None:
    """Mean think tokens / the base model's mean think tokens on the same questions.

    Questions without a reference (the base model did not think) are left out; None when none has one.

    Source: the definition behind the tables of arXiv 2602.08324 (a ratio of means, not a mean of ratios).
    """
    think, reference = _think_and_reference(scores)
    return math.fsum(think) / math.fsum(reference) if reference else None


def act_ratio_interval(scores: Sequence[Score]) -> Interval | None:
    """95 % interval of `act_ratio` over questions (`ratio_interval`); None with fewer than two questions.

    It covers the choice of questions; the base model's own sampling noise only through its think tokens.
    """
    totals = [
        (math.fsum(think), math.fsum(reference))
        for think, reference in map(_think_and_reference, by_problem(scores).values())
        if reference
    ]
    return ratio_interval(totals)


def question_ratios(scores: Sequence[Score]) -> list[float]:
    """Actual ratio of each completion: think tokens / base think tokens of its question.

    Completions without a reference have no ratio and are left out.
    """
    return [think / reference for think, reference in zip(*_think_and_reference(scores), strict=True)]


def control_quality(act_ratio_by_target: Mapping[float, float]) -> ControlQuality | None:
    """How well realised ratios follow the targets; None without at least one target.

    Args:
        act_ratio_by_target: realised ActRatio of each target ratio of one arm.
    """
    if not act_ratio_by_target:
        return None
    realised = [act_ratio_by_target[target] for target in sorted(act_ratio_by_target)]
    return ControlQuality(
        mean_error=mean([abs(actual - target) for target, actual in act_ratio_by_target.items()]),
        is_monotone=all(low < high for low, high in zip(realised, realised[1:], strict=False)),
    )


def _think_and_reference(scores: Iterable[Score]) -> tuple[list[float], list[float]]:
    """Think tokens and reference think tokens, aligned, of the scores that have a reference."""
    pairs = [
        (float(score.n_think_tokens), score.n_reference_think_tokens)
        for score in scores
        if score.n_reference_think_tokens is not None
    ]
    return [think for think, _ in pairs], [reference for _, reference in pairs]

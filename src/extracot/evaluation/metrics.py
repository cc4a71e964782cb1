"""What a set of graded completions says: accuracy, tokens, control, latency and choices, with intervals.

Every function is pure and works on `Score` records. A *row* is one arm asked in one way: the base model,
one fixed ratio, or the policy. "Accuracy" is always Acc@all: correct divided by everything that was asked,
so an unparseable, truncated or ungraded completion counts as wrong and is never skipped.

Not covered: throughput under load (latencies are whatever the backend measured per completion), and
significance across more than one data set.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from extracot.records.outcome import Outcome
from extracot.records.score import Score

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


class Interval(NamedTuple):
    """A 95 % confidence interval, low <= high."""

    low: float
    high: float


class RowKey(NamedTuple):
    """Which arm was asked, and how."""

    arm: str
    mode: Literal["base", "fixed", "policy"]
    target_ratio: float | None
    """The ratio asked for; None unless mode is fixed."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds per completion, as the backend measured them."""

    mean_s: float
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True)
class RowMetrics:
    """Everything we report about one row. Ratios are fractions of one, not percentages."""

    key: RowKey
    n_problems: int
    n_completions: int
    accuracy: float
    accuracy_interval: Interval
    pass_rate: float
    """Share of problems with at least one correct sample; equals `accuracy` with one sample."""
    mean_think_tokens: float
    mean_tokens: float
    """Everything generated: control token, think block and visible answer."""
    act_ratio: float | None
    """Mean think tokens / the base model's mean think tokens on the same questions; None without one."""
    act_ratio_interval: Interval | None
    mean_question_ratio: float | None
    """Mean over questions of (think tokens / base think tokens of that question)."""
    question_control_error: float | None
    """Mean over questions of |actual ratio - target ratio|; None unless the row has a target."""
    truncated_rate: float
    no_answer_rate: float
    ungraded_rate: float
    unclosed_rate: float
    latency: Latency

    @property
    def saving(self) -> float | None:
        """Share of the base model's think tokens that were not spent; negative when more were."""
        return None if self.act_ratio is None else 1.0 - self.act_ratio

    @property
    def control_error(self) -> float | None:
        """|ActRatio - target ratio|; None unless the row has a target."""
        if self.act_ratio is None or self.key.target_ratio is None:
            return None
        return abs(self.act_ratio - self.key.target_ratio)


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much more often the first row is right than the second, on the questions both were asked."""

    n_problems: int
    difference: float
    """Mean over questions of (share of correct samples, first minus second)."""
    interval: Interval
    n_first_better: int
    n_second_better: int
    p_value: float
    """Two-sided exact sign test over the questions that differ; with one sample, exact McNemar."""


@dataclass(frozen=True, slots=True)
class ControlQuality:
    """Whether asking for less yields less, and how near it comes."""

    mean_error: float
    """Mean over ratios of |ActRatio - target|."""
    is_monotone: bool
    """ActRatio strictly rises with the target."""


class CurvePoint(NamedTuple):
    """One row as a point of the accuracy-against-tokens curve."""

    think_tokens: float
    accuracy: float


def group_rows(scores: Iterable[Score]) -> dict[RowKey, list[Score]]:
    """The scores of each row; rows in order of first appearance, scores in the order given."""
    rows: dict[RowKey, list[Score]] = {}
    for score in scores:
        rows.setdefault(RowKey(score.arm, score.mode, score.target_ratio), []).append(score)
    return rows


def wilson_interval(n_correct: float, n: float) -> Interval:
    """95 % Wilson score interval of a proportion; both counts may be fractional (effective sizes).

    Raises:
        ValueError: n <= 0 or n_correct outside [0, n].

    Source: Wilson 1927; never leaves [0, 1] and keeps its width at 0 and 1, unlike the normal interval.
    """
    if n <= 0 or not 0 <= n_correct <= n:
        raise ValueError(f"wilson_interval needs 0 <= n_correct <= n and n > 0, got {n_correct} of {n}")
    share = n_correct / n
    shrink = 1.0 + Z_95**2 / n
    centre = (share + Z_95**2 / (2 * n)) / shrink
    half = Z_95 / shrink * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2))
    # Exact at the ends: rounding must not leave 0 of n with a low of 1e-17.
    low = 0.0 if n_correct == 0 else max(0.0, centre - half)
    high = 1.0 if n_correct == n else min(1.0, centre + half)
    return Interval(low, high)


def accuracy(scores: Sequence[Score]) -> float:
    """Acc@all: correct completions / all completions.

    Raises:
        ValueError: no scores.
    """
    return _mean([float(score.outcome is Outcome.CORRECT) for score in scores])


def accuracy_interval(scores: Sequence[Score]) -> Interval:
    """95 % Wilson interval of Acc@all that does not count samples of one question as independent.

    With m questions of mean correctness p_q, the Wilson interval is taken at the effective size
    n = p(1 - p) / (var(p_q) / m). One sample per question gives n = m; copies of a sample add nothing.

    Raises:
        ValueError: no scores.
    """
    shares = list(_share_correct_by_problem(scores).values())
    n_problems = len(shares)
    share = _mean(shares)
    variance = _mean([(value - share) ** 2 for value in shares])
    effective = float(n_problems)
    if variance > 0:
        effective = max(effective, share * (1 - share) / (variance / n_problems))
    # Never more than was drawn: question means that happen to agree are luck, not evidence.
    effective = min(effective, float(len(scores)))
    return wilson_interval(share * effective, effective)


def act_ratio(scores: Sequence[Score]) -> float | None:
    """Mean think tokens / the base model's mean think tokens on the same questions.

    Questions without a reference (the base model did not think) are left out; None when none has one.

    Source: the definition behind the tables of arXiv 2602.08324 (a ratio of means, not a mean of ratios).
    """
    think, reference = _think_and_reference(scores)
    return math.fsum(think) / math.fsum(reference) if reference else None


def act_ratio_interval(scores: Sequence[Score]) -> Interval | None:
    """95 % interval of `act_ratio` by the delta method over questions; None with fewer than two questions.

    With y_q think and x_q reference tokens of question q, R = mean(y) / mean(x) and
    var(R) = var(y - R x) / (m mean(x)^2): the pairing with the base model is used, not thrown away.
    It covers the choice of questions; the base model's own sampling noise only through its x_q.
    """
    ratio = act_ratio(scores)
    totals = [
        (math.fsum(think), math.fsum(reference))
        for think, reference in map(_think_and_reference, _by_problem(scores).values())
        if reference
    ]
    n_problems = len(totals)
    if ratio is None or n_problems < 2:
        return None
    # The residuals sum to zero by the definition of the ratio.
    variance = math.fsum((think - ratio * base) ** 2 for think, base in totals) / (n_problems - 1)
    half = Z_95 * math.sqrt(variance / n_problems) / _mean([base for _, base in totals])
    return Interval(max(0.0, ratio - half), ratio + half)


def question_ratios(scores: Sequence[Score]) -> list[float]:
    """Actual ratio of each completion: think tokens / base think tokens of its question.

    Completions without a reference have no ratio and are left out.
    """
    return [think / reference for think, reference in zip(*_think_and_reference(scores), strict=True)]


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile, q in [0, 1], by linear interpolation between order statistics.

    Raises:
        ValueError: no values, or q outside [0, 1].
    """
    if not values or not 0 <= q <= 1:
        raise ValueError(f"quantile needs values and q in [0, 1], got {len(values)} values and q={q}")
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def row_metrics(scores: Sequence[Score]) -> RowMetrics:
    """Everything we report about one row.

    Raises:
        ValueError: no scores, or scores of more than one row.
    """
    keys = {RowKey(score.arm, score.mode, score.target_ratio) for score in scores}
    if len(keys) != 1:
        raise ValueError(f"row_metrics needs the scores of exactly one row, got {len(keys)}")
    (key,) = keys
    ratios = question_ratios(scores)
    target = key.target_ratio
    latencies = [score.latency_s for score in scores]
    shares = _share_correct_by_problem(scores)
    return RowMetrics(
        key=key,
        n_problems=len(shares),
        n_completions=len(scores),
        accuracy=accuracy(scores),
        accuracy_interval=accuracy_interval(scores),
        pass_rate=_mean([float(share > 0) for share in shares.values()]),
        mean_think_tokens=_mean([float(score.n_think_tokens) for score in scores]),
        mean_tokens=_mean([float(score.n_tokens) for score in scores]),
        act_ratio=act_ratio(scores),
        act_ratio_interval=act_ratio_interval(scores),
        mean_question_ratio=_mean(ratios) if ratios else None,
        question_control_error=(
            _mean([abs(ratio - target) for ratio in ratios]) if ratios and target is not None else None
        ),
        truncated_rate=_outcome_rate(scores, Outcome.TRUNCATED),
        no_answer_rate=_outcome_rate(scores, Outcome.NO_ANSWER),
        ungraded_rate=_outcome_rate(scores, Outcome.UNGRADED),
        unclosed_rate=_mean([float(not score.is_closed) for score in scores]),
        latency=Latency(_mean(latencies), quantile(latencies, 0.5), quantile(latencies, 0.95)),
    )


def paired_difference(first: Sequence[Score], second: Sequence[Score]) -> PairedDifference | None:
    """Difference in accuracy of two rows on the questions both answered; None if they share none.

    The interval is normal with the Agresti-Min adjustment, generalised to per-question means D_q:
    two pseudo-questions add 0 to sum(D) and 1 to sum(D^2). It keeps a width when no question differs.

    Source: Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions".
    """
    shares_first = _share_correct_by_problem(first)
    shares_second = _share_correct_by_problem(second)
    shared = [problem_id for problem_id in shares_first if problem_id in shares_second]
    if not shared:
        return None
    differences = [shares_first[problem_id] - shares_second[problem_id] for problem_id in shared]
    adjusted_n = len(shared) + 2
    centre = math.fsum(differences) / adjusted_n
    variance = (math.fsum(d * d for d in differences) + 1) / adjusted_n - centre**2
    half = Z_95 * math.sqrt(variance / adjusted_n)
    n_first = sum(d > 0 for d in differences)
    n_second = sum(d < 0 for d in differences)
    return PairedDifference(
        n_problems=len(shared),
        difference=_mean(differences),
        interval=Interval(max(-1.0, centre - half), min(1.0, centre + half)),
        n_first_better=n_first,
        n_second_better=n_second,
        p_value=sign_test_p_value(n_first, n_second),
    )


def sign_test_p_value(n_plus: int, n_minus: int) -> float:
    """Two-sided exact p of seeing a split at least this uneven from a fair coin; 1.0 without any toss."""
    n = n_plus + n_minus
    # In integers, so exact for any n; the division rounds once, at the end.
    tail, ways = 0, 1
    for k in range(min(n_plus, n_minus) + 1):
        tail += ways
        ways = ways * (n - k) // (k + 1)  # n choose k + 1
    return min(1.0, 2 * tail / (1 << n))


def control_quality(act_ratio_by_target: Mapping[float, float]) -> ControlQuality | None:
    """How well realised ratios follow the targets; None without at least one target.

    Args:
        act_ratio_by_target: realised ActRatio of each target ratio of one arm.
    """
    if not act_ratio_by_target:
        return None
    realised = [act_ratio_by_target[target] for target in sorted(act_ratio_by_target)]
    return ControlQuality(
        mean_error=_mean([abs(actual - target) for target, actual in act_ratio_by_target.items()]),
        is_monotone=all(low < high for low, high in zip(realised, realised[1:], strict=False)),
    )


def choices_by_level(scores: Iterable[Score]) -> dict[int | None, Counter[float | None]]:
    """How often each ratio was chosen, per difficulty level; levels ascending, unknown level (None) last.

    A completion that did not start with a ratio token is counted under None.
    """
    counts: defaultdict[int | None, Counter[float | None]] = defaultdict(Counter)
    for score in scores:
        counts[score.level][score.chosen_ratio] += 1
    return {level: counts[level] for level in sorted(counts, key=_level_order)}


def accuracy_by_level(scores: Iterable[Score]) -> dict[int | None, float]:
    """Acc@all per difficulty level; levels ascending, unknown level (None) last."""
    groups: defaultdict[int | None, list[Score]] = defaultdict(list)
    for score in scores:
        groups[score.level].append(score)
    return {level: accuracy(groups[level]) for level in sorted(groups, key=_level_order)}


def interpolate_accuracy(curve: Sequence[CurvePoint], think_tokens: float) -> float | None:
    """Accuracy of the piecewise linear curve at that many think tokens; None outside its range.

    Points with equal tokens are averaged. Used to compare arms at matched cost.
    """
    points = _merge_equal_tokens(curve)
    for left, right in zip(points, points[1:], strict=False):
        if left.think_tokens <= think_tokens <= right.think_tokens:
            weight = (think_tokens - left.think_tokens) / (right.think_tokens - left.think_tokens)
            return left.accuracy + weight * (right.accuracy - left.accuracy)
    if len(points) == 1 and points[0].think_tokens == think_tokens:
        return points[0].accuracy
    return None


def area_under_curve(curve: Sequence[CurvePoint], low: float, high: float) -> float | None:
    """Mean height of the accuracy-against-think-tokens curve over [low, high] tokens, in [0, 1].

    The trapezoidal area divided by the width, so arms on one range compare directly and 1.0 is perfect.
    None when the curve does not cover the range or the range is empty: nothing is extrapolated.
    """
    start, end = interpolate_accuracy(curve, low), interpolate_accuracy(curve, high)
    if start is None or end is None or high <= low:
        return None
    inner = [point for point in _merge_equal_tokens(curve) if low < point.think_tokens < high]
    points = [CurvePoint(low, start), *inner, CurvePoint(high, end)]
    area = math.fsum(
        (right.think_tokens - left.think_tokens) * (left.accuracy + right.accuracy) / 2
        for left, right in zip(points, points[1:], strict=False)
    )
    return area / (high - low)


def common_range(curves: Iterable[Sequence[CurvePoint]]) -> tuple[float, float] | None:
    """The think-token range that every curve covers; None when there is none."""
    bounds = [
        (min(point.think_tokens for point in curve), max(point.think_tokens for point in curve))
        for curve in curves
        if curve
    ]
    if not bounds:
        return None
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    return (low, high) if low < high else None


def _merge_equal_tokens(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    heights: defaultdict[float, list[float]] = defaultdict(list)
    for point in curve:
        heights[point.think_tokens].append(point.accuracy)
    return [CurvePoint(tokens, _mean(heights[tokens])) for tokens in sorted(heights)]


def _think_and_reference(scores: Iterable[Score]) -> tuple[list[float], list[float]]:
    """Think tokens and reference think tokens, aligned, of the scores that have a reference."""
    pairs = [
        (float(score.n_think_tokens), score.n_reference_think_tokens)
        for score in scores
        if score.n_reference_think_tokens is not None
    ]
    return [think for think, _ in pairs], [reference for _, reference in pairs]


def _by_problem(scores: Iterable[Score]) -> dict[str, list[Score]]:
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.problem_id, []).append(score)
    return groups


def _share_correct_by_problem(scores: Iterable[Score]) -> dict[str, float]:
    return {problem_id: accuracy(group) for problem_id, group in _by_problem(scores).items()}


def _outcome_rate(scores: Sequence[Score], outcome: Outcome) -> float:
    return _mean([float(score.outcome is outcome) for score in scores])


def _level_order(level: int | None) -> tuple[bool, int]:
    return (level is None, level or 0)


def _mean(values: Sequence[float]) -> float:
    if not values:
        raise ValueError("no values to average")
    return math.fsum(values) / len(values)

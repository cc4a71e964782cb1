"""Everything that is reported about one row: one arm asked in one way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from extracot.evaluation.metrics.accuracy import accuracy, accuracy_interval, share_correct_by_problem
from extracot.evaluation.metrics.intervals import Interval, mean, quantile
from extracot.evaluation.metrics.passes import PassAtK, fewest_samples, pass_at_k, shown_ks
from extracot.evaluation.metrics.ratios import act_ratio, act_ratio_interval, question_ratios
from extracot.records.outcome import Outcome
from extracot.records.score import Score


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
    passes: tuple[PassAtK, ...]
    """pass@k for the k of `shown_ks`, as far as every problem has k samples; empty with one sample."""
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
    def mean_answer_tokens(self) -> float:
        """Everything generated outside of the think block: visible answer, control token, tags, end of sequence."""
        return self.mean_tokens - self.mean_think_tokens

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


def group_rows(scores: Iterable[Score]) -> dict[RowKey, list[Score]]:
    """The scores of each row; rows in order of first appearance, scores in the order given."""
    rows: dict[RowKey, list[Score]] = {}
    for score in scores:
        rows.setdefault(RowKey(score.arm, score.mode, score.target_ratio), []).append(score)
    return rows


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
    shares = share_correct_by_problem(scores)
    return RowMetrics(
        key=key,
        n_problems=len(shares),
        n_completions=len(scores),
        accuracy=accuracy(scores),
        accuracy_interval=accuracy_interval(scores),
        pass_rate=mean([float(share > 0) for share in shares.values()]),
        passes=tuple(pass_at_k(scores, shown_ks(fewest_samples(scores)))),
        mean_think_tokens=mean([float(score.n_think_tokens) for score in scores]),
        mean_tokens=mean([float(score.n_tokens) for score in scores]),
        act_ratio=act_ratio(scores),
        act_ratio_interval=act_ratio_interval(scores),
        mean_question_ratio=mean(ratios) if ratios else None,
        question_control_error=(
            mean([abs(ratio - target) for ratio in ratios]) if ratios and target is not None else None
        ),
        truncated_rate=_outcome_rate(scores, Outcome.TRUNCATED),
        no_answer_rate=_outcome_rate(scores, Outcome.NO_ANSWER),
        ungraded_rate=_outcome_rate(scores, Outcome.UNGRADED),
        unclosed_rate=mean([float(not score.is_closed) for score in scores]),
        latency=Latency(mean(latencies), quantile(latencies, 0.5), quantile(latencies, 0.95)),
    )


def _outcome_rate(scores: Sequence[Score], outcome: Outcome) -> float:
    return mean([float(score.outcome is outcome) for score in scores])

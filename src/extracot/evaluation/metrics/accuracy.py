"""Acc@all: correct divided by everything that was asked, with an interval over questions."""

from collections.abc import Iterable, Sequence

from extracot.evaluation.metrics.intervals import Interval, mean, wilson_interval
from extracot.records.outcome import Outcome
from extracot.records.score import Score


def accuracy(scores: Sequence[Score]) -> float:
    """Acc@all: correct completions / all completions.

    Raises:
        ValueError: no scores.
    """
    return mean([float(score.outcome is Outcome.CORRECT) for score in scores])


def accuracy_interval(scores: Sequence[Score]) -> Interval:
    """95 % interval of Acc@all that does not count samples of one question as independent.

    Raises:
        ValueError: no scores.
    """
    return clustered_interval(list(share_correct_by_problem(scores).values()), len(scores))


def clustered_interval(shares: Sequence[float], n_drawn: float) -> Interval:
    """95 % Wilson interval of the mean of one share per question.

    With m questions of shares p_q, the Wilson interval is taken at the effective size
    n = p(1 - p) / (var(p_q) / m). One sample per question gives n = m; copies of a sample add nothing.

    Args:
        shares: one per question, in [0, 1].
        n_drawn: tries behind all shares together; the effective size is at most this.

    Raises:
        ValueError: no shares.
    """
    n_problems = len(shares)
    share = mean(shares)
    variance = mean([(value - share) ** 2 for value in shares])
    effective = float(n_problems)
    if variance > 0:
        effective = max(effective, share * (1 - share) / (variance / n_problems))
    # Never more than was drawn: question means that happen to agree are luck, not evidence.
    effective = min(effective, float(n_drawn))
    return wilson_interval(share * effective, effective)


def by_problem(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """The scores of each problem, in order of first appearance."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.problem_id, []).append(score)
    return groups


def share_correct_by_problem(scores: Iterable[Score]) -> dict[str, float]:
    """The share of correct samples of each problem."""
    return {problem_id: accuracy(group) for problem_id, group in by_problem(scores).items()}

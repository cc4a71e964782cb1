"""Choose the problems for reinforcement learning from measured teacher budgets."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from extracot.errors import DataError
from extracot.records.budget import TeacherBudget

UNSOLVED = "none"
"""Key of the problems that no budget solves."""


def ratio_key(teacher_ratio: float | None) -> str:
    """How a teacher budget is written in configs and tables: "0.20", or `UNSOLVED`."""
    return UNSOLVED if teacher_ratio is None else f"{teacher_ratio:.2f}"


def keep_within_window(budgets: Sequence[TeacherBudget], ratio_window: float) -> list[TeacherBudget]:
    """Drop solved problems whose mean actual ratio at their teacher budget is more than `ratio_window` off it.

    What such a budget stands for is not what is spent with it. Unsolved problems stay.

    Raises:
        DataError: a solved problem whose actual ratios were not measured.

    Source: the windows of the authors' RL set, 0.1 around each ratio.
    """
    kept = []
    for budget in budgets:
        if budget.teacher_ratio is not None:
            actual = budget.actual_ratios.get(ratio_key(budget.teacher_ratio))
            if actual is None:
                raise DataError(
                    f"problem {budget.problem_id} has no actual ratio at its teacher budget, which ratio_window needs; "
                    "measure it again with extracot teacher-budgets, or set ratio_window=null"
                )
            if abs(actual - budget.teacher_ratio) > ratio_window + 1e-9:  # float noise must not drop the edge
                continue
        kept.append(budget)
    return kept


def choose_problems(
    budgets: Sequence[TeacherBudget], unsolved_share: float, quotas: Mapping[str, int], seed: int
) -> list[TeacherBudget]:
    """Limit the unsolved problems to a share of the result, and each teacher budget to its quota.

    Args:
        budgets: all that may be taken.
        unsolved_share: the most that problems without a teacher budget may make up, in [0, 1]; 1 is no
            limit. Which of them stay is drawn, so many that `n_unsolved <= unsolved_share * n_chosen`.
        quotas: `ratio_key` -> the most problems of it; a key that is not there has no limit.
        seed: decides which ones stay.

    Returns:
        The chosen ones in the order of `budgets`.
    """
    generator = random.Random(seed)
    shuffled = list(range(len(budgets)))
    generator.shuffle(shuffled)
    n_taken: Counter[str] = Counter()
    chosen: list[int] = []
    unsolved: list[int] = []
    for index in shuffled:
        key = ratio_key(budgets[index].teacher_ratio)
        if n_taken[key] >= quotas.get(key, len(budgets)):
            continue
        n_taken[key] += 1
        (unsolved if key == UNSOLVED else chosen).append(index)
    n_unsolved = len(unsolved)
    if unsolved_share < 1:  # n <= share·(solved + n); the small term keeps float noise from losing one
        n_unsolved = int(unsolved_share * len(chosen) / (1 - unsolved_share) + 1e-9)
    return [budgets[index] for index in sorted(chosen + unsolved[:n_unsolved])]


def check_grid(budgets: Iterable[TeacherBudget], grid: Sequence[float], path: str) -> None:
    """See that teacher budgets were measured at the ratios that a model can choose.

    Raises:
        DataError: they name other ratios; which, and where.
    """
    known = {ratio_key(ratio) for ratio in grid}
    for budget in budgets:
        teacher = [] if budget.teacher_ratio is None else [ratio_key(budget.teacher_ratio)]
        unknown = sorted({*budget.pass_rates, *teacher} - known)
        if unknown:
            raise DataError(
                f"{path}: problem {budget.problem_id} was measured at {', '.join(unknown)}, for which the model has no "
                f"token; its ratios are {', '.join(sorted(known))}: measure with this model (extracot teacher-budgets)"
            )

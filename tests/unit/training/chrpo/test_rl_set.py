import pytest

from extracot.errors import DataError
from extracot.records.budget import TeacherBudget
from extracot.training.chrpo.rl_set import choose_problems, keep_within_window


def budget(name: str, teacher_ratio: float | None) -> TeacherBudget:
    return TeacherBudget(
        problem_id=name,
        question="q",
        answer="1",
        level=None,
        pass_rates={"1.00": 0.0 if teacher_ratio is None else 1.0},
        teacher_ratio=teacher_ratio,
        n_reference_think_tokens=10.0,
        n_samples=1,
    )


SOLVED = [budget(f"s{i}", 0.2 if i % 2 else 1.0) for i in range(19)]
UNSOLVED = [budget(f"u{i}", None) for i in range(10)]


@pytest.mark.parametrize(("share", "n_unsolved"), [(0.0, 0), (0.05, 1), (0.24, 6), (0.5, 10)])
def test_unsolved_problems_make_up_at_most_their_share(share: float, n_unsolved: int) -> None:
    # 19 solved: 1/20 = 0.05; 6/25 = 0.24; half would be 19, there are 10
    chosen = choose_problems(UNSOLVED + SOLVED, share, {}, seed=0)
    assert sum(b.teacher_ratio is None for b in chosen) == n_unsolved
    assert sum(b.teacher_ratio is not None for b in chosen) == 19


def test_a_quota_limits_its_budget_and_no_other() -> None:
    chosen = choose_problems(SOLVED, 0.05, {"0.20": 3}, seed=0)
    assert sum(b.teacher_ratio == 0.2 for b in chosen) == 3
    assert sum(b.teacher_ratio == 1.0 for b in chosen) == 10  # of 0, 2, ..., 18


def test_the_seed_decides_which_stay_and_the_order_is_kept() -> None:
    budgets = UNSOLVED + SOLVED
    first = choose_problems(budgets, 0.1, {}, seed=1)
    assert first == choose_problems(budgets, 0.1, {}, seed=1)
    assert first == [b for b in budgets if b in first]
    assert any(first != choose_problems(budgets, 0.1, {}, seed=seed) for seed in range(2, 6))


def test_a_share_of_one_takes_all_even_when_nothing_is_solved() -> None:
    assert choose_problems(UNSOLVED, 1.0, {}, seed=0) == UNSOLVED


def test_nothing_in_nothing_out() -> None:
    assert choose_problems([], 0.05, {}, seed=0) == []
    assert choose_problems(UNSOLVED, 0.05, {}, seed=0) == []


def measured(name: str, teacher_ratio: float | None, actual: float) -> TeacherBudget:
    key = "1.00" if teacher_ratio is None else f"{teacher_ratio:.2f}"
    return budget(name, teacher_ratio).model_copy(update={"actual_ratios": {key: actual}})


def test_a_window_keeps_what_spends_its_teacher_budget_up_to_the_edge_on_both_sides() -> None:
    inside = [measured("on", 0.2, 0.2), measured("high edge", 0.2, 0.3), measured("low edge", 0.5, 0.4)]
    outside = [measured("dear", 0.2, 0.31), measured("cheap", 0.5, 0.39)]
    assert keep_within_window([*inside, *outside], 0.1) == inside


def test_a_window_does_not_judge_the_unsolved() -> None:
    unsolved = measured("hard", None, 3.0)
    assert keep_within_window([unsolved], 0.1) == [unsolved]


def test_a_window_needs_measured_ratios() -> None:
    with pytest.raises(DataError, match="no actual ratio at its teacher budget.*ratio_window=null"):
        keep_within_window([budget("old", 0.2)], 0.1)

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.records.outcome import Outcome
from extracot.training.chrpo.rewards import (
    CalibrationShape,
    HeadShape,
    IntegrityShape,
    ModeShape,
    Violation,
    accuracy_reward,
    calibration_reward,
    head_reward,
    integrity_reward,
    mode_reward,
)

CALIBRATION = CalibrationShape(tolerance=0.1, delta=0.2, cap=1.0)
MODE = ModeShape(gain=0.5, bonus=0.2, cap=0.3, over_right=0.5, under_wrong=1.0, over_wrong=0.1, unsolved_wrong=0.2)
HEAD = HeadShape(peak=1.0, below_right=0.1, over_right=1.0, under_wrong=1.0, over_wrong=0.1, unsolved_wrong=0.2)
GRIDS = [(0.2, 0.4, 0.6, 0.8, 1.0), (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)]


@pytest.mark.parametrize(
    ("outcome", "reward"),
    [
        (Outcome.CORRECT, 1.0),
        (Outcome.WRONG, 0.0),
        (Outcome.NO_ANSWER, 0.0),
        (Outcome.TRUNCATED, 0.0),
        (Outcome.UNGRADED, None),
    ],
)
def test_only_a_correct_answer_is_paid_and_an_undecided_one_is_unknown(outcome: Outcome, reward: float | None) -> None:
    assert accuracy_reward(outcome) == reward


@pytest.mark.parametrize(
    ("actual", "chosen", "reward"),
    [
        (0.2, 0.2, 0.0),  # kept to the point
        (0.3, 0.2, 0.0),  # on the edge of the band
        (0.12, 0.2, 0.0),  # shorter, within the band
        (0.4, 0.2, -0.025),  # miss 0.1: 0.1² / (2·0.2)
        (0.0, 0.2, -0.025),  # the same below
        (0.5, 0.2, -0.1),  # miss 0.2 = delta: 0.04 / 0.4
        (0.8, 0.2, -0.4),  # miss 0.5: 0.5 - 0.2/2
        (1.3, 0.2, -0.9),  # miss 1.0 = cap: 1 - 0.1
        (25.0, 0.2, -0.9),  # a run-away response counts as the cap
        (0.2, None, -0.9),  # no choice, no promise kept
    ],
)
def test_calibration_is_a_huber_penalty_outside_the_band(actual: float, chosen: float | None, reward: float) -> None:
    assert calibration_reward(actual, chosen, CALIBRATION) == pytest.approx(reward, abs=1e-12)


@pytest.mark.parametrize(
    ("is_correct", "chosen", "teacher", "reward"),
    [
        (True, 0.4, 0.4, 0.2),  # d = 0: the bonus
        (True, 0.3, 0.4, 0.25),  # d = -0.1: 0.5·0.1 + 0.2
        (True, 0.2, 0.4, 0.3),  # d = -0.2: 0.1 + 0.2, at the cap
        (True, 0.1, 1.0, 0.3),  # d = -0.9: capped
        (True, 0.6, 0.4, -0.1),  # d = 0.2: -0.5·0.2
        (True, 1.0, 0.1, -0.45),  # d = 0.9
        (False, 0.3, 0.4, -0.1),  # d = -0.1: -1.0·0.1
        (False, 0.1, 1.0, -0.9),  # d = -0.9
        (False, 0.4, 0.4, 0.0),  # d = 0
        (False, 1.0, 0.4, -0.06),  # d = 0.6: -0.1·0.6
        (True, 0.2, None, 0.0),  # unsolved, right: only accuracy pays
        (True, 1.0, None, 0.0),
        (False, 1.0, None, 0.0),  # unsolved, wrong: recovery is complete
        (False, 0.2, None, -0.16),  # -0.2·0.8
        (True, None, 0.4, -0.3),  # no choice, right: as r_c = 1, d = 0.6
        (False, None, 0.4, -0.4),  # no choice, wrong: as r_c = 0, d = -0.4
        (True, None, None, 0.0),
        (False, None, None, -0.2),
    ],
)
def test_mode_pays_savings_and_charges_by_outcome_and_side(
    is_correct: bool, chosen: float | None, teacher: float | None, reward: float
) -> None:
    assert mode_reward(is_correct, chosen, teacher, MODE) == pytest.approx(reward, abs=1e-12)


@pytest.mark.parametrize(
    ("is_correct", "chosen", "teacher", "reward"),
    [
        (True, 0.4, 0.4, 1.0),
        (True, 0.2, 0.4, 0.98),  # 1 - 0.1·0.2
        (True, 0.6, 0.4, 0.8),  # 1 - 1.0·0.2
        (False, 0.2, 0.4, -0.2),  # -1.0·0.2
        (False, 0.4, 0.4, 0.0),
        (False, 1.0, 0.4, -0.06),  # -0.1·0.6
        (True, 0.2, None, 1.0),
        (False, 0.2, None, -0.16),  # -0.2·0.8
        (False, 1.0, None, 0.0),
        (True, None, 0.4, -1.0),
        (False, None, None, -1.0),
    ],
)
def test_the_head_is_paid_for_the_choice(
    is_correct: bool, chosen: float | None, teacher: float | None, reward: float
) -> None:
    assert head_reward(is_correct, chosen, teacher, HEAD) == pytest.approx(reward, abs=1e-12)


@pytest.mark.parametrize(
    ("violations", "reward"),
    [
        ([], 0.0),
        ([Violation.NO_THINK], -0.5),
        ([Violation.NO_THINK, Violation.NO_THINK], -0.5),  # a kind counts once
        ([Violation.NO_THINK, Violation.NO_ANSWER], -1.0),
        (list(Violation), -1.0),  # capped
    ],
)
def test_integrity_charges_per_kind_up_to_the_cap(violations: list[Violation], reward: float) -> None:
    assert integrity_reward(violations, IntegrityShape(penalty=0.5, cap=1.0)) == reward


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("part", ["main", "head"])
def test_outcomes_keep_their_order_with_the_defaults(grid: tuple[float, ...], part: str) -> None:
    """right-and-cheap > right-and-dear > wrong-and-generous > wrong-and-cut-too-far, for every r* and every
    r_c."""

    def total(is_correct: bool, chosen: float, teacher: float) -> float:
        if part == "head":
            return head_reward(is_correct, chosen, teacher, HeadShape())
        return is_correct + mode_reward(is_correct, chosen, teacher, ModeShape())

    for teacher in grid:
        cheap = [total(True, chosen, teacher) for chosen in grid if chosen <= teacher]
        dear = [total(True, chosen, teacher) for chosen in grid if chosen > teacher]
        generous = [total(False, chosen, teacher) for chosen in grid if chosen >= teacher]
        cut = [total(False, chosen, teacher) for chosen in grid if chosen < teacher]
        present = [outcomes for outcomes in (cheap, dear, generous, cut) if outcomes]
        for better, worse in itertools.pairwise(present):
            assert min(better) > max(worse), (teacher, better, worse)


@given(st.sampled_from(GRIDS[1]), st.sampled_from(GRIDS[1]), st.booleans())
def test_leaving_the_choice_out_never_pays(chosen: float, teacher: float, is_correct: bool) -> None:
    silent = mode_reward(is_correct, None, teacher, ModeShape())
    assert silent <= mode_reward(is_correct, chosen, teacher, ModeShape())
    assert head_reward(is_correct, None, teacher, HeadShape()) <= head_reward(is_correct, chosen, teacher, HeadShape())


@given(st.floats(0, 5), st.floats(0, 5), st.sampled_from(GRIDS[0]))
def test_a_larger_miss_is_never_cheaper(a: float, b: float, chosen: float) -> None:
    near, far = sorted((a, b), key=lambda actual: abs(actual - chosen))
    assert calibration_reward(near, chosen, CALIBRATION) >= calibration_reward(far, chosen, CALIBRATION)


@given(st.sampled_from(GRIDS[0]), st.sampled_from(GRIDS[0]))
def test_falling_back_costs_less_than_holding_on_by_the_same_distance(a: float, b: float) -> None:
    low, high = sorted((a, b))
    if low < high:
        assert mode_reward(False, high, low, ModeShape()) > mode_reward(False, low, high, ModeShape())
        assert head_reward(False, high, low, HeadShape()) > head_reward(False, low, high, HeadShape())


def test_float_noise_in_a_ratio_does_not_turn_equal_into_dear() -> None:
    assert mode_reward(True, 0.1 + 0.2, 0.3, MODE) == 0.2

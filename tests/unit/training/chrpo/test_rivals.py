"""Rewards of other methods; every expected value is derived by hand."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.training.chrpo.rivals import (
    RivalCase,
    RivalReward,
    lcpo_exact_reward,
    lcpo_max_reward,
    relative_length_rewards,
    rival_rewards,
    thinkless_reward,
)

GRID = (0.2, 0.6, 1.0)


@pytest.mark.parametrize(
    ("is_correct", "chosen", "reward"),
    [
        (True, 0.2, 1.0),  # right and cheapest
        (True, 1.0, 0.5),  # right and dearest: dear
        (True, 0.6, 0.75),  # half way on the grid, half way on the line
        (False, 0.2, -1.0),
        (False, 1.0, -1.0),
        (True, None, -1.0),  # of bad form, whatever the answer
        (False, None, -1.0),
    ],
)
def test_thinkless_pays_right_answers_by_their_choice(is_correct: bool, chosen: float | None, reward: float) -> None:
    assert thinkless_reward(is_correct, chosen, GRID, dear=0.5, wrong=-1.0) == pytest.approx(reward)


def test_thinkless_with_two_ratios_is_the_published_reward() -> None:
    assert [thinkless_reward(True, ratio, (0.1, 1.0), 0.5, -1.0) for ratio in (0.1, 1.0)] == [1.0, 0.5]


def test_thinkless_with_one_ratio_pays_it_in_full() -> None:
    assert thinkless_reward(True, 0.5, (0.5,), 0.5, -1.0) == 1.0


@pytest.mark.parametrize(
    ("is_correct", "n_tokens", "reward"),
    [
        (True, 1000, 1.0),  # right and exact
        (True, 1500, 0.85),  # 1 - 3e-4 · 500
        (True, 500, 0.85),  # as far on the other side
        (False, 1000, 0.0),  # wrong and exact
        (False, 5000, -1.2),  # wrong and 4000 away
    ],
)
def test_lcpo_exact_charges_every_token_away_from_the_asked_length(
    is_correct: bool, n_tokens: int, reward: float
) -> None:
    assert lcpo_exact_reward(is_correct, n_tokens, 1000.0, per_token=3e-4) == pytest.approx(reward)


@pytest.mark.parametrize(
    ("is_correct", "n_tokens", "reward"),
    [
        (True, 1000, 0.5),  # right, at the limit
        (True, 0, 0.65),  # (3e-4 · 1000 + 1)/2
        (True, 2000, 0.35),  # (-0.3 + 1)/2
        (True, 9000, 0.0),  # -2.4 is clipped to -1
        (False, 0, 0.0),
        (False, 9000, 0.0),
    ],
)
def test_lcpo_max_pays_right_answers_that_stay_below_the_asked_length(
    is_correct: bool, n_tokens: int, reward: float
) -> None:
    assert lcpo_max_reward(is_correct, n_tokens, 1000.0, per_token=3e-4) == pytest.approx(reward)


def test_lcpo_max_is_bounded_on_both_sides() -> None:
    assert lcpo_max_reward(True, 0, 9000.0, per_token=3e-4) == 1.0  # 2.7 is clipped to 1


def test_relative_length_compares_the_right_answers_of_a_group() -> None:
    # Right: 10, 20, 30. Mean 20, deviation sqrt((100 + 0 + 100)/3) = 8.165; z = -1.2247, 0, 1.2247.
    # The wrong answer of 500 tokens moves neither.
    z = 10 / math.sqrt(200 / 3)
    rewards = relative_length_rewards([True, False, True, True], [10, 500, 20, 30], alpha=0.4)
    expected = [1 - 0.4 / (1 + math.exp(z)), 0.0, 1 - 0.4 / 2, 1 - 0.4 / (1 + math.exp(-z))]
    assert rewards == pytest.approx(expected)


@pytest.mark.parametrize("n_tokens", [[7, 90, 90], [40, 40, 40]])
def test_a_right_answer_with_no_other_length_beside_it_is_of_mean_length(n_tokens: list[int]) -> None:
    are_correct = [n == n_tokens[0] for n in n_tokens]
    rewards = relative_length_rewards(are_correct, n_tokens, alpha=0.4)
    assert rewards == [0.8 if right else 0.0 for right in are_correct]  # 1 - 0.4/2


def test_a_group_without_a_right_answer_earns_nothing() -> None:
    assert relative_length_rewards([False, False], [3, 4], alpha=0.4) == [0.0, 0.0]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5000)), min_size=1, max_size=16), st.floats(0, 0.9))
def test_relative_length_never_puts_a_wrong_answer_above_a_right_one_nor_a_longer_above_a_shorter(
    responses: list[tuple[bool, int]], alpha: float
) -> None:
    flags, lengths = [flag for flag, _ in responses], [n for _, n in responses]
    rewards = relative_length_rewards(flags, lengths, alpha)
    assert all((reward >= 1 - alpha) if flag else (reward == 0) for flag, reward in zip(flags, rewards, strict=True))
    by_length = sorted((n, reward) for flag, n, reward in zip(flags, lengths, rewards, strict=True) if flag)
    assert all(shorter[1] >= longer[1] for shorter, longer in pairwise(by_length))


def case(**changes: Any) -> RivalCase:
    values = {
        "is_correct": True,
        "chosen_ratio": 0.2,
        "asked_ratio": None,
        "n_think_tokens": 100,
        "n_tokens": 120,
        "n_reference_think_tokens": 1000.0,
        **changes,
    }
    return RivalCase(**values)


def test_the_asked_length_is_the_asked_ratio_of_the_reference_and_meets_think_tokens() -> None:
    # 0.2 · 1000 = 200 asked, 100 thought: 100 short, at 1e-3 each. Neither the choice nor the 120 tokens in all matter.
    short = case(asked_ratio=0.2, chosen_ratio=1.0)
    exact = rival_rewards([short], 1, GRID, RivalReward(kind="lcpo_exact", per_token=1e-3))
    assert exact == [pytest.approx(0.9)]
    most = rival_rewards([short], 1, GRID, RivalReward(kind="lcpo_max", per_token=1e-3))
    assert most == [pytest.approx((0.1 + 1) / 2)]


@pytest.mark.parametrize("kind", ["lcpo_exact", "lcpo_max"])
def test_a_length_that_nobody_asked_for_is_an_error(kind: Any) -> None:
    with pytest.raises(ValueError, match=f"{kind} needs prompts that ask for a ratio"):
        rival_rewards([case()], 1, GRID, RivalReward(kind=kind))


def test_each_group_is_compared_with_itself() -> None:
    # Whole responses count: 10 and 30 in one group, 1000 and 3000 in the other, hence z = -1 and 1 in both.
    cases = [case(n_tokens=n) for n in (10, 30, 1000, 3000)]
    low, high = 1 - 0.1 / (1 + math.exp(1)), 1 - 0.1 / (1 + math.exp(-1))
    rewards = rival_rewards(cases, 2, GRID, RivalReward(kind="relative_length", alpha=0.1))
    assert rewards == pytest.approx([low, high, low, high])


@pytest.mark.parametrize("kind", ["thinkless", "lcpo_exact", "lcpo_max", "relative_length"])
def test_an_undecided_grade_leaves_the_reward_unknown_and_moves_nobody_else(kind: Any) -> None:
    sure = [case(asked_ratio=0.2, n_tokens=n) for n in (110, 150)]
    unsure = case(asked_ratio=0.2, n_tokens=9000, is_correct=None)
    rival = RivalReward(kind=kind)
    rewards = rival_rewards([sure[0], unsure, sure[1]], 3, GRID, rival)
    assert rewards[1] is None
    assert [rewards[0], rewards[2]] == rival_rewards(sure, 2, GRID, rival)


def test_no_rival_has_no_reward() -> None:
    with pytest.raises(ValueError, match="no reward of another method"):
        rival_rewards([case()], 1, GRID, RivalReward())


def test_an_incomplete_group_is_refused() -> None:
    with pytest.raises(ValueError, match="3 responses are no whole number of groups of 2"):
        rival_rewards([case()] * 3, 2, GRID, RivalReward(kind="thinkless"))

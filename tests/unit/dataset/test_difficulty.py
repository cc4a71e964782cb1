"""Difficulty is the share of needed tokens; easier questions get smaller ratios, in the asked shares."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.dataset.difficulty import assign_ratios, needed_share

GRID = (0.2, 0.4, 0.6, 0.8, 1.0)
RELEASE_SHARES = (18, 24, 26, 22, 10)


def test_the_share_counts_the_tokens_of_needed_formulas() -> None:
    cot = "So $ a = 1 $. And $ b = 2 $."
    # words: So $ a = 1 $. And $ b = 2 $. are 12; the second formula has 5
    assert needed_share(cot, [(18, 27)], 12, lambda text: len(text.split())) == pytest.approx(5 / 12)
    assert needed_share(cot, [], 12, len) is None
    assert needed_share("", [(0, 1)], 0, len) is None


def test_the_queue_has_the_shares_of_the_release() -> None:
    difficulties = [i / 100 for i in range(100)]
    ratios = assign_ratios(difficulties, GRID, RELEASE_SHARES, 0.0, random.Random(0))
    assert Counter(ratios) == dict(zip(GRID, RELEASE_SHARES, strict=True))


@given(st.lists(st.floats(0, 1), max_size=50), st.lists(st.integers(0, 9), min_size=5, max_size=5))
def test_an_easier_question_never_gets_a_larger_ratio(difficulties: list[float], shares: list[int]) -> None:
    if not sum(shares):
        shares = [1] * 5
    ratios = assign_ratios(difficulties, GRID, shares, 0.0, random.Random(0))
    by_difficulty = [ratio for _, ratio in sorted(zip(difficulties, ratios, strict=True))]
    assert by_difficulty == sorted(ratios)
    # no ratio is off its share by more than the rounding of its two ends
    for ratio, share in zip(GRID, shares, strict=True):
        assert abs(ratios.count(ratio) - len(difficulties) * share / sum(shares)) <= 1 + 1e-9


@given(st.integers(0, 9), st.floats(0, 1))
def test_jitter_moves_by_one_step_at_most(seed: int, jitter: float) -> None:
    difficulties = [i / 40 for i in range(40)]
    plain = assign_ratios(difficulties, GRID, RELEASE_SHARES, 0.0, random.Random(seed))
    moved = assign_ratios(difficulties, GRID, RELEASE_SHARES, jitter, random.Random(seed))
    steps = [abs(GRID.index(a) - GRID.index(b)) for a, b in zip(plain, moved, strict=True)]
    assert max(steps) <= 1


def test_full_jitter_moves_most_and_the_seed_decides_where() -> None:
    difficulties = [i / 40 for i in range(40)]
    a, again, b = (
        assign_ratios(difficulties, GRID, RELEASE_SHARES, 1.0, random.Random(seed)) for seed in (1, 1, 2)
    )
    assert a == again != b


def test_a_share_of_zero_leaves_its_ratio_out() -> None:
    ratios = assign_ratios([0.1, 0.2, 0.3, 0.4], (0.2, 0.5, 1.0), (1, 0, 1), 0.0, random.Random(0))
    assert ratios == [0.2, 0.2, 1.0, 1.0]

"""Ranking and cutting, on cases small enough to work out by hand."""

import pytest

from extracot.compressor.selection import check_ratios, cut, rank_units
from extracot.errors import ConfigError


def test_better_units_come_first_and_ties_go_to_the_right() -> None:
    assert rank_units([0.2, 0.9, 0.2, 0.5]) == [1, 3, 2, 0]


def test_scores_within_one_step_count_as_equal() -> None:
    # 0.52, 0.49 and 0.54 all round to 2 x 0.25; 0.8 rounds to 3 x 0.25.
    assert rank_units([0.52, 0.49, 0.54, 0.8], resolution=0.25) == [3, 2, 1, 0]


def test_forced_units_come_before_better_ones() -> None:
    assert rank_units([0.9, 0.1, 0.5], forced={1}) == [1, 0, 2]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (0.30, [True, False, False]),  # target 3 of 10: 4 is nearer than 0
        (0.20, [False, False, False]),  # target 2: 0 and 4 are equally near, the cheaper one wins
        (0.65, [True, True, False]),  # target 6.5: 7 is nearer than 4
        (1.00, [True, True, True]),
    ],
)
def test_the_nearest_prefix_is_kept(ratio: float, expected: list[bool]) -> None:
    assert cut([0, 1, 2], [4, 3, 3], ratio) == expected


def test_flags_follow_the_text_and_not_the_ranking() -> None:
    assert cut([2, 0, 1], [1, 1, 1], 0.34) == [False, False, True]


def test_units_without_tokens_come_for_free() -> None:
    assert cut([0, 1, 2], [2, 0, 2], 0.5) == [True, True, False]


def test_a_text_without_tokens_is_kept() -> None:
    assert cut([0, 1], [0, 0], 0.1) == [True, True]


@pytest.mark.parametrize("ratios", [[], [0.0], [-0.1], [1.01], [float("nan")], [0.2, 0.2]])
def test_impossible_ratios_are_refused(ratios: list[float]) -> None:
    with pytest.raises(ConfigError, match="ratio"):
        check_ratios(ratios)

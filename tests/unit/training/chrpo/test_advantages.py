import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extracot.training.chrpo.advantages import EPSILON, combine_parts, normalize_groups
from extracot.training.chrpo.config import RewardWeights

NAN = math.nan


def test_a_group_is_centred_and_divided_by_its_own_deviation() -> None:
    # 1, 0, 0, 1: mean 0.5, squares 4·0.25 = 1, over G - 1 = 3: deviation sqrt(1/3) = 0.57735
    # 2, 4, 6, 8: mean 5, squares 9 + 1 + 1 + 9 = 20, over 3: deviation 2.58199
    rewards_PG = torch.tensor([[1.0, 0.0, 0.0, 1.0], [2.0, 4.0, 6.0, 8.0]], dtype=torch.float64)
    high = 0.5 / (math.sqrt(1 / 3) + EPSILON)
    deviation = math.sqrt(20 / 3) + EPSILON
    expected = torch.tensor(
        [[high, -high, -high, high], [-3 / deviation, -1 / deviation, 1 / deviation, 3 / deviation]],
        dtype=torch.float64,
    )
    torch.testing.assert_close(normalize_groups(rewards_PG), expected)


def test_equal_rewards_teach_nothing() -> None:
    assert normalize_groups(torch.full((2, 4), 0.3)).abs().max() < 1e-6


def test_the_floor_keeps_noise_small_and_leaves_large_spreads_alone() -> None:
    noise_PG = torch.tensor([[0.0, 0.001]])
    assert normalize_groups(noise_PG).abs().max() > 0.5
    # half the gap over the floor: 0.0005 / 0.05
    assert normalize_groups(noise_PG, std_floor=0.05).abs().max() == pytest.approx(0.01, rel=1e-2)
    accuracy_PG = torch.tensor([[1.0] + 63 * [0.0]])  # deviation 1/8, the smallest that 64 outcomes can have
    torch.testing.assert_close(normalize_groups(accuracy_PG, std_floor=0.05), normalize_groups(accuracy_PG))


def test_an_unknown_reward_gets_no_advantage_and_moves_nobody_else() -> None:
    with_gap = normalize_groups(torch.tensor([[1.0, NAN, 0.0, 1.0]]))
    without = normalize_groups(torch.tensor([[1.0, 0.0, 1.0]]))
    assert with_gap[0, 1] == 0
    torch.testing.assert_close(with_gap[0, [0, 2, 3]], without[0])


@pytest.mark.parametrize("row", [[NAN, NAN], [NAN, 0.7]])
def test_a_group_with_nothing_to_compare_is_zero(row: list[float]) -> None:
    assert normalize_groups(torch.tensor([row])).tolist() == [[0.0, 0.0]]


def test_the_deviation_of_the_batch_divides_all_groups_alike() -> None:
    # Centred: -0.5, 0.5 and -2, 2; squares 0.25 + 0.25 + 4 + 4 = 8.5, over 4 - 1: deviation sqrt(8.5/3)
    rewards_PG = torch.tensor([[0.0, 1.0], [1.0, 5.0]], dtype=torch.float64)
    deviation = math.sqrt(8.5 / 3) + EPSILON
    expected = torch.tensor([[-0.5, 0.5], [-2.0, 2.0]], dtype=torch.float64) / deviation
    torch.testing.assert_close(normalize_groups(rewards_PG, scale="batch"), expected)


def test_an_unknown_reward_does_not_count_in_the_deviation_of_the_batch() -> None:
    with_gap = normalize_groups(torch.tensor([[0.0, 1.0, NAN], [1.0, 5.0, NAN]]), scale="batch")
    without = normalize_groups(torch.tensor([[0.0, 1.0], [1.0, 5.0]]), scale="batch")
    torch.testing.assert_close(with_gap, torch.cat([without, torch.zeros(2, 1)], dim=1))


def test_without_a_scale_rewards_are_only_centred() -> None:
    rewards_PG = torch.tensor([[0.0, 1.0, NAN], [1.0, 5.0, 6.0]])
    expected = torch.tensor([[-0.5, 0.5, 0.0], [-3.0, 1.0, 2.0]])
    torch.testing.assert_close(normalize_groups(rewards_PG, std_floor=9.0, scale="none"), expected)


@pytest.mark.parametrize("aggregation", ["normalize_then_sum", "sum_then_normalize"])
def test_parts_that_are_only_centred_add_up_either_way(aggregation: str) -> None:
    rewards_PGK = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(0))
    total_PG = rewards_PGK[..., 0] + 0.5 * rewards_PGK[..., 1]
    torch.testing.assert_close(
        combine_parts(rewards_PGK, [1.0, 0.5], aggregation, scale="none"),  # type: ignore[arg-type]
        total_PG - total_PG.mean(dim=1, keepdim=True),
    )


def test_a_single_completion_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        normalize_groups(torch.ones(3, 1))


def test_parts_are_normalised_apart_and_weighed_then() -> None:
    # Accuracy 1, 0 and mode -0.45, 0: each becomes ±z, z = 0.5·gap / (gap/sqrt 2) = 0.7071 whatever its size.
    rewards_PGK = torch.tensor([[[1.0, -0.45], [0.0, 0.0]]], dtype=torch.float64)
    z_accuracy = 0.5 / (1 / math.sqrt(2) + EPSILON)
    z_mode = 0.225 / (0.45 / math.sqrt(2) + EPSILON)
    advantages_PG = combine_parts(rewards_PGK, [1.0, 0.4], "normalize_then_sum")
    expected = torch.tensor([[z_accuracy - 0.4 * z_mode, -z_accuracy + 0.4 * z_mode]], dtype=torch.float64)
    torch.testing.assert_close(advantages_PG, expected)


def test_summed_first_the_sizes_of_the_parts_count() -> None:
    # 1 - 0.4·0.45 = 0.82 against 0: deviation 0.82/sqrt 2, so ±0.41 over that
    rewards_PGK = torch.tensor([[[1.0, -0.45], [0.0, 0.0]]], dtype=torch.float64)
    advantages_PG = combine_parts(rewards_PGK, [1.0, 0.4], "sum_then_normalize")
    expected = 0.41 / (0.82 / math.sqrt(2) + EPSILON)
    torch.testing.assert_close(advantages_PG, torch.tensor([[expected, -expected]], dtype=torch.float64))


def test_summing_first_collapses_combinations_that_normalising_first_tells_apart() -> None:
    """GDPO's reason: (1, 0) and (0, 1) have the same sum, but a rare success is worth more than a common
    one."""
    rewards_PGK = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    assert combine_parts(rewards_PGK, [1, 1], "sum_then_normalize").abs().max() < 1e-6
    weighed = combine_parts(rewards_PGK, [1, 0.5], "normalize_then_sum")
    assert weighed[0, 0] > weighed[0, 1]


@pytest.mark.parametrize("aggregation", ["normalize_then_sum", "sum_then_normalize"])
def test_a_part_without_weight_has_no_effect_even_when_unknown(aggregation: str) -> None:
    rewards_PGK = torch.tensor([[[1.0, NAN], [0.0, 5.0], [0.0, NAN]]])
    with_part = combine_parts(rewards_PGK, [1.0, 0.0], aggregation)  # type: ignore[arg-type]
    torch.testing.assert_close(with_part, normalize_groups(rewards_PGK[..., 0]))


@pytest.mark.parametrize("aggregation", ["normalize_then_sum", "sum_then_normalize"])
def test_one_part_gives_the_same_either_way(aggregation: str) -> None:
    rewards_PGK = torch.rand(3, 4, 1, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        combine_parts(rewards_PGK, [1.0], aggregation),  # type: ignore[arg-type]
        normalize_groups(rewards_PGK[..., 0]),
    )


def test_without_any_weight_there_is_no_advantage() -> None:
    assert combine_parts(torch.rand(2, 3, 2), [0.0, 0.0], "normalize_then_sum").abs().max() == 0


@given(
    st.lists(st.booleans(), min_size=2, max_size=16).filter(lambda flags: len(set(flags)) == 2),
    st.lists(st.floats(-1, 1), min_size=6, max_size=6),
)
def test_a_right_answer_beats_a_wrong_one_in_a_group_of_two_kinds(flags: list[bool], values: list[float]) -> None:
    """The default weights besides accuracy sum to 0.9 < 1, so no combination of the other parts turns the
    order."""
    right, wrong = values[:3], values[3:]
    rows = [[1.0, *right] if flag else [0.0, *wrong] for flag in flags]
    weights = RewardWeights()
    advantages_PG = combine_parts(
        torch.tensor([rows], dtype=torch.float64),
        [weights.accuracy, weights.calibration, weights.mode, weights.integrity],
        "normalize_then_sum",
        std_floor=0.05,
    )
    assert advantages_PG[0, flags.index(True)] > advantages_PG[0, flags.index(False)]

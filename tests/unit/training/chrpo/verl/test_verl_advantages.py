"""The advantages under verl are those of the chrpo stage, in whatever order verl keeps the batch."""

import pytest

from extracot.errors import StageError

torch = pytest.importorskip("torch")

from extracot.training.chrpo.advantages import combine_parts, normalize_groups  # noqa: E402
from extracot.training.chrpo.verl.advantages import (  # noqa: E402
    PARTS,
    chrpo_advantages,
    group_places,
    parts_of,
    reward_parts,
    spread_advantages,
)

WEIGHTS = {"accuracy": 1.0, "calibration": 0.2, "mode": 0.4, "integrity": 0.3}
CONFIG = {"chrpo": {"weights": WEIGHTS, "ctrl_weight": 0.7, "aggregation": "normalize_then_sum", "std_floor": 0.05}}


def batch(n_groups: int = 3, group_size: int = 4, n_tokens: int = 5) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Parts [P, G, K] with one unknown, and a mask [P·G, T] of responses of 1 to T tokens."""
    generator = torch.Generator().manual_seed(3)
    parts_PGK = torch.randn(n_groups, group_size, len(PARTS), generator=generator)
    parts_PGK[1, 2, 0] = torch.nan
    lengths = torch.arange(n_groups * group_size) % n_tokens + 1
    return parts_PGK, (torch.arange(n_tokens)[None, :] < lengths[:, None]).long()


@pytest.mark.parametrize("aggregation", ["normalize_then_sum", "sum_then_normalize"])
def test_they_equal_those_of_the_chrpo_stage_when_verl_has_shuffled_the_batch(aggregation: str) -> None:
    parts_PGK, mask_BT = batch()
    main_B = combine_parts(parts_PGK[..., :-1], tuple(WEIGHTS.values()), aggregation, 0.05).flatten()  # type: ignore[arg-type]
    ctrl_B = normalize_groups(parts_PGK[..., -1], 0.05).flatten()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    uids = [f"group {place // 4}" for place in order.tolist()]
    config = {"chrpo": {**CONFIG["chrpo"], "aggregation": aggregation}}
    with reward_parts(parts_PGK.flatten(0, 1)[order]):
        found_BT, returns_BT = chrpo_advantages(torch.zeros(12, 5), mask_BT[order], uids, config)
    expected_BT = main_B[order, None] * mask_BT[order]
    expected_BT[:, 0] += 0.7 * ctrl_B[order]
    torch.testing.assert_close(found_BT, expected_BT)
    assert torch.equal(found_BT, returns_BT)
    assert not torch.isnan(found_BT).any()


def test_verl_passes_arguments_that_are_not_needed() -> None:
    parts_PGK, mask_BT = batch()
    with reward_parts(parts_PGK.flatten(0, 1)):
        chrpo_advantages(
            token_level_rewards=torch.zeros(12, 5),
            response_mask=mask_BT,
            index=[0] * 12,
            config=CONFIG,
            reward_baselines=None,
        )


def test_groups_may_have_lost_responses_and_padding_gets_nothing() -> None:
    """A group of three is normalised over its three; one left alone, and verl's empty rows, get 0."""
    parts_BK = torch.randn(6, len(PARTS), generator=torch.Generator().manual_seed(0))
    mask_BT = torch.ones(6, 2, dtype=torch.long)
    mask_BT[4:] = 0
    found_BT = spread_advantages(
        parts_BK,
        ["a", "b", "a", "a", "pad", "pad"],
        mask_BT,
        weights=list(WEIGHTS.values()),
        ctrl_weight=1.0,
        aggregation="normalize_then_sum",
        std_floor=0.0,
    )
    trio_GK = parts_BK[[0, 2, 3]]
    main_G = combine_parts(trio_GK[None, :, :-1], list(WEIGHTS.values()), "normalize_then_sum")[0]
    torch.testing.assert_close(found_BT[[0, 2, 3], 1], main_G)
    torch.testing.assert_close(found_BT[[0, 2, 3], 0], main_G + normalize_groups(trio_GK[None, :, -1])[0])
    assert torch.equal(found_BT[[1, 4, 5]], torch.zeros(3, 2))


def test_a_control_weight_of_0_ignores_the_head_column() -> None:
    parts_BK = torch.randn(4, len(PARTS), generator=torch.Generator().manual_seed(0))
    parts_BK[:, -1] = torch.nan
    found_BT = spread_advantages(
        parts_BK,
        [0, 0, 1, 1],
        torch.ones(4, 3),
        weights=[1.0, 0.0, 0.0, 0.0],
        ctrl_weight=0.0,
        aggregation="normalize_then_sum",
        std_floor=0.0,
    )
    assert torch.equal(found_BT[:, 0], found_BT[:, 1])


def test_groups_are_numbered_as_they_appear() -> None:
    assert group_places(["b", "a", "b", "b", "a"]) == [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1)]


def test_without_parts_the_error_says_how_to_start_verl() -> None:
    with pytest.raises(StageError, match="VERL_USE_EXTERNAL_MODULES"):
        chrpo_advantages(torch.zeros(2, 1), torch.ones(2, 1), [0, 0], CONFIG)


def test_the_parts_are_gone_after_the_batch() -> None:
    with pytest.raises(ZeroDivisionError), reward_parts(torch.zeros(2, len(PARTS))):
        _ = 1 / 0
    with pytest.raises(StageError):
        chrpo_advantages(torch.zeros(2, 1), torch.ones(2, 1), [0, 0], CONFIG)


def test_parts_are_taken_by_name() -> None:
    info = {part: float(place) for place, part in enumerate(PARTS)}
    assert parts_of([{"score": 9.0, **dict(reversed(info.items()))}]).tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0]]


def test_a_response_of_another_reward_function_is_an_error() -> None:
    with pytest.raises(StageError, match="no reward part 'accuracy', only \\['score'\\]"):
        parts_of([{"score": 1.0}])

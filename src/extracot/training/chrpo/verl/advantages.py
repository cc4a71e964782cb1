"""CHRPO's advantages in the form of verl's registry; no verl is needed to import this.

Axes: B responses of a batch in any order, T response tokens, K reward parts; P groups of at most G responses.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from extracot.errors import StageError
from extracot.training.chrpo.advantages import combine_parts, normalize_groups
from extracot.training.chrpo.scoring import HEAD, MAIN_PARTS

PARTS = (*MAIN_PARTS, HEAD)
"""Reward parts, in the order of the columns."""

_parts_BK: ContextVar[Tensor | None] = ContextVar("reward_parts", default=None)


@contextmanager
def reward_parts(parts_BK: Tensor) -> Iterator[None]:
    """Give the parts to `chrpo_advantages`, which verl calls with nothing but the summed reward.

    Args:
        parts_BK: [B, K] in the order of `PARTS`, NaN where unknown; rows as in the batch that verl computes
            advantages for.
    """
    token = _parts_BK.set(parts_BK)
    try:
        yield
    finally:
        _parts_BK.reset(token)


def chrpo_advantages(
    token_level_rewards: Tensor, response_mask: Tensor, index: Sequence[Hashable], config: Any, **_others: Any
) -> tuple[Tensor, Tensor]:
    """A_main on every token of a response, and A_ctrl on top of it on the first.

    Args:
        token_level_rewards: [B, T], not read: the parts come by `reward_parts`.
        response_mask: [B, T], 1 on the response's own tokens.
        index: B of them; responses with equal ones are a group.
        config: verl's `algorithm`; its key `chrpo` holds `weights` (by part), `ctrl_weight`, `aggregation` and
            `std_floor`.

    Returns:
        [B, T] advantages, 0 where masked, and the same again: verl's returns, which only a critic would read.

    Raises:
        StageError: no parts were given.
    """
    parts_BK = _parts_BK.get()
    if parts_BK is None:
        raise StageError(
            "the advantages of chrpo got no reward parts; start verl with "
            "VERL_USE_EXTERNAL_MODULES=extracot.training.chrpo.verl.plugin and trainer.v1.trainer_mode=sync"
        )
    settings = config["chrpo"]
    advantages_BT = spread_advantages(
        parts_BK.to(response_mask.device),
        index,
        response_mask,
        weights=[float(settings["weights"][part]) for part in MAIN_PARTS],
        ctrl_weight=float(settings["ctrl_weight"]),
        aggregation=settings["aggregation"],
        std_floor=float(settings["std_floor"]),
    )
    return advantages_BT, advantages_BT


def spread_advantages(
    parts_BK: Tensor,
    index: Sequence[Hashable],
    response_mask: Tensor,
    *,
    weights: Sequence[float],
    ctrl_weight: float,
    aggregation: Any,
    std_floor: float,
) -> Tensor:
    """Advantages per token: see `chrpo_advantages`; the arithmetic is `training.chrpo.advantages`, group by group.

    Groups may differ in size, since verl drops roll-outs that failed; one that is alone in its group gets 0.
    """
    places_BP = group_places(index)
    n_groups = max(group for group, _ in places_BP) + 1
    group_size = max(2, max(place for _, place in places_BP) + 1)
    groups, places = (torch.tensor(column, device=parts_BK.device) for column in zip(*places_BP, strict=True))
    rewards_PGK = parts_BK.new_full((n_groups, group_size, parts_BK.size(1)), torch.nan)
    rewards_PGK[groups, places] = parts_BK
    main_B = combine_parts(rewards_PGK[..., :-1], weights, aggregation, std_floor)[groups, places]
    advantages_BT = main_B[:, None].repeat(1, response_mask.size(1))
    if ctrl_weight > 0:
        advantages_BT[:, 0] += ctrl_weight * normalize_groups(rewards_PGK[..., -1], std_floor)[groups, places]
    return advantages_BT * response_mask


def group_places(index: Sequence[Hashable]) -> list[tuple[int, int]]:
    """(group, place in the group) of every response; groups are numbered as they first appear.

    Args:
        index: at least one; equal ones are a group, wherever they stand.
    """
    members: dict[Hashable, int] = {}
    numbers: dict[Hashable, int] = {}
    found = []
    for key in index:
        group = numbers.setdefault(key, len(numbers))
        place = members.get(key, 0)
        members[key] = place + 1
        found.append((group, place))
    return found


def parts_of(infos: Sequence[Mapping[str, Any]]) -> Tensor:
    """[B, K] float32 from what the reward function returned for each response.

    Raises:
        StageError: a response without the parts, so it was scored by another function.
    """
    for info in infos:
        missing = [part for part in PARTS if part not in info]
        if missing:
            raise StageError(
                f"a response has no reward part {missing[0]!r}, only {sorted(info) or 'nothing'}; set "
                "reward.custom_reward_function to extracot.training.chrpo.verl.reward as chrpo-verl writes it"
            )
    return torch.tensor([[float(info[part]) for part in PARTS] for info in infos], dtype=torch.float32)

"""Rewards of other methods that shorten reasoning by reinforcement learning, to train them through the same trainer.

Each is a whole reward of one response, not a part of one: it takes the place of accuracy (`weights.accuracy: 0`). The
presets `rival-*-toy` add what else belongs to each method, and name every departure from it.

Not covered: what a rival does besides its reward, as dynamic sampling and stages of training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RivalReward(BaseModel):
    """Which reward, and its coefficients; those of other kinds are without effect."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    kind: Literal["none", "thinkless", "lcpo_exact", "lcpo_max", "relative_length"] = "none"
    """none is no such reward. thinkless pays right answers by how cheap a choice they made; lcpo_exact charges every
    token away from the asked length, lcpo_max every token towards it and beyond; relative_length charges right answers
    that are long among the right ones of their group."""
    dear: float = Field(default=0.5, ge=0, le=1)
    """thinkless: a right answer at the largest ratio, where one at the smallest earns 1."""
    wrong: float = Field(default=-1.0, le=0)
    """thinkless: a wrong answer, or one without a choice."""
    per_token: float = Field(default=3e-4, ge=0)
    """lcpo_exact, lcpo_max: α, per token of difference; the published value is for lengths of up to 4000 tokens."""
    alpha: float = Field(default=0.1, ge=0, le=1)
    """relative_length: α, the most that length can cost."""


NO_RIVAL = RivalReward()

ASKED_KINDS = ("lcpo_exact", "lcpo_max")
"""Those that measure against a length that the prompt asked for."""


@dataclass(frozen=True, slots=True)
class RivalCase:
    """What is known of one response."""

    is_correct: bool | None
    """None when grading could not decide."""
    chosen_ratio: float | None
    """The ratio that its first token names; None when it names none."""
    asked_ratio: float | None
    """The ratio that its prompt asked for; None for its own choice."""
    n_think_tokens: int
    n_tokens: int
    """Everything generated."""
    n_reference_think_tokens: float
    """Of the problem; above 0."""


def rival_rewards(
    cases: Sequence[RivalCase], group_size: int, grid: Sequence[float], rival: RivalReward
) -> list[float | None]:
    """The reward of every response, in order; None where grading could not decide.

    Args:
        cases: whole groups, one after the other.
        group_size: responses of one prompt.
        grid: every ratio that can be chosen.
        rival: which reward.

    Raises:
        ValueError: a group is incomplete, a kind that needs an asked ratio has none, or the kind is none.
    """
    if len(cases) % group_size:
        raise ValueError(f"{len(cases)} responses are no whole number of groups of {group_size}")
    if rival.kind == "relative_length":
        groups = [cases[start : start + group_size] for start in range(0, len(cases), group_size)]
        return [reward for group in groups for reward in _relative_length(group, rival.alpha)]
    return [None if case.is_correct is None else _own_reward(case, case.is_correct, grid, rival) for case in cases]


def _relative_length(group: Sequence[RivalCase], alpha: float) -> list[float | None]:
    rewards = iter(
        relative_length_rewards(
            [case.is_correct for case in group if case.is_correct is not None],
            [case.n_tokens for case in group if case.is_correct is not None],
            alpha,
        )
    )
    return [None if case.is_correct is None else next(rewards) for case in group]


def _own_reward(case: RivalCase, is_correct: bool, grid: Sequence[float], rival: RivalReward) -> float:
    if rival.kind == "thinkless":
        return thinkless_reward(is_correct, case.chosen_ratio, grid, rival.dear, rival.wrong)
    if rival.kind not in ASKED_KINDS:
        raise ValueError("no reward of another method was asked for")
    if case.asked_ratio is None:
        raise ValueError(f"{rival.kind} needs prompts that ask for a ratio")
    n_asked = case.asked_ratio * case.n_reference_think_tokens
    reward = lcpo_exact_reward if rival.kind == "lcpo_exact" else lcpo_max_reward
    return reward(is_correct, case.n_think_tokens, n_asked, rival.per_token)


def thinkless_reward(
    is_correct: bool, chosen_ratio: float | None, grid: Sequence[float], dear: float, wrong: float
) -> float:
    """1 for a right answer at the smallest ratio of the grid, `dear` at the largest, a straight line between; `wrong`
    for a wrong answer and for a first token that is no ratio.

    Source: Thinkless, arXiv 2505.13379: right and short 1, right and long 0.5, wrong or of bad form -1. The line
    between its two modes is ours. A choice is the token at position 0; the release searches the whole text for it.
    """
    if not is_correct or chosen_ratio is None:
        return wrong
    smallest, largest = min(grid), max(grid)
    if largest == smallest:
        return 1.0
    return 1.0 - (1.0 - dear) * (chosen_ratio - smallest) / (largest - smallest)


def lcpo_exact_reward(is_correct: bool, n_tokens: int, n_asked: float, per_token: float) -> float:
    """`correct - α·|asked - n|`, without a lower bound.

    Source: LCPO-Exact of L1, arXiv 2503.04697. There n is the whole response; we pass its think tokens.
    """
    return float(is_correct) - per_token * abs(n_asked - n_tokens)


def lcpo_max_reward(is_correct: bool, n_tokens: int, n_asked: float, per_token: float) -> float:
    """`correct · (clip(α·(asked - n), -1, 1) + 1)/2`: 1/2 for a right answer of just the asked length, more below it.

    Source: LCPO-Max of L1, arXiv 2503.04697, as its release multiplies it.
    """
    return float(is_correct) * (min(1.0, max(-1.0, per_token * (n_asked - n_tokens))) + 1) / 2


def relative_length_rewards(are_correct: Sequence[bool], n_tokens: Sequence[int], alpha: float) -> list[float]:
    """Of one group: `correct · (1 - α·sigmoid((n - mean)/deviation))`, both taken over the right answers.

    A right answer that is alone, or as long as all other right ones, counts as one of mean length: 1 - α/2. The
    deviation divides by their number.

    Source: "Training Language Models to Reason Efficiently", arXiv 2502.04463.
    """
    right = [n for n, is_correct in zip(n_tokens, are_correct, strict=True) if is_correct]
    if not right:
        return [0.0] * len(are_correct)
    mean = sum(right) / len(right)
    deviation = (sum((n - mean) ** 2 for n in right) / len(right)) ** 0.5
    rewards = []
    for is_correct, n in zip(are_correct, n_tokens, strict=True):
        z = (n - mean) / deviation if deviation > 0 else 0.0
        rewards.append(1.0 - alpha / (1.0 + exp(-z)) if is_correct else 0.0)
    return rewards

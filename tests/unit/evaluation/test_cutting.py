"""Blind cuts: which part stays, how much of it, and how the block is closed again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.evaluation.config import ControlKind
from extracot.evaluation.cutting import closed_block, cut_thinking
from extracot.evaluation.scoring import split_completion

COT = "First we add $ 2 + 3 = 5 $. Then we double it, so $ 5 * 2 = 10 $. The answer is 10."


def words(text: str) -> list[tuple[int, int]]:
    """A tokenizer whose tokens are words."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def test_the_head_is_the_beginning_and_the_tail_the_end() -> None:
    n = len(COT.split())
    assert cut_thinking("head", COT, words, 4 / n, seed=0) == "First we add $"
    assert cut_thinking("tail", COT, words, 4 / n, seed=0) == "The answer is 10."


@pytest.mark.parametrize("kind", ["head", "tail", "random"])
def test_at_ratio_one_and_above_everything_stays_and_at_none_nothing(kind: ControlKind) -> None:
    assert cut_thinking(kind, COT, words, 1.0, seed=0) == COT == cut_thinking(kind, COT, words, 1.7, seed=0)
    assert cut_thinking(kind, COT, words, 0.0, seed=0) == "" == cut_thinking(kind, "", words, 0.5, seed=0)


@given(st.floats(0.0, 1.0), st.integers(0, 5))
def test_random_deletion_keeps_whole_formulas_in_order_near_the_ratio(ratio: float, seed: int) -> None:
    kept = cut_thinking("random", COT, words, ratio, seed)
    left = iter(COT.split())
    assert all(word in left for word in kept.split())  # a subsequence
    assert ("2 + 3" in kept) == ("$ 2 + 3 = 5 $." in kept)
    # The longest unit has seven words; the nearest cut misses by half of it at most, and half a token of rounding.
    assert abs(len(kept.split()) - ratio * len(COT.split())) <= 3.5 + 0.5


def test_random_deletion_depends_on_its_seed_alone() -> None:
    cuts = {cut_thinking("random", COT, words, 0.5, seed) for seed in range(8)}
    assert len(cuts) > 1
    assert cut_thinking("random", COT, words, 0.5, 3) == cut_thinking("random", COT, words, 0.5, 3)


@pytest.mark.parametrize("prompt", ["Q\n", "Q <think>\n", "Q <think>"])
def test_a_closed_block_is_read_back_whoever_opened_it(prompt: str) -> None:
    block = closed_block(prompt, "so $ 1 $")
    split = split_completion(prompt, f"{block}The answer is \\boxed{{1}}.")
    assert (split.cot, split.is_closed, split.visible) == ("so $ 1 $", True, "\n\nThe answer is \\boxed{1}.")
    assert (prompt + block).count("<think>") == 1

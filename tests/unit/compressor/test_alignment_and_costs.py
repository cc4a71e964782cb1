"""Tokens belong to the unit they start in, and every one is counted once."""

import pytest
from transformers import PreTrainedTokenizerFast

from extracot.compressor.alignment import pool_by_unit, token_owners
from extracot.compressor.costs import token_offsets, unit_costs
from extracot.compressor.tokens import count_tokens
from extracot.errors import ModelError
from extracot.text.units import segment

TEXTS = [
    "First, Gus has 4 shells, so $ Gus = 4 $. Next, $ Ola = 4 + 5 = 9 $.",
    "日本 🤯 so \\(x=1\\).\n\n  Then `code` — 3 kg!\n",
    "",
    " ",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("prose", ["word", "clause"])
def test_costs_add_up_to_the_tokens_of_the_text(
    text: str, prose: str, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    bounds = [(unit.start, unit.end) for unit in segment(text, prose)]  # type: ignore[arg-type]
    costs = unit_costs(token_offsets(tiny_tokenizer, [text])[0], bounds)
    assert sum(costs) == count_tokens(tiny_tokenizer, [text])[0]
    assert len(costs) == len(bounds)


def test_a_token_that_spans_two_units_stays_with_the_first() -> None:
    assert token_owners([(0, 2), (2, 5), (5, 6)], [(0, 3), (3, 6)]) == [0, 0, 1]


def test_a_token_outside_all_units_has_no_owner() -> None:
    assert token_owners([(0, 1), (4, 5), (9, 10)], [(3, 6)]) == [-1, 0, -1]


def test_a_unit_scores_the_mean_of_its_tokens() -> None:
    assert pool_by_unit([1.0, 0.0, 0.5], [0, 0, 1], 2) == [0.5, 0.5]


def test_a_unit_without_tokens_scores_like_the_one_before_it() -> None:
    assert pool_by_unit([0.75, 0.25], [1, 3], 4) == [0.0, 0.75, 0.75, 0.25]


def test_no_texts_have_no_tokens(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    assert token_offsets(tiny_tokenizer, []) == []
    assert count_tokens(tiny_tokenizer, []) == []


def test_a_slow_tokenizer_is_refused(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    class Slow:
        is_fast = False
        name_or_path = "slow"

    with pytest.raises(ModelError, match="slow: needs a fast tokenizer"):
        token_offsets(Slow(), ["a"])  # type: ignore[arg-type]

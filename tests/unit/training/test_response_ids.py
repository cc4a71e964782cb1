from dataclasses import dataclass

import pytest

from extracot.errors import ModelError
from extracot.text.control import POLICY_TOKEN
from extracot.training.response_ids import ResponseTokens, parse_response, response_tokens

# 1 = <COMP_20>, 2 = <COMP_100>, 3 = <COMP_POLICY>, 4 = <think>, 5 = </think>, 6 = end, 7 = padding, 8 = "\n"
TOKENS = ResponseTokens({1: 0.2, 2: 1.0}, policy_id=3, think_start_id=4, think_end_id=5, stop_ids=frozenset({6, 7}))
WORD, OTHER = 20, 21


def parse(*ids: int):
    return parse_response(ids, TOKENS, is_blank=lambda token: token == 8)


def test_a_whole_response_gives_all_its_parts() -> None:
    parsed = parse(1, 8, 4, 8, WORD, 8, OTHER, 8, 5, 8, WORD, 6)
    assert parsed.choice == 0.2
    assert parsed.n_tokens == 12  # the stop token included
    assert parsed.n_think_tokens == 3  # word, line end between, other; not the line ends at the tags
    assert list(parsed.visible_ids) == [8, WORD]
    assert parsed.has_think and parsed.is_closed
    assert not parsed.is_truncated and not parsed.has_stray_control


def test_padding_behind_the_end_is_not_counted() -> None:
    assert parse(1, 4, WORD, 5, 6, 7, 7).n_tokens == 5


def test_only_position_0_is_a_choice() -> None:
    assert parse(8, 1, 4, WORD, 5, WORD, 6).choice is None
    assert parse(WORD, 2, 6).choice is None


def test_the_policy_token_is_no_choice_but_stray() -> None:
    parsed = parse(3, 8, 4, WORD, 5, WORD, 6)
    assert parsed.choice is None
    assert parsed.has_stray_control


@pytest.mark.parametrize("stray", [1, 2, 3])
def test_a_control_token_behind_position_0_is_stray_wherever_it_is(stray: int) -> None:
    assert parse(1, 4, stray, 5, WORD, 6).has_stray_control
    assert parse(1, 4, WORD, 5, stray, 6).has_stray_control


def test_an_unclosed_block_counts_all_its_tokens_and_leaves_nothing_visible() -> None:
    parsed = parse(1, 8, 4, WORD, WORD, OTHER)
    assert parsed.n_think_tokens == 3
    assert parsed.has_think and not parsed.is_closed
    assert parsed.is_truncated
    assert list(parsed.visible_ids) == []


def test_reasoning_before_the_block_cannot_pass_as_a_short_block() -> None:
    parsed = parse(1, WORD, 4, OTHER, 5, WORD, 6)
    assert not parsed.has_think and not parsed.is_closed
    assert parsed.n_think_tokens == 0
    assert list(parsed.visible_ids) == [WORD, 4, OTHER, 5, WORD]


def test_a_block_that_the_prompt_opened_is_closed_by_its_tag() -> None:
    parsed = parse(1, WORD, 5, OTHER, 6)
    assert parsed.is_closed
    assert parsed.n_think_tokens == 1
    assert list(parsed.visible_ids) == [OTHER]


def test_the_first_closing_tag_ends_the_block() -> None:
    assert list(parse(1, 4, WORD, 5, OTHER, 5, 6).visible_ids) == [OTHER, 5]


@pytest.mark.parametrize("ids", [[], [6], [7, 7]])
def test_an_empty_response_has_no_parts(ids: list[int]) -> None:
    parsed = parse(*ids)
    assert parsed.choice is None
    assert parsed.n_think_tokens == 0
    assert not parsed.has_think
    assert parsed.is_truncated == (ids == [])


@dataclass
class FakeVocabulary:
    tokens: tuple[str, ...]

    def get_vocab(self) -> dict[str, int]:
        return {token: place for place, token in enumerate(self.tokens)}


def test_ids_are_looked_up_by_whole_tokens() -> None:
    vocabulary = FakeVocabulary(("a", "<think>", "</think>", "<COMP_20>", "<COMP_100>", POLICY_TOKEN))
    tokens = response_tokens(vocabulary, [0.2, 1.0], stop_ids=[0])
    assert tokens.ratios_by_id == {3: 0.2, 4: 1.0}
    assert (tokens.think_start_id, tokens.think_end_id, tokens.policy_id) == (1, 2, 5)


def test_a_missing_token_is_named() -> None:
    vocabulary = FakeVocabulary(("<think>", "<COMP_20>", POLICY_TOKEN))
    with pytest.raises(ModelError, match="no single token for <COMP_100>, </think>"):
        response_tokens(vocabulary, [0.2, 1.0], stop_ids=[0])

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.errors import DataError
from extracot.training.sft.encode import IGNORED, encode_example, training_order

EOS = 0


def encode(text: str) -> list[int]:
    """One id per letter, "ab" is one token of its own, "." is the end token."""
    ids, rest = [], text
    while rest:
        piece = "ab" if rest.startswith("ab") else rest[0]
        ids.append(EOS if piece == "." else sum(map(ord, piece)))
        rest = rest[len(piece) :]
    return ids


@pytest.mark.parametrize("completion", ["yz", "yz.", "yz.."])
def test_the_end_token_comes_exactly_once_and_the_prompt_is_not_learnt(completion: str) -> None:
    example = encode_example("xx", completion, encode, EOS, "row")
    assert example.input_ids == [120, 120, 121, 122, EOS]
    assert example.labels == [IGNORED, IGNORED, 121, 122, EOS]


def test_an_end_token_inside_the_completion_stays() -> None:
    assert encode_example("x", "y.z", encode, EOS, "row").labels == [IGNORED, 121, EOS, 122, EOS]


def test_a_token_across_the_boundary_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="data.jsonl: example e1: the end of the prompt"):
        encode_example("xa", "bz", encode, EOS, "data.jsonl: example e1")


@pytest.mark.parametrize("completion", ["", "."])
def test_an_empty_completion_is_refused(completion: str) -> None:
    with pytest.raises(DataError, match="empty"):
        encode_example("x", completion, encode, EOS, "row")


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(1, 7),
    st.booleans(),
    st.integers(0, 3),
)
def test_whole_epochs_show_every_example_equally_often(
    lengths: list[int], epochs: int, batch_size: int, is_grouped: bool, seed: int
) -> None:
    order = training_order(lengths, epochs, batch_size, is_grouped, seed)
    assert Counter(order) == {index: epochs for index in range(len(lengths))}
    assert order == training_order(lengths, epochs, batch_size, is_grouped, seed)


def test_half_an_epoch_is_half_the_examples_and_never_none() -> None:
    assert len(set(training_order([1] * 10, 0.5, 2, True, 0))) == 5
    assert training_order([1], 0.1, 2, True, 0) == [0]


def test_grouping_puts_similar_lengths_side_by_side_in_random_order() -> None:
    lengths = list(range(400))
    order = training_order(lengths, 1, 4, True, 0)
    batches = [order[start : start + 4] for start in range(0, 400, 4)]
    # a pool of 50 batches holds 200 of 400 lengths, so a batch of 4 neighbours spans about 8 lengths, not 240
    assert sum(max(batch) - min(batch) for batch in batches) / len(batches) < 12
    means = [sum(batch) for batch in batches]
    assert means != sorted(means) and means != sorted(means, reverse=True)

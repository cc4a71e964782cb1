"""Buckets of like length."""

from hypothesis import given
from hypothesis import strategies as st

from extracot.compressor.batching import length_buckets


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 120))
def test_every_item_is_in_one_batch_and_no_batch_is_too_large(lengths: list[int], max_tokens: int) -> None:
    batches = length_buckets(lengths, max_tokens)
    assert sorted(item for batch in batches for item in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[item] for item in batch) <= max_tokens


def test_like_lengths_go_together_longest_first() -> None:
    # 9+9 and 2+2+2 fit into 18 each; a 9 with a 2 would be padded.
    assert length_buckets([2, 9, 2, 9, 2], 18) == [[1, 3], [0, 2, 4]]

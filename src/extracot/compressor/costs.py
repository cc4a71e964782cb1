"""What each unit costs, in tokens of the model that will read or write the text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from extracot.compressor.alignment import Span, token_owners
from extracot.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def token_offsets(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[list[Span]]:
    """Character offsets of every token of every text; no special tokens, nothing truncated.

    Raises:
        ModelError: a slow tokenizer, which cannot tell where its tokens come from.
    """
    if not texts:
        return []
    if not tokenizer.is_fast:
        raise ModelError(
            f"{tokenizer.name_or_path}: needs a fast tokenizer (a tokenizer.json) to locate tokens in a text"
        )
    encoded = tokenizer(
        list(texts),
        add_special_tokens=False,
        return_offsets_mapping=True,
        return_attention_mask=False,
        verbose=False,
    )
    return [[(start, end) for start, end in offsets] for offsets in encoded["offset_mapping"]]


def count_tokens(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[int]:
    """Number of tokens of every text, without special tokens."""
    if not texts:
        return []
    encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)
    return [len(token_ids) for token_ids in encoded["input_ids"]]


def unit_costs(offsets: Sequence[Span], units: Sequence[Span]) -> list[int]:
    """Tokens that start in each unit.

    Args:
        offsets: [T] of the whole text, so that every unit is priced in its context.
        units: [U] tiling the text.

    Returns:
        [U] adding up to T. An estimate of what the unit costs elsewhere: where its neighbour was dropped a
        byte-pair token at the seam may split or merge, so ratios are measured again on the joined text.
    """
    costs = [0] * len(units)
    for owner in token_owners(offsets, units):
        if owner >= 0:
            costs[owner] += 1
    return costs

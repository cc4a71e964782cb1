"""What each unit costs, in tokens of the model that will read or write the text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from extracot.compressor.alignment import Span, token_owners
from extracot.compressor.tokens import encode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def token_offsets(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[list[Span]]:
    """Character offsets of every token of every text; no special tokens, nothing truncated.

    Raises:
        ModelError: a slow tokenizer, which cannot tell where its tokens come from.
    """
    return [encoding.offsets for encoding in encode(tokenizer, texts)]


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

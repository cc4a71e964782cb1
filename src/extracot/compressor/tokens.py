"""Texts to tokens by the quick way: what a fast tokenizer's backend says, without the dictionaries around it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from extracot.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase


def encode(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> "list[Encoding]":
    """The tokens of every text with their `ids` and character `offsets`; no special tokens, nothing truncated.

    The same as calling the tokenizer, in half of the time.

    Raises:
        ModelError: a slow tokenizer, which cannot tell where its tokens come from.
    """
    return plain_backend(tokenizer).encode_batch(list(texts), add_special_tokens=False) if texts else []


def count_tokens(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[int]:
    """Number of tokens of every text, without special tokens."""
    if not texts:
        return []
    if not tokenizer.is_fast:
        encoded = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)
        return [len(token_ids) for token_ids in encoded["input_ids"]]
    return [len(own) for own in plain_backend(tokenizer).encode_batch_fast(list(texts), add_special_tokens=False)]


def plain_backend(tokenizer: "PreTrainedTokenizerBase") -> "Tokenizer":
    """The tokenizer below a fast tokenizer, set to neither pad nor truncate, as calling the latter would set it.

    Raises:
        ModelError: a slow tokenizer has none.
    """
    if not tokenizer.is_fast:
        raise ModelError(
            f"{tokenizer.name_or_path}: needs a fast tokenizer (a tokenizer.json) to locate tokens in a text"
        )
    fast: Any = tokenizer  # the base class, which slow tokenizers share, declares no backend
    backend: Tokenizer = fast.backend_tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    if backend.padding is not None:
        backend.no_padding()
    backend.encode_special_tokens = bool(fast.split_special_tokens)
    return backend

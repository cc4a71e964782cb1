"""The ids of control tokens in a vocabulary."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from extracot.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def control_token_ids(tokenizer: "PreTrainedTokenizerBase", tokens: Iterable[str]) -> dict[str, int]:
    """The single id of every given control token.

    Raises:
        ModelError: a token that is not one id, or one that would vanish when special tokens are skipped, as
            servers and trainers do.
    """
    ids: dict[str, int] = {}
    for token in tokens:
        found = tokenizer.encode(token, add_special_tokens=False)
        if len(found) != 1 or tokenizer.convert_ids_to_tokens(found[0]) != token:
            raise ModelError(f"{token} is no token of this vocabulary; add it with: extracot prepare-model")
        if tokenizer.decode(found, skip_special_tokens=True) != token:
            raise ModelError(
                f"{token} is a special token here, so decoding loses it; set its special to false in tokenizer.json "
                "and take it off the special tokens in tokenizer_config.json"
            )
        ids[token] = found[0]
    return ids

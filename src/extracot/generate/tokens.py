"""The tokens around a completion: which end it, and what text its ids are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extracot.models.load import resolve_model

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class StopTokens:
    """The tokens around a model's completions."""

    stop_ids: tuple[int, ...]
    """Any of them ends a completion."""
    pad_id: int | None
    """Fills up batches."""

    @property
    def hidden_ids(self) -> frozenset[int]:
        """What no completion's text shows."""
        return frozenset(self.stop_ids) | (frozenset() if self.pad_id is None else {self.pad_id})


def stop_tokens(config: "GenerationConfig | None", tokenizer: "PreTrainedTokenizerBase") -> StopTokens:
    """The tokens that end a completion: those of the model's generation config and the tokenizer's own."""
    configured = None if config is None else config.eos_token_id
    ids = configured if isinstance(configured, list | tuple) else [configured]
    stop_ids = dict.fromkeys(token for token in (*ids, tokenizer.eos_token_id) if isinstance(token, int))
    pad_id = tokenizer.pad_token_id
    return StopTokens(tuple(stop_ids), pad_id if isinstance(pad_id, int) else None)


def stop_tokens_of(model: str, tokenizer: "PreTrainedTokenizerBase") -> StopTokens:
    """As `stop_tokens`, for a model by name, from its folder and without its weights.

    Raises:
        ModelError: no such model.
    """
    from transformers import GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(resolve_model(model))
    except OSError:  # a folder without one
        config = None
    return stop_tokens(config, tokenizer)


def completion_text(
    tokenizer: "PreTrainedTokenizerBase", token_ids: Sequence[int], hidden_ids: Collection[int]
) -> str:
    """The text of what was generated, control tokens and tags included, the hidden tokens left out."""
    shown = [token for token in token_ids if token not in hidden_ids]
    text = tokenizer.decode(shown, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text

"""The tokens around a completion: which end it, and what text its ids are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extracot.errors import UsageError
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


def check_lengths(
    prompt_ids: Sequence[Sequence[int]], max_new_tokens: int, n_positions: int | None, remedy: str = ""
) -> None:
    """Refuse prompts that a model cannot complete.

    Args:
        prompt_ids: one sequence per prompt.
        max_new_tokens: of a completion.
        n_positions: the most tokens of prompt and completion together; None is no limit.
        remedy: what else than fewer new tokens would help, for the error.

    Raises:
        UsageError: an empty prompt, or one that leaves no room for `max_new_tokens`.
    """
    if any(not ids for ids in prompt_ids):
        raise UsageError("a prompt has no tokens; a completion needs something to continue")
    n_longest = max((len(ids) for ids in prompt_ids), default=0)
    if n_positions is not None and n_longest + max_new_tokens > n_positions:
        raise UsageError(
            f"a prompt of {n_longest} tokens and max_new_tokens={max_new_tokens} exceed the model's {n_positions} "
            f"positions; lower max_new_tokens to {max(n_positions - n_longest, 0)} or less{remedy}"
        )

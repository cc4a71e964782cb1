"""Take a generated response apart by token ids.

The choice is the id at position 0 and nothing else: a control token that merely occurs somewhere in the text
is never taken for a choice (a search in the text would pay for it).

Not covered: tokenizers in which `<think>` and `</think>` are not one token each.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from extracot.errors import ModelError
from extracot.text.control import POLICY_TOKEN, control_token
from extracot.text.think import THINK_END, THINK_START


class Vocabulary(Protocol):
    """What is asked of a tokenizer here."""

    def get_vocab(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class ResponseTokens:
    """The ids that give a response its structure."""

    ratios_by_id: Mapping[int, float]
    """Id of each ratio token -> its ratio."""
    policy_id: int
    """The token that asks for a choice; it belongs in a prompt, never in a response."""
    think_start_id: int
    think_end_id: int
    stop_ids: frozenset[int]
    """End-of-sequence and padding: a response ends before the first of them."""


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """A response taken apart; counts are tokens of the model's own tokenizer."""

    choice: float | None
    """The ratio that the first token names; None when it names none."""
    n_tokens: int
    """Everything generated, the stop token included."""
    n_think_tokens: int
    """Inside the think block, an unclosed one included, blank tokens next to the tags not."""
    has_think: bool
    """The think block is the first thing behind the choice."""
    is_closed: bool
    """The think block has its closing tag."""
    is_truncated: bool
    """No stop token came before the limit."""
    has_stray_control: bool
    """A control token, of a ratio or of the policy, behind position 0."""
    think_ids: Sequence[int]
    """Inside the think block."""
    visible_ids: Sequence[int]
    """Behind the think block; without a block everything behind the choice; empty when the block is
    unclosed."""


def response_tokens(tokenizer: Vocabulary, grid: Iterable[float], stop_ids: Collection[int]) -> ResponseTokens:
    """Look the structural ids up.

    Raises:
        ModelError: a control token of the grid, the policy token or a think tag is not one token here.
    """
    vocabulary = tokenizer.get_vocab()
    ratio_by_token = {control_token(ratio): ratio for ratio in grid}
    wanted = [*ratio_by_token, POLICY_TOKEN, THINK_START, THINK_END]
    missing = [token for token in wanted if token not in vocabulary]
    if missing:
        raise ModelError(
            f"the tokenizer has no single token for {', '.join(missing)}; "
            "add them with extracot prepare-model, then fine-tune with extracot sft"
        )
    return ResponseTokens(
        ratios_by_id={vocabulary[token]: ratio for token, ratio in ratio_by_token.items()},
        policy_id=vocabulary[POLICY_TOKEN],
        think_start_id=vocabulary[THINK_START],
        think_end_id=vocabulary[THINK_END],
        stop_ids=frozenset(stop_ids),
    )


def parse_response(token_ids: Sequence[int], tokens: ResponseTokens, is_blank: Callable[[int], bool]) -> ParsedResponse:
    """Take one response apart. The same rules as `text.think.split_response`, on ids.

    Args:
        token_ids: everything generated, with or without stop and padding tokens at the end.
        tokens: the structural ids.
        is_blank: whether an id decodes to nothing but white space.
    """
    n_before_stop = next((place for place, token in enumerate(token_ids) if token in tokens.stop_ids), len(token_ids))
    is_truncated = n_before_stop == len(token_ids)
    ids = token_ids[:n_before_stop]
    choice = tokens.ratios_by_id.get(ids[0]) if ids else None
    rest = ids if choice is None else ids[1:]

    first_tag = next(
        (place for place, token in enumerate(rest) if token in (tokens.think_start_id, tokens.think_end_id)),
        None,
    )
    if first_tag is None:
        has_think = False
    elif rest[first_tag] == tokens.think_start_id:
        has_think = all(is_blank(token) for token in rest[:first_tag])
    else:
        has_think = True  # the prompt had opened the block
    body: Sequence[int] = rest
    if has_think and first_tag is not None and rest[first_tag] == tokens.think_start_id:
        body = rest[first_tag + 1 :]
    end = next((place for place, token in enumerate(body) if token == tokens.think_end_id), None)
    think_ids: Sequence[int] = body[:end] if has_think else []
    visible_ids: Sequence[int] = rest
    if has_think:
        visible_ids = [] if end is None else body[end + 1 :]
    return ParsedResponse(
        choice=choice,
        n_tokens=n_before_stop + (not is_truncated),
        n_think_tokens=_n_between_blanks(think_ids, is_blank),
        has_think=has_think,
        is_closed=has_think and end is not None,
        is_truncated=is_truncated,
        has_stray_control=any(token in tokens.ratios_by_id or token == tokens.policy_id for token in rest),
        think_ids=think_ids,
        visible_ids=visible_ids,
    )


def _n_between_blanks(ids: Sequence[int], is_blank: Callable[[int], bool]) -> int:
    inked = [place for place, token in enumerate(ids) if not is_blank(token)]
    return inked[-1] - inked[0] + 1 if inked else 0

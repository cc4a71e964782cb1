"""The parts of a response: control token, think block, visible answer.

A response reads `<COMP_20>\\n<think>\\n…\\n</think>\\n\\nThe answer is …`. Taking it apart and putting it
together are inverse to each other. Tokens are not counted here: that needs a tokenizer.
"""

import re
from dataclasses import dataclass

from extracot.errors import UsageError
from extracot.text.control import CONTROL_TOKEN

THINK_START, THINK_END = "<think>", "</think>"
_TAG = re.compile(f"{THINK_START}|{THINK_END}")


@dataclass(frozen=True, slots=True)
class ThinkSplit:
    """A response taken apart."""

    control: str | None
    """The control token that the text starts with, if it does; the policy token counts."""
    cot: str
    """Inside of the think block, without one line end next to each tag; "" without a block."""
    visible: str
    """Everything after the block, its leading line ends included; the whole rest without a block."""
    has_think: bool
    """There is a think block at the start of the response."""
    is_closed: bool
    """The block has its closing tag."""


def split_response(text: str) -> ThinkSplit:
    """Take a response apart: `split_response(render_response(*parts))` gives the parts back.

    - The control token counts only as the very first characters.
    - The block must come next; only white space may stand before it. With other text before `<think>` there
      is no block, so reasoning outside of it cannot pass as a short think block.
    - The block ends at the first `</think>`; without one it is everything that follows, and `visible` is "".
    - A `</think>` without any `<think>` before it closes a block that the prompt had opened, as the chat
      templates of some reasoning models do.
    """
    match = CONTROL_TOKEN.match(text)
    control = match[0] if match else None
    rest = text[match.end() :] if match else text
    first_tag = _TAG.search(rest)
    if first_tag is None or (first_tag[0] == THINK_START and rest[: first_tag.start()].strip()):
        visible = rest.removeprefix("\n") if control else rest
        return ThinkSplit(control, cot="", visible=visible, has_think=False, is_closed=False)
    is_open_in_prompt = first_tag[0] == THINK_END
    body = rest if is_open_in_prompt else rest[first_tag.end() :]
    cot, closing_tag, visible = body.partition(THINK_END)
    cot = cot.removeprefix("\n")
    if closing_tag:
        cot = cot.removesuffix("\n")
    return ThinkSplit(control, cot, visible, has_think=True, is_closed=bool(closing_tag))


def with_opened_think(prompt: str, text: str) -> str:
    """A completion with the `<think>` that its prompt had opened, if it had.

    Without it, a run-away inside such a block has no tag at all and would count as 0 think tokens.
    """
    return f"{THINK_START}\n{text}" if prompt.rstrip().endswith(THINK_START) else text


def render_response(control: str | None, cot: str, visible: str) -> str:
    """Put a response together: control token, think block, visible text.

    Args:
        control: the token that comes first, on its own line; None for a response without one.
        cot: inside of the think block, without the line ends next to the tags.
        visible: what follows the closing tag, usually starting with an empty line; taken as it is.

    Raises:
        UsageError: `control` is no control token, or `cot` holds `</think>`, which would end the block early.
    """
    if control is not None and not CONTROL_TOKEN.fullmatch(control):
        raise UsageError(f"{control!r} is no control token; make one with control_token(ratio)")
    if THINK_END in cot:
        raise UsageError(
            f"the chain of thought holds {THINK_END}, which would end its block early; cut it there"
        )
    opening = f"{control}\n" if control is not None else ""
    return f"{opening}{THINK_START}\n{cot}\n{THINK_END}{visible}"

"""Cut an answer at its top level: at commas, at signs of relation, at its outer brackets."""

import re
from collections.abc import Iterator

_STEP = re.compile(r"\\begin\{[a-zA-Z]+\*?\}|\\end\{[a-zA-Z]+\*?\}|\\[a-zA-Z]+|\\.|.", re.DOTALL)
_OPENING = frozenset(("(", "[", "{", r"\{", r"\langle", r"\lfloor", r"\lceil"))
_CLOSING = frozenset((")", "]", "}", r"\}", r"\rangle", r"\rfloor", r"\rceil"))


def steps(text: str) -> Iterator[tuple[int, str, int]]:
    """Every command or character of a text: its offset, itself, how many brackets are open before and after it.

    An opening and its closing bracket count as outside of themselves. Kinds of brackets are not told apart, so the
    half-open `[0,1)` is one bracket.
    """
    depth = 0
    for match in _STEP.finditer(text):
        step = match[0]
        if step in _CLOSING or step.startswith(r"\end{"):
            depth -= 1
        yield match.start(), step, depth
        if step in _OPENING or step.startswith(r"\begin{"):
            depth += 1


def is_balanced(text: str) -> bool:
    """Whether every bracket is closed, of whatever kind."""
    depth = 0
    for _, step, depth_there in steps(text):
        if depth_there < 0:
            return False
        depth = depth_there + (step in _OPENING or step.startswith(r"\begin{"))
    return depth == 0


def split_top_level(text: str, separators: frozenset[str]) -> list[tuple[str, str]]:
    """The parts between separators that stand in no bracket, each with the separator before it ("" for the first)."""
    parts: list[tuple[str, str]] = []
    separator, start = "", 0
    for offset, step, depth in steps(text):
        if depth == 0 and step in separators:
            parts.append((separator, text[start:offset].strip()))
            separator, start = step, offset + len(step)
    parts.append((separator, text[start:].strip()))
    return parts


def outer_brackets(text: str) -> tuple[str, str, str] | None:
    """Opening bracket, inside and closing bracket of a text that is one bracket; None for any other."""
    opening: str | None = None
    for offset, step, depth in steps(text):
        if opening is None:
            if step not in _OPENING:
                return None
            opening = step
        elif depth == 0:
            if step not in _CLOSING or offset + len(step) != len(text):
                return None
            return opening, text[len(opening) : offset].strip(), step
    return None

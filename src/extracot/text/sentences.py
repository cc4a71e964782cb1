"""Group units into sentences. Works on units, so no sentence ever ends inside a formula or a number."""

import re
from collections.abc import Sequence
from typing import Final

from extracot.text.units import Unit, UnitKind

_ENDS: Final = re.compile(r"[.!?…。！？][)\]\"'”’*_`]*\s*$")
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|approx|vs|cf|resp|mr|mrs|ms|dr|st|no|fig|eq|thm|cor|sec|[A-Z])\.$",
    re.IGNORECASE,
)
_LIST_MARK: Final = re.compile(r"(?:\d{1,3}|[A-Za-z])[.)]")


def sentence_numbers(text: str, units: Sequence[Unit]) -> list[int]:
    """Number the sentence of every unit, from 0 in reading order.

    A sentence ends behind `.`, `!` or `?` (abbreviations and list marks such as `1.` do not count) and at
    every line end, so that a displayed formula on lines of its own is a sentence too.

    Returns:
        One number per unit, never decreasing.
    """
    numbers: list[int] = []
    current = 0
    is_line_start = True
    has_ended = False
    for unit in units:
        raw = unit.of(text)
        body = raw.strip()
        is_new_line = "\n" in raw[: len(raw) - len(raw.lstrip())]
        if numbers and (has_ended or is_new_line):
            current += 1
        is_line_start = is_new_line or not numbers
        numbers.append(current)
        has_ended = _ENDS.search(body) is not None
        if has_ended and unit.kind in (UnitKind.PROSE, UnitKind.NUMBER):
            is_list_mark = is_line_start and _LIST_MARK.fullmatch(body) is not None
            has_ended = not is_list_mark and _ABBREVIATION.search(body) is None
    return numbers


def last_sentence(text: str) -> str:
    """The last sentence of a question that asks something: the one ending in `?`, else the last one."""
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+|\n+", text.strip()) if s.strip()]
    asking = [sentence for sentence in sentences if sentence.rstrip(")\"'*").endswith("?")]
    return (asking or sentences or [""])[-1]

"""Read which units a teacher's reply keeps. Pure; it never guesses.

A reply is either understood as a whole or refused: text that merely contains numbers keeps nothing and drops
nothing, and so does one whose end is missing. Accepted are `{"keep": [[0, 3], [7, 7]]}` (also in a code fence, or
with text around it), the same ranges as a bare list, `"0-3"` for a range, and a plain `0-3, 7`, with or without
`keep:` in front. Ranges include both ends.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from extracot.records.teacher_call import CallOutcome

_CLOSED_THINKING: Final = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_FENCE: Final = re.compile(r"```[\w-]*\s*\n?(.*?)```", re.DOTALL)
_RANGE: Final = re.compile(r"(\d{1,9})\s*(?:(?:-|–|—|:|\.\.+|to)\s*(\d{1,9}))?")
_ITEM: Final = rf"(?:{_RANGE.pattern}|\[\s*{_RANGE.pattern}\s*\])"
_BETWEEN: Final = r"\s*(?:,\s*and\b|,|;|\band\b|\n)\s*"
_PLAIN: Final = re.compile(rf"{_ITEM}(?:{_BETWEEN}{_ITEM})*", re.IGNORECASE)
_LEAD: Final = re.compile(r"[\s*_#>-]*(?:keep|kept)[\s*_]*[:=][\s*_]*", re.IGNORECASE)
_SAYS_NOTHING: Final = re.compile(r"(?:keep\s*[:=]?\s*)?(?:none|nothing|null|\[\s*\]|\{\s*\})[.!]?", re.IGNORECASE)
_SHOWN_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says."""

    outcome: CallOutcome
    keep: tuple[tuple[int, int], ...] = ()
    """Half-open ranges of unit indices, ascending, apart from each other; empty unless ok."""
    n_outside: int = 0
    """Named ranges that lay outside, wholly or in part."""
    error: str | None = None
    """What was wrong with it; None when ok."""


def read_reply(text: str, allowed: range) -> Reading:
    """Read one reply.

    Args:
        text: as the model wrote it; a closed think block at its start is passed over.
        allowed: the indices that were shown; of everything else only the number of ranges is told.
    """
    body = _CLOSED_THINKING.sub("", text, count=1).strip()
    if not body:
        return Reading(CallOutcome.EMPTY, error="the reply is empty")
    if body.startswith("<think>"):
        return Reading(CallOutcome.CUT_OFF, error="the reply ends inside its think block")
    found = _json_ranges(body)
    if found is None:
        found = _plain_ranges(body)
    if isinstance(found, Reading):
        return found
    return _within(found, allowed)


def _json_ranges(body: str) -> list[tuple[int, int]] | Reading | None:
    """The ranges of the JSON in a reply; a refusal where there is JSON that does not say; None without JSON."""
    values, is_broken = _json_values(body)
    if is_broken:
        return Reading(CallOutcome.CUT_OFF, error=f"the JSON of the reply is cut off or broken: {_shown(body)}")
    if not values:
        return None
    answers: list[Any] = []
    for value in values:
        if isinstance(value, dict) and "keep" not in value:
            continue
        answer = value["keep"] if isinstance(value, dict) else value
        if answer not in answers:
            answers.append(answer)
    if not answers:
        return Reading(CallOutcome.UNREADABLE, error=f'the JSON of the reply has no "keep": {_shown(body)}')
    if len(answers) > 1:
        return Reading(CallOutcome.UNREADABLE, error=f"the reply gives two different answers: {_shown(body)}")
    if answers[0] in ([], None, "", {}):
        return Reading(CallOutcome.KEEPS_NOTHING, error="the reply keeps nothing")
    ranges = _ranges_of(answers[0])
    if ranges is None:
        return Reading(CallOutcome.UNREADABLE, error=f'"keep" is no list of [first, last]: {_shown(body)}')
    return ranges


def _json_values(body: str) -> tuple[list[Any], bool]:
    """Objects in a reply, or the one list that it is; and whether an answer begins that does not parse.

    Objects anywhere in the text count; a list counts only where it is the whole reply, a whole fence, or all
    that stands behind `keep:`.
    """
    fences = [match.group(1).strip() for match in _FENCE.finditer(body)]
    for candidate in (body, *(fences if len(fences) == 1 else []), _LEAD.sub("", body, count=1)):
        try:
            value = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, (dict, list)):
            return [value], False
    values: list[Any] = []
    unparsed = ""
    decoder = json.JSONDecoder()
    position = 0
    while (brace := body.find("{", position)) >= 0:
        unparsed += body[position:brace]
        try:
            value, position = decoder.raw_decode(body, brace)
        except (ValueError, RecursionError):
            unparsed += "{"
            position = brace + 1
        else:
            values.append(value)
    unparsed += body[position:]
    begins = re.search(r'"keep"\s*:', unparsed) is not None
    return values, begins or (not values and body.count("[") != body.count("]"))


def _ranges_of(answer: Any) -> list[tuple[int, int]] | None:
    """Inclusive ranges of a JSON value, or None where it means none, or may mean two things."""
    if isinstance(answer, str):
        found = _plain_ranges(answer.strip())
        return None if isinstance(found, Reading) else found
    if not isinstance(answer, list):
        return None
    if all(_is_index(item) for item in answer):
        # [0, 3] may be a range or two units; one, three or more numbers are units.
        return [(i, i) for i in answer] if len(answer) != 2 else None
    ranges: list[tuple[int, int]] = []
    for item in answer:
        if _is_index(item):
            ranges.append((item, item))
        elif isinstance(item, list) and len(item) in (1, 2) and all(_is_index(end) for end in item):
            ranges.append((item[0], item[-1]))
        elif isinstance(item, str):
            match = _RANGE.fullmatch(item.strip())
            if match is None:
                return None
            ranges.append(_ends(match))
        else:
            return None
    return None if any(first > last for first, last in ranges) else ranges


def _plain_ranges(body: str) -> list[tuple[int, int]] | Reading:
    """The ranges of `0-3, 7`: the whole text or fence, or its last line behind `keep:`."""
    if _SAYS_NOTHING.fullmatch(body):
        return Reading(CallOutcome.KEEPS_NOTHING, error="the reply keeps nothing")
    fences = _FENCE.findall(body)
    text = (fences[0] if len(fences) == 1 else body).strip()
    lead = _LEAD.match(text)
    if lead is None and text:
        last_line = text.splitlines()[-1]
        lead = _LEAD.match(last_line)
        text = last_line if lead is not None else text
    listed = text[lead.end() if lead is not None else 0 :].strip().rstrip(".;").strip()
    if listed.startswith("[") and listed.endswith("]") and listed.count("[") == 1:
        listed = listed[1:-1].strip()
    if _PLAIN.fullmatch(listed):
        ranges = [_ends(found) for found in _RANGE.finditer(listed)]
        if all(first <= last for first, last in ranges):
            return ranges
    return Reading(CallOutcome.UNREADABLE, error=f"the reply is no list of ranges: {_shown(body)}")


def _within(ranges: list[tuple[int, int]], allowed: range) -> Reading:
    """Clip inclusive ranges to the allowed indices and merge them."""
    clipped: list[tuple[int, int]] = []
    n_outside = 0
    for first, last in ranges:
        start, end = max(first, allowed.start), min(last + 1, allowed.stop)
        n_outside += (start, end) != (first, last + 1)
        if start < end:
            clipped.append((start, end))
    if not clipped:
        return Reading(
            CallOutcome.OUT_OF_RANGE,
            n_outside=n_outside,
            error=f"the reply names no unit of {allowed.start}-{allowed.stop - 1}",
        )
    merged: list[tuple[int, int]] = []
    for start, end in sorted(clipped):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return Reading(CallOutcome.OK, tuple(merged), n_outside)


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _ends(match: re.Match[str]) -> tuple[int, int]:
    first = int(match.group(1))
    return first, int(match.group(2)) if match.group(2) is not None else first


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "...")

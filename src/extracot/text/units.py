"""Cut a chain of thought into units: the smallest pieces that may be kept or dropped.

Not covered: which units matter (`annotate`), and sentences (`sentences`, which groups units).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from extracot.text.formulas import AtomicSpan, SpanKind, atomic_spans


class UnitKind(StrEnum):
    """What a unit holds."""

    FORMULA = "formula"
    NUMBER = "number"
    CODE = "code"
    PROSE = "prose"


@dataclass(frozen=True, slots=True)
class Unit:
    """A half-open character range of a text. Units of one text tile it."""

    start: int
    end: int
    kind: UnitKind

    def of(self, text: str) -> str:
        """This unit's characters, its leading white space included."""
        return text[self.start : self.end]


_UNIT_KINDS: Final = {
    SpanKind.FORMULA: UnitKind.FORMULA,
    SpanKind.NUMBER: UnitKind.NUMBER,
    SpanKind.CODE: UnitKind.CODE,
}
_OPENING: Final = frozenset("([{\"'“‘«*_`~<#")
_WIDE_STOPS: Final = "。，；：！？、…"
# Behind a formula: an English suffix (`$n$-th`, `$x$'s`, `3rd`), then closing punctuation and Markdown marks.
_GLUED_BEHIND: Final = re.compile(
    rf"(?:['’]s(?![^\W\d_])|-?(?:th|st|nd|rd|s)(?![^\W\d_])|-[a-z]+)?[.,;:!?)\]}}\"'”’»*_`~>%{_WIDE_STOPS}]*"
)
_WORD: Final = re.compile(rf"\s*(?:[^\s{_WIDE_STOPS}]*[{_WIDE_STOPS}]+|\S+)")
# A clause ends behind its punctuation mark, or before a line end.
_CLAUSE_END: Final = re.compile(
    rf"[.!?,;:]+[)\]\"'”’*_]*(?=\s)|[{_WIDE_STOPS}]+[)\]\"'”’*_]*|\S(?=[^\S\n]*\n)"
)


def segment(text: str, prose: Literal["word", "clause"] = "word") -> list[Unit]:
    """Cut `text` into units that tile it: joined, they give the text back, character for character.

    A unit carries the white space before it (that at the end of the text goes to the last unit), the
    punctuation that closes it and the brackets, quotes or Markdown marks that open it: `$x = 3$.` is one
    unit. Formulas, quantities and code are never cut. Time is linear in the text.

    Args:
        text: any text; offsets index it as given.
        prose: "word" makes a unit of every word and every quantity; "clause" of every run of prose up to a
            formula, a punctuation mark or a line end, quantities included (only one that stands alone is of
            kind number).

    Returns:
        Units in order; empty for an empty text, one prose unit for white space alone.
    """
    if not text:
        return []
    spans = atomic_spans(text)
    numbers = [span for span in spans if span.kind is SpanKind.NUMBER]
    if prose == "clause":
        spans = [span for span in spans if span.kind is not SpanKind.NUMBER]
    pieces: list[tuple[int, UnitKind]] = []
    start = 0
    for i, span in enumerate(spans):
        lead = _lead(text, start, span.start)
        _cut_prose(text, start, lead, prose, numbers, pieces)
        limit = spans[i + 1].start if i + 1 < len(spans) else len(text)
        glued = _GLUED_BEHIND.match(text, span.end, limit)
        start = glued.end() if glued else span.end
        pieces.append((start, _UNIT_KINDS[span.kind]))
    _cut_prose(text, start, len(text), prose, numbers, pieces)
    if not pieces:
        return [Unit(0, len(text), UnitKind.PROSE)]
    pieces[-1] = (len(text), pieces[-1][1])
    starts = [0, *(end for end, _ in pieces)]
    return [Unit(begin, end, kind) for begin, (end, kind) in zip(starts, pieces, strict=False)]


def _lead(text: str, start: int, span_start: int) -> int:
    """Where the unit of a span begins: before its opening marks and the white space in front of them."""
    marks = span_start
    while marks > start and text[marks - 1] in _OPENING:
        marks -= 1
    if marks > start and not text[marks - 1].isspace():
        # The marks close or join a word (`so:*x = 3*`); they stay with it.
        return span_start
    while marks > start and text[marks - 1].isspace():
        marks -= 1
    return marks


def _cut_prose(
    text: str,
    start: int,
    end: int,
    prose: Literal["word", "clause"],
    numbers: Sequence[AtomicSpan],
    pieces: list[tuple[int, UnitKind]],
) -> None:
    """Append the ends of the prose units of `text[start:end]`; white space at its end is left over."""
    if prose == "word":
        pieces.extend((match.end(), UnitKind.PROSE) for match in _WORD.finditer(text, start, end))
        return
    end = start + len(text[start:end].rstrip())
    for clause_end in _clause_ends(text, start, end, numbers):
        body = text[start:clause_end].strip(" \t\n\r*_([{)]}.,;:!?\"'`")
        is_number = any(text[span.start : span.end] == body for span in _within(numbers, start, clause_end))
        pieces.append((clause_end, UnitKind.NUMBER if is_number else UnitKind.PROSE))
        start = clause_end


def _within(spans: Sequence[AtomicSpan], start: int, end: int) -> Iterator[AtomicSpan]:
    """The spans that begin in [start, end)."""
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle].start < start:
            low = middle + 1
        else:
            high = middle
    while low < len(spans) and spans[low].start < end:
        yield spans[low]
        low += 1


def _clause_ends(text: str, start: int, end: int, numbers: Sequence[AtomicSpan]) -> Iterator[int]:
    last = start
    for match in _CLAUSE_END.finditer(text, start, end):
        if any(span.start < match.end() < span.end for span in _within(numbers, last, match.end())):
            continue
        last = match.end()
        yield last
    if last < end:
        yield end

"""Prose that reads badly alone: it is never ranked above what it leans on.

`So,` needs the rest of its sentence, `the value is` the formula behind it, `3.` the rest of its line, `Now:` what it
announces, `which is even` what stands before it, a heading what stands below it. Where all of that is dropped,
they are dropped as well. Only scores of prose and list marks are lowered, and only to scores that stand in the
same text, so cuts stay nested and meet their ratio as before.

Not covered: prose cut into single words, which is telegraphic whatever is done.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from extracot.text.sentences import sentence_numbers
from extracot.text.units import Unit, UnitKind

_LIST_MARK: Final = re.compile(r"[-*+•–]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)]")
_BOLD: Final = re.compile(r"(\*\*|__)[^*_]+\1[:.]?")
_N_ROUNDS: Final = 3
"""Leaning goes both ways, so lowering one score may lower another; longer chains of it are let be."""


class _Leans:
    """On which units a unit leans, as bits that add up; of each group named it needs at least one.

    Plain integers: they are looked at many times for every unit, where an `enum.Flag` takes half of the time.
    """

    NOTHING: Final = 0
    ON_REST: Final = 1
    """Those behind it in its sentence."""
    ON_NEXT: Final = 2
    """The one behind it."""
    ON_START: Final = 4
    """Those before it in its sentence, single words such as `So,` aside."""
    ON_LAST: Final = 8
    """The one before it."""
    ON_BLOCK: Final = 16
    """The next sentence, and those after it up to a blank line."""
    IS_WORD: Final = 32
    """Nothing leans on it from behind: it is a single word."""


class Leaned(NamedTuple):
    """What leaning makes of a text."""

    scores: list[float]
    """[U] lowered where a unit leans on others."""
    stands_alone: list[bool]
    """[U] whether a unit leans on nothing."""


def lean(text: str, units: Sequence[Unit], scores: Sequence[float]) -> Leaned:
    """The scores, with those of leaning prose at most the best score of what it leans on.

    A unit that has nothing to lean on in the whole text keeps its score, and none is lowered where all scores are
    equal, so ratio 1 keeps every unit.

    Args:
        text: the chain of thought.
        units: [U] clauses, formulas and code that tile it.
        scores: [U].

    Returns:
        The scores, none above the one given, and which units lean on nothing. Time is linear in the text.
    """
    if not units:
        return Leaned([], [])
    lowered = list(scores)
    numbers = sentence_numbers(text, units)
    starts = [unit for unit in range(len(units)) if unit == 0 or numbers[unit] != numbers[unit - 1]]
    sentences = [range(start, stop) for start, stop in pairwise([*starts, len(units)])]
    leans = [flags for sentence in sentences for flags in _leans_in(text, units, sentence)]
    opens_block = [_line_ends_before(text, units[sentence.start]) > 1 for sentence in sentences]
    for _ in range(_N_ROUNDS):
        before = list(lowered)
        _lean_right(sentences, opens_block, leans, lowered)
        _lean_left(sentences, leans, lowered)
        if lowered == before:
            break
    _lean_headings(text, units, sentences, lowered)
    return Leaned(lowered, [flags in (_Leans.NOTHING, _Leans.IS_WORD) for flags in leans])


def _leans_in(text: str, units: Sequence[Unit], sentence: range) -> list[int]:
    flags = []
    for unit in sentence:
        body = units[unit].of(text).strip()
        is_first, is_last = unit == sentence.start, unit == sentence.stop - 1
        if units[unit].kind is not UnitKind.PROSE:
            is_mark = is_first and units[unit].kind is UnitKind.NUMBER and _LIST_MARK.fullmatch(body)
            flags.append(_Leans.ON_REST if is_mark and not is_last else _Leans.NOTHING)
            continue
        leans = _Leans.NOTHING if " " in body else _Leans.IS_WORD
        is_open = body[-1:].isalnum()
        if not is_last:
            leans |= _Leans.ON_REST
            if is_open and units[unit + 1].kind is not UnitKind.PROSE:
                leans |= _Leans.ON_NEXT
        elif unit + 1 < len(units):
            is_announced = units[unit + 1].kind is UnitKind.FORMULA and (is_open or body.endswith(","))
            if is_announced:
                leans |= _Leans.ON_NEXT
            elif body.endswith((":", ":**")) or _LIST_MARK.fullmatch(body):
                leans |= _Leans.ON_BLOCK
        if not is_first and body[:1].islower():
            leans |= _Leans.ON_START
            is_glued = units[unit - 1].of(text).rstrip()[-1:] not in ",;:"
            if is_glued and units[unit - 1].kind is not UnitKind.PROSE:
                leans |= _Leans.ON_LAST
        flags.append(leans)
    return flags


def _lean_right(
    sentences: Sequence[range], opens_block: Sequence[bool], leans: Sequence[int], lowered: list[float]
) -> None:
    """Lower what leans on units behind it, from the end to the start."""
    block_best = float("inf")  # nothing follows the last sentence
    for number in reversed(range(len(sentences))):
        best: float | None = None
        for unit in reversed(sentences[number]):
            if leans[unit] & _Leans.ON_NEXT:
                lowered[unit] = min(lowered[unit], lowered[unit + 1])
            if leans[unit] & _Leans.ON_REST and best is not None:
                lowered[unit] = min(lowered[unit], best)
            if leans[unit] & _Leans.ON_BLOCK:
                lowered[unit] = min(lowered[unit], block_best)
            best = lowered[unit] if best is None else max(best, lowered[unit])
        assert best is not None, "a sentence has units"
        ends_block = number + 1 == len(sentences) or opens_block[number + 1]
        block_best = best if ends_block else max(best, block_best)


def _lean_left(sentences: Sequence[range], leans: Sequence[int], lowered: list[float]) -> None:
    """Lower what leans on units before it, from the start to the end."""
    for sentence in sentences:
        best: float | None = None
        for unit in sentence:
            if leans[unit] & _Leans.ON_LAST:
                lowered[unit] = min(lowered[unit], lowered[unit - 1])
            if leans[unit] & _Leans.ON_START and best is not None:
                lowered[unit] = min(lowered[unit], best)
            if not leans[unit] & _Leans.IS_WORD:
                best = lowered[unit] if best is None else max(best, lowered[unit])


def _lean_headings(text: str, units: Sequence[Unit], sentences: Sequence[range], lowered: list[float]) -> None:
    """Lower the units of every heading to the best score below it, up to the next heading."""
    best: float | None = None
    for number in reversed(range(len(sentences))):
        sentence = sentences[number]
        own = text[units[sentence.start].start : units[sentence.stop - 1].end].strip()
        is_line = _line_ends_before(text, units[sentence.start]) > 0 or number == 0
        if is_line and (own.startswith("#") or (own.startswith(("**", "__")) and _BOLD.fullmatch(own))):
            for unit in sentence:
                lowered[unit] = lowered[unit] if best is None else min(lowered[unit], best)
            best = None
        else:
            best = max(lowered[sentence.start : sentence.stop] + ([] if best is None else [best]))


def _line_ends_before(text: str, unit: Unit) -> int:
    """Line ends in the white space that the unit begins with."""
    raw = unit.of(text)
    return raw[: len(raw) - len(raw.lstrip())].count("\n")

"""What a chain of thought states, unit by unit: equations, numbers in prose, and which are repetitions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from extracot.text.equations import Equation, equation_sides, numbers_in
from extracot.text.sentences import sentence_numbers
from extracot.text.units import Unit, UnitKind

_LIST_MARK: Final = re.compile(r"\s*[*#_]*\d{1,3}[.):][*_]*")


@dataclass(frozen=True, slots=True)
class Statements:
    """The units of one text, read. Every list has one entry per unit, unless it says otherwise."""

    sentences: list[int]
    """Number of the unit's sentence, never decreasing."""
    equations: list[Equation | None]
    """What a formula unit says; None for every other unit and for formulas that say nothing."""
    numbers: list[tuple[Fraction, ...]]
    """Numbers in prose, and those of formulas that are a single number; list marks are no numbers."""
    is_repeat: list[bool]
    """For units with an equation: everything that it asserts was asserted before."""
    units_of_sentence: list[range]
    """Per sentence: its units."""


def read_statements(text: str, units: Sequence[Unit]) -> Statements:
    """Read every unit of `text` once, from the left.

    A formula that is a single name or number asserts nothing; its number counts as one in prose. A repetition
    may leave out the name (`4 + 5 = 9` after `Ola = 4 + 5 = 9`), may not add one.
    """
    sentences = sentence_numbers(text, units)
    equations: list[Equation | None] = []
    numbers: list[tuple[Fraction, ...]] = []
    is_repeat: list[bool] = []
    seen: set[str] = set()
    for unit in units:
        body = unit.of(text)
        equation = equation_sides(body) if unit.kind is UnitKind.FORMULA else None
        if equation is not None and equation.is_bare:
            numbers.append(equation.values)
            equation = None
        elif equation is not None or unit.kind is UnitKind.CODE or _LIST_MARK.fullmatch(body):
            numbers.append(())
        else:
            numbers.append(tuple(numbers_in(body)) if any(c.isdigit() for c in body) else ())
        equations.append(equation)
        is_repeat.append(equation is not None and equation.facts <= seen)
        if equation is not None:
            seen |= equation.facts | equation.sides
    units_of_sentence: list[range] = []
    start = 0
    for i in range(1, len(units) + 1):
        if i == len(units) or sentences[i] != sentences[i - 1]:
            units_of_sentence.append(range(start, i))
            start = i
    return Statements(sentences, equations, numbers, is_repeat, units_of_sentence)

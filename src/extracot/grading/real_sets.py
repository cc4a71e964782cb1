"""Sets of real numbers: unions of intervals and points, and the inequalities that describe them.

`x < 2 \\text{ or } x > 3` is `(-\\infty,2)\\cup(3,\\infty)`, and `[0,1]\\cup[1,2]` is `[0,2]`. Bounds must be
constants; inequalities must be linear in one variable, or in its absolute value. Anything else is not read here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from extracot.grading.brackets import outer_brackets, split_top_level
from extracot.grading.expressions import Unreadable, read_expression
from extracot.grading.groups import GroupKind, read_groups
from extracot.grading.values import (
    TooLarge,
    Undefined,
    Value,
    constant_value,
    divide,
    equal_values,
    evaluate,
    inexact,
    is_real,
    variables,
)

MAX_INTERVALS = 60
"""Sets of more are not read: comparing them gets slow."""
MINUS_INFINITY, INFINITY = r"-\infty", r"\infty"


@dataclass(frozen=True, slots=True)
class Interval:
    """Real numbers between two bounds; a point when they are equal."""

    low: Value
    high: Value
    has_low: bool
    """The lower bound belongs to it."""
    has_high: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """Disjoint intervals, in order."""

    intervals: tuple[Interval, ...]
    variable: str | None
    """Of which inequalities it was read; None for sets written as such."""
    is_plain: bool
    """Written as one pair of brackets, so it may be a point or a list as well."""


_CUP = frozenset((r"\cup", "∪"))
_WITHOUT = frozenset((r"\setminus", r"\backslash"))
_REALS = frozenset((r"\mathbb{R}", r"\mathbb R", r"\R", r"\Reals", r"\reals", "ℝ"))
_RELATIONS = {
    "<": "<", ">": ">", r"\lt": "<", r"\gt": ">", r"\le": "<=", r"\ge": ">=", r"\leqslant": "<=",
    r"\geqslant": ">=", r"\ne": "!=", "=": "=", "<=": "<=", ">=": ">=",
}  # fmt: skip
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}
_ABSOLUTE = re.compile(r"\|([^|]+)\|")
_PLAIN_RELATION = re.compile(r"[<>]=")
_OR = re.compile(
    r",? ?(?:\\(?:text|mathrm|mbox)\{,? ?or,? ?\}|(?<![a-zA-Z\\])or(?![a-zA-Z])|\\(?:lor|vee)(?![a-zA-Z])) ?"
)
_AND = re.compile(
    r",? ?(?:\\(?:text|mathrm|mbox)\{,? ?and,? ?\}|(?<![a-zA-Z\\])and(?![a-zA-Z])|\\(?:land|wedge)(?![a-zA-Z])) ?"
)
_MEMBER = re.compile(r"([a-zA-Z])\\in(?![a-zA-Z]) ?(.+)", re.DOTALL)
_BUILDER = re.compile(r"\\\{ ?([a-zA-Z])(?:\\in ?\\mathbb\{R\})? ?(?:\||\\mid|:|\\colon) ?(.+)\\\}", re.DOTALL)


def equal_real_sets(gold: str, predicted: str) -> bool | None:
    """Whether two answers are the same set; None where one is not read as a set, or neither says that it is one."""
    gold_set, predicted_set = read_real_set(gold), read_real_set(predicted)
    if gold_set is None or predicted_set is None or (gold_set.is_plain and predicted_set.is_plain):
        return None
    names = {gold_set.variable, predicted_set.variable} - {None}
    if len(names) > 1 or len(gold_set.intervals) != len(predicted_set.intervals):
        return False
    return all(map(_equal_intervals, gold_set.intervals, predicted_set.intervals))


def read_real_set(text: str) -> RealSet | None:
    """The set that an answer describes; None for any other answer."""
    try:
        return _read(text)
    except (Unreadable, Undefined, TooLarge, ZeroDivisionError):
        return None


def split_relations(text: str) -> list[tuple[str, str]]:
    """The sides of a chain of relations, each with the relation before it ("" for the first)."""
    text = _PLAIN_RELATION.sub(lambda match: {"<=": r"\le ", ">=": r"\ge "}[match[0]], text)
    sides = split_top_level(text, frozenset(_RELATIONS))
    return [(_RELATIONS.get(relation, ""), side) for relation, side in sides]


def _read(text: str) -> RealSet | None:
    builder, member = _BUILDER.fullmatch(text), _MEMBER.fullmatch(text)
    if builder is not None:
        return _read_inequalities(builder[2])
    if member is not None:
        inside = _read_written_set(member[2])
        return None if inside is None else RealSet(inside.intervals, member[1], is_plain=False)
    if _has_inequality(text):
        return _read_inequalities(text)
    return _read_written_set(text)


def _has_inequality(text: str) -> bool:
    """Equations alone are left to `relations`: `x=1, x=2` are two solutions, not a contradiction."""
    return any(relation not in ("", "=") for relation, _ in split_relations(text))


def _read_written_set(text: str) -> RealSet | None:
    """Intervals, sets of points and `\\mathbb{R}`, united or taken away."""
    parts = split_top_level(_OR.sub(r"\\cup ", text), _CUP)
    intervals: list[Interval] = []
    for _, part in parts:
        (_, whole), *removed = split_top_level(part, _WITHOUT)
        found = _read_simple_set(whole)
        if found is None:
            return None
        for _, hole in removed:
            points = _read_simple_set(hole)
            if points is None:
                return None
            found = _intersect(found, _complement(points))
        intervals += found
    is_plain = len(parts) == 1 and outer_brackets(text) is not None and not _is_certain(text)
    if len(intervals) > MAX_INTERVALS:
        raise Unreadable("too many intervals")
    return RealSet(_united(intervals), None, is_plain)


def _is_certain(text: str) -> bool:
    """Whether one pair of brackets can only be an interval."""
    groups = read_groups(text)
    half_open = (GroupKind.OPEN_CLOSED, GroupKind.CLOSED_OPEN)
    return any(group.kind in half_open for group in groups) or (r"\infty" in text and not text.startswith(r"\{"))


def _read_simple_set(text: str) -> list[Interval] | None:
    if text in _REALS:
        return [Interval(_infinity(-1), _infinity(1), False, False)]
    if text in (r"\emptyset", r"\varnothing"):
        return []
    if outer_brackets(text) is None and not text.startswith("]"):
        return None
    for group in read_groups(text):
        values = [_bound(item) for item in group.items]
        if any(value is None for value in values):
            continue
        if group.kind is GroupKind.SET:
            return [Interval(value, value, True, True) for value in values]
        if len(values) == 2 and group.kind not in (GroupKind.LIST, GroupKind.MATRIX):
            has_low = group.kind in (GroupKind.SQUARE, GroupKind.CLOSED_OPEN)
            has_high = group.kind in (GroupKind.SQUARE, GroupKind.OPEN_CLOSED)
            return _checked([Interval(values[0], values[1], has_low, has_high)])
    return None


def _bound(text: str) -> Value | None:
    value = constant_value(text)
    return inexact(value) if value is not None and is_real(value) else None


def _read_inequalities(text: str) -> RealSet | None:
    names: set[str] = set()
    intervals: list[Interval] = []
    for alternative in _OR.split(text):
        solved = []
        for condition in _AND.split(alternative):
            parts = [_solve_chain(part) for _, part in split_top_level(condition, frozenset(","))]
            names |= {name for _, name in parts}
            solved.append(_either([solutions for solutions, _ in parts]))
        intervals += _all(solved)
    return RealSet(_united(intervals), names.pop(), is_plain=False) if len(names) == 1 else None


def _all(conditions: Iterable[Sequence[Interval]]) -> list[Interval]:
    found = [Interval(_infinity(-1), _infinity(1), False, False)]
    for condition in conditions:
        found = _intersect(found, condition)
    return found


def _either(conditions: Sequence[Sequence[Interval]]) -> list[Interval]:
    """What a comma says: both conditions, or where both cannot hold (`x<2, x>3`), either."""
    return _all(conditions) or [interval for condition in conditions for interval in condition]


def _solve_chain(text: str) -> tuple[list[Interval], str]:
    """The solutions of `1 < x \\le 2` and its variable.

    Raises:
        Unreadable: a side is no formula, or it is not linear in one variable.
    """
    sides = split_relations(text)
    if len(sides) < 2:
        raise Unreadable("no relation")
    solutions = [Interval(_infinity(-1), _infinity(1), False, False)]
    names: set[str] = set()
    for (_, left), (relation, right) in zip(sides, sides[1:], strict=False):
        names |= variables(read_expression(left)) | variables(read_expression(right))
        solutions = _intersect(solutions, _solve(left, relation, right))
    if len(names) != 1:
        raise Unreadable("not one variable")
    return solutions, names.pop()


def _solve(left: str, relation: str, right: str) -> list[Interval]:
    """The solutions of one linear inequality."""
    if {left, right} & {INFINITY, MINUS_INFINITY, "+" + INFINITY} and relation in ("<", ">"):
        return [Interval(_infinity(-1), _infinity(1), False, False)]
    if (inside := _ABSOLUTE.fullmatch(left)) is not None and constant_value(right) is not None:
        return _solve_absolute(inside[1], relation, right)
    left_tree, right_tree = read_expression(left), read_expression(right)
    names = variables(left_tree) | variables(right_tree)
    if len(names) != 1:
        raise Unreadable("not one variable")
    (name,) = names

    def difference(x: int) -> Value:
        point = {name: Fraction(x)}
        return inexact(evaluate(left_tree, point)) - inexact(evaluate(right_tree, point))

    at = {x: difference(x) for x in (-7, 0, 1, 13)}
    slope = at[1] - at[0]
    if not all(is_real(value) and equal_values(value, at[0] + slope * x) for x, value in at.items()):
        raise Unreadable("not linear")
    root = divide(-at[0], slope)
    relation = relation if slope > 0 else _MIRRORED[relation]
    below = Interval(_infinity(-1), root, False, relation == "<=")
    above = Interval(root, _infinity(1), relation == ">=", False)
    return {
        "<": [below], "<=": [below], ">": [above], ">=": [above], "!=": [below, above],
        "=": [Interval(root, root, True, True)],
    }[relation]  # fmt: skip


def _solve_absolute(inside: str, relation: str, bound: str) -> list[Interval]:
    """The solutions of `|inside| < bound`."""
    if relation not in _MIRRORED or relation in ("=", "!="):
        raise Unreadable("an absolute value in an equation")
    upper, lower = _solve(inside, relation, bound), _solve(inside, _MIRRORED[relation], f"-({bound})")
    return _intersect(upper, lower) if relation in ("<", "<=") else [*upper, *lower]


def _infinity(sign: int) -> Value:
    value = constant_value(INFINITY if sign > 0 else MINUS_INFINITY)
    assert value is not None
    return value


def _checked(intervals: Sequence[Interval]) -> list[Interval] | None:
    """None where an interval's bounds stand the wrong way round."""
    return None if any(_is_less(i.high, i.low) for i in intervals) else list(intervals)


def _is_less(a: Value, b: Value) -> bool:
    return bool(a < b) and not equal_values(a, b)


def _intersect(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    if len(first) * len(second) > MAX_INTERVALS:
        raise Unreadable("too many intervals")
    return [c for a in first for b in second if not _is_empty(c := _overlap(a, b))]


def _overlap(a: Interval, b: Interval) -> Interval:
    low = a.low if _is_less(b.low, a.low) else b.low
    high = a.high if _is_less(a.high, b.high) else b.high
    has_low = all(i.has_low or _is_less(i.low, low) for i in (a, b))
    has_high = all(i.has_high or _is_less(high, i.high) for i in (a, b))
    return Interval(low, high, has_low, has_high)


def _is_empty(interval: Interval) -> bool:
    if equal_values(interval.low, interval.high):
        return not (interval.has_low and interval.has_high)
    return bool(interval.high < interval.low)


def _complement(intervals: Sequence[Interval]) -> list[Interval]:
    gaps = []
    low, has_low = _infinity(-1), False
    for interval in _united(intervals):
        gaps.append(Interval(low, interval.low, has_low, not interval.has_low))
        low, has_low = interval.high, not interval.has_high
    gaps.append(Interval(low, _infinity(1), has_low, False))
    return [gap for gap in gaps if not _is_empty(gap)]


def _united(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same set in disjoint intervals that do not touch, in order."""
    merged: list[Interval] = []
    for interval in sorted((i for i in intervals if not _is_empty(i)), key=_order):
        if merged and _touch(merged[-1], interval):
            merged[-1] = _join(merged[-1], interval)
        else:
            merged.append(interval)
    return tuple(merged)


def _order(interval: Interval) -> Any:
    return interval.low, not interval.has_low


def _touch(a: Interval, b: Interval) -> bool:
    """Whether two intervals in order leave nothing between them."""
    if equal_values(a.high, b.low):
        return a.has_high or b.has_low
    return bool(b.low < a.high)


def _join(a: Interval, b: Interval) -> Interval:
    has_low = a.has_low or (b.has_low and equal_values(a.low, b.low))
    if equal_values(a.high, b.high):
        return Interval(a.low, a.high, has_low, a.has_high or b.has_high)
    last = a if _is_less(b.high, a.high) else b
    return Interval(a.low, last.high, has_low, last.has_high)


def _equal_intervals(a: Interval, b: Interval) -> bool:
    is_closed_alike = (a.has_low, a.has_high) == (b.has_low, b.has_high)
    return is_closed_alike and equal_values(a.low, b.low) and equal_values(a.high, b.high)

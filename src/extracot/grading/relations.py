"""Equations and inequalities as answers: `x = 3` against `3`, and one equation against another.

Two equations are equal when one is the other times a constant: `2x - y = -1` is `y = 2x + 1`. They are not solved, so
`x + 1 = 6` is not `5`, and the squares of both sides are another equation.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from extracot.grading.expressions import Expression, Operation, Unreadable, read_expression
from extracot.grading.groups import Compare, Group, GroupKind, all_of
from extracot.grading.real_sets import split_relations
from extracot.grading.values import constant_ratio, constant_value, inexact, is_real

ROUNDING = Fraction(1, 100)
"""Relative; constants of one chain that differ by less are the same number, written roughly."""
_QUANTITY = re.compile(
    r"(?:\\(?:text|mathrm) ?\{[^{}]*\}|\\[a-zA-Z]++|[a-zA-Z_'!|(){}, ]|\^\\circ|(?<=[_({,a-zA-Z\d])\d)++"
)
"""What may stand left of the value asked for: `x`, `f(2)`, `\\angle ABC`, `P(A \\cap B)`, `(x,y)`, `AB`."""


def assigned_value(text: str) -> tuple[str, str] | None:
    """Name and value of `x = 3`, `3 = x` or `x = 1 + 2 = 3`; None for anything else, or if it cannot hold."""
    sides = split_relations(text)
    if not _is_equation(text) or not all(side for _, side in sides) or not _may_hold([side for _, side in sides]):
        return None
    first, last = sides[0][1], sides[-1][1]
    if _QUANTITY.fullmatch(first):
        return first, last
    if len(sides) == 2 and re.fullmatch(r"\\?[a-zA-Z]", last):
        return last, first
    return None


def value_without_name(text: str) -> str | None:
    """The value that an equation gives; None where it gives none.

    A sum that is worked out, `2 + 3 = 5`, gives its result.
    """
    assigned = assigned_value(text)
    if assigned is not None:
        return assigned[1]
    sides = [side for _, side in split_relations(text)]
    is_worked_out = _is_equation(text) and constant_value(sides[0]) is not None and _may_hold(sides)
    return sides[-1] if is_worked_out else None


def _may_hold(sides: Sequence[str]) -> bool:
    """Whether the constants in a chain of equations are the same but for rounding: `x = 2 + 3 = 6` says nothing."""
    values = [inexact(value) for side in sides if (value := constant_value(side)) is not None]
    return all(abs(values[0] - value) <= abs(value) * inexact(ROUNDING) for value in values[1:])


def equal_equations(gold: str, predicted: str, compare: Compare) -> bool | None:
    """Whether two equations say the same, or an equation gives the value that the other answer is.

    Returns:
        None where neither is an equation, or one cannot be read.
    """
    are_equations = [_is_equation(text) for text in (gold, predicted)]
    if not any(are_equations):
        return None
    gold_assigned, predicted_assigned = assigned_value(gold), assigned_value(predicted)
    if all(are_equations):
        if gold_assigned and predicted_assigned and gold_assigned[0] == predicted_assigned[0]:
            return compare(gold_assigned[1], predicted_assigned[1])
        return _equal_relations(gold, predicted)
    equation, other = (gold, predicted) if are_equations[0] else (predicted, gold)
    if len(split_relations(other)) > 1:
        return _equal_relations(gold, predicted)
    value = value_without_name(equation)
    if value is None:
        return _no_value(equation)
    return compare(value, other) if are_equations[0] else compare(other, value)


def _is_equation(text: str) -> bool:
    sides = split_relations(text)
    return len(sides) > 1 and all(relation == "=" for relation, _ in sides[1:])


def _no_value(equation: str) -> bool | None:
    """An equation that was read whole and gives no value is no value."""
    try:
        for _, side in split_relations(equation):
            read_expression(side)
    except Unreadable:
        return None
    return False


def equal_inequalities(gold: str, predicted: str) -> bool | None:
    """Whether two inequalities of several variables are one times a constant; None where that cannot be told."""
    signs = [sides[1][0] for sides in map(split_relations, (gold, predicted)) if len(sides) == 2]
    if len(signs) < 2 or "=" in signs:
        return None
    return _equal_relations(gold, predicted)


def _equal_relations(gold: str, predicted: str) -> bool | None:
    try:
        gold_sign, gold_tree = _difference(gold)
        predicted_sign, predicted_tree = _difference(predicted)
    except Unreadable:
        return None
    if gold_sign != predicted_sign:
        return False
    ratio = constant_ratio(gold_tree, predicted_tree)
    if ratio is None:
        return None
    if gold_sign in ("=", "!="):
        return bool(ratio != 0)
    return is_real(ratio) and bool(ratio > 0)


def _difference(relation: str) -> tuple[str, Expression]:
    """An equation or inequality as a formula that is compared with 0, the larger side first.

    Raises:
        Unreadable: it is no single relation between two formulas.
    """
    sides = split_relations(relation)
    if len(sides) != 2:
        raise Unreadable("not two sides")
    (_, left), (sign, right) = sides
    if sign in (">", ">="):
        left, right, sign = right, left, sign.replace(">", "<")
    return sign, Operation("add", (read_expression(right), Operation("negate", (read_expression(left),))))


def without_names(group: Group) -> Group | None:
    """A list of equations as the values it gives; None where it is no such list.

    `x=1, x=2` and `x=1, 2` are the solutions 1 and 2 in any order; `x=1, y=2` is the point (1, 2), in the order of the
    names.
    """
    if group.kind is not GroupKind.LIST:
        return None
    assigned = [assigned_value(item) for item in group.items]
    if assigned[0] is None:
        return None
    first_name = assigned[0][0]
    pairs = [
        pair if pair is not None else (first_name, item)
        for pair, item in zip(assigned, group.items, strict=True)
        if pair is not None or len(split_relations(item)) == 1
    ]
    if len(pairs) < len(group.items):
        return None
    names = [name for name, _ in pairs]
    if len(set(names)) == 1:
        return Group(GroupKind.LIST, tuple(value for _, value in pairs))
    if None in assigned or len(set(names)) < len(names):
        return None
    return Group(GroupKind.TUPLE, tuple(value for _, value in sorted(pairs)))


def equal_systems(gold: Group, predicted: Group, compare: Compare) -> bool | None:
    """Whether two lists of equations give the same names the same values; None where one is no such list."""
    assigned = [[assigned_value(item) for item in group.items] for group in (gold, predicted)]
    named = [dict(pair for pair in pairs if pair is not None) for pairs in assigned]
    if any(len(names) != len(pairs) or len(names) < 2 for names, pairs in zip(named, assigned, strict=True)):
        return None
    if named[0].keys() != named[1].keys():
        return False
    return all_of([compare(named[0][name], named[1][name]) for name in named[0]])

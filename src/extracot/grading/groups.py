"""Answers of several parts: lists, tuples, sets, vectors and matrices.

Order counts in tuples and vectors and does not in sets and bare lists. `\\pm` stands for both signs.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from extracot.grading.brackets import is_balanced, outer_brackets, split_top_level

MAX_ITEMS = 30
"""Longer ones are left open: comparing them without order gets slow."""

Compare = Callable[[str, str], bool | None]
"""Whether a part of the gold answer and a part of the prediction are equal; None where it cannot tell."""


class GroupKind(StrEnum):
    """What the brackets say."""

    LIST = "list"
    """None: `1, 2` or `1 and 2`."""
    TUPLE = "tuple"
    """Round or angle brackets: a point, a vector, or an open interval."""
    SET = "set"
    """Braces."""
    SQUARE = "square"
    """Square brackets: a closed interval, or with more than two items a sequence."""
    OPEN_CLOSED = "open_closed"
    CLOSED_OPEN = "closed_open"
    MATRIX = "matrix"
    """Rows of cells."""


@dataclass(frozen=True, slots=True)
class Group:
    """An answer of several parts."""

    kind: GroupKind
    items: tuple[str, ...]
    """The cells row by row, for a matrix."""
    n_rows: int = 1


_BRACKETS = {
    ("(", ")"): GroupKind.TUPLE,
    (r"\langle", r"\rangle"): GroupKind.TUPLE,
    (r"\{", r"\}"): GroupKind.SET,
    ("[", "]"): GroupKind.SQUARE,
    ("(", "]"): GroupKind.OPEN_CLOSED,
    ("[", ")"): GroupKind.CLOSED_OPEN,
}
_CONJUNCTION = re.compile(
    r",? ?(?:\\(?:text|mathrm|mbox|textrm)\{,? ?(?:and|or),? ?\}"
    r"|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|\\(?:lor|vee)(?![a-zA-Z])) ?"
)
_THOUSANDS_COMMA = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})+)(?![\d])")
_SURE_THOUSANDS_COMMA = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})*,0\d\d(?:,\d{3})*)(?![\d])")
"""No number begins with a 0, so `(10,010)` is no pair."""
_MATRIX = re.compile(r"\\begin\{([pbB]?(?:small)?matrix)\}(.*)\\end\{\1\}", re.DOTALL)
_SIGNS = re.compile(r"\\pm(?![a-zA-Z])|\\mp(?![a-zA-Z])")
_MAX_SIGNS = 3


def read_groups(text: str) -> list[Group]:
    """How an answer reads as a group: not at all, one way, or two where a comma in brackets may group digits.

    Args:
        text: in the one spelling of `text.answers.normalize_answer`.
    """
    readings = (_read_group(text, digits_stay) for digits_stay in (True, False))
    found = [reading for reading in readings if reading is not None]
    return found[:1] if len(found) == 2 and found[0] == found[1] else found


def _read_group(text: str, digits_stay: bool, is_bracketed: bool = False) -> Group | None:
    matrix = _MATRIX.fullmatch(text)
    if matrix is not None:
        return _read_matrix(matrix[2])
    text = _inward(text)
    if not is_balanced(text):
        return None
    brackets = outer_brackets(text)
    if brackets is None:
        return _read_list(text) if digits_stay else None
    opening, inside, closing = brackets
    kind = _BRACKETS.get((opening, closing))
    if kind is None:
        return None
    items = _split(inside, digits_stay)
    if kind is GroupKind.TUPLE and len(items) == 1 and opening == "(" and not is_bracketed:  # a bracket too many
        return _read_group(inside, digits_stay, is_bracketed=True)
    if kind is GroupKind.SET:
        return Group(kind, _with_both_signs(items) if inside else ())
    return Group(kind, tuple(items)) if len(items) > 1 and all(items) else None


def _read_list(text: str) -> Group | None:
    items = _with_both_signs(_split(_CONJUNCTION.sub(";", text), digits_stay=True))
    return Group(GroupKind.LIST, items) if len(items) > 1 and all(items) else None


def _inward(text: str) -> str:
    """`]0,1[` as `(0,1)`, as it is written elsewhere."""
    if len(text) < 3 or text[0] not in "[]" or text[-1] not in "[]" or (text[0], text[-1]) == ("[", "]"):
        return text
    opening, closing = {"]": "("}.get(text[0], text[0]), {"[": ")"}.get(text[-1], text[-1])
    return opening + text[1:-1] + closing


def _split(text: str, digits_stay: bool) -> list[str]:
    commas = _THOUSANDS_COMMA if digits_stay else _SURE_THOUSANDS_COMMA
    text = commas.sub(lambda match: match[1].replace(",", ""), text)
    return [part for _, part in split_top_level(text, frozenset(",;"))]


def _read_matrix(inside: str) -> Group | None:
    rows = [part for _, part in split_top_level(inside, frozenset((r"\\",)))]
    cells = [[cell for _, cell in split_top_level(row, frozenset("&"))] for row in rows if row]
    if not cells or len({len(row) for row in cells}) > 1:
        return None
    return Group(GroupKind.MATRIX, tuple(cell for row in cells for cell in row), n_rows=len(cells))


def _with_both_signs(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(signed for item in items for signed in both_signs(item))


def both_signs(item: str) -> list[str]:
    """What an item with `\\pm` stands for: every combination of signs, but two where `\\mp` is in it."""
    signs = _SIGNS.findall(item)
    if not signs or len(signs) > _MAX_SIGNS:
        return [item]
    is_linked = r"\mp" in signs
    choices = product("+-", repeat=1 if is_linked else len(signs))
    return [_with_signs(item, signs, choice * len(signs) if is_linked else choice) for choice in choices]


def _with_signs(item: str, signs: Sequence[str], choice: Sequence[str]) -> str:
    written = iter("+-"["+-".index(c) ^ (sign == r"\mp")] for sign, c in zip(signs, choice, strict=False))
    return _SIGNS.sub(lambda _: next(written), item)


def equal_groups(gold: Group, predicted: Group, compare: Compare) -> bool | None:
    """Whether two groups are equal; None where the comparison of their parts leaves it open."""
    if len(gold.items) > MAX_ITEMS or len(predicted.items) > MAX_ITEMS:
        return None
    kinds = {_plain_kind(gold), _plain_kind(predicted)}
    if kinds <= {GroupKind.LIST, GroupKind.SET}:
        return _equal_unordered(gold.items, predicted.items, compare, has_repeats=GroupKind.SET not in kinds)
    are_matrices = gold.kind is predicted.kind is GroupKind.MATRIX
    if len(kinds) > 1 or (are_matrices and gold.n_rows != predicted.n_rows):
        return False
    return _equal_ordered(gold.items, predicted.items, compare)


def _plain_kind(group: Group) -> GroupKind:
    """A vector is its tuple, however it is written; so is a sequence in square brackets, which is no interval."""
    is_vector = group.kind is GroupKind.MATRIX and 1 in (group.n_rows, len(group.items) // group.n_rows)
    is_sequence = group.kind is GroupKind.SQUARE and len(group.items) > 2
    return GroupKind.TUPLE if is_vector or is_sequence else group.kind


def _equal_ordered(gold: Sequence[str], predicted: Sequence[str], compare: Compare) -> bool | None:
    if len(gold) != len(predicted):
        return False
    return all_of([compare(a, b) for a, b in zip(gold, predicted, strict=True)])


def _equal_unordered(gold: Sequence[str], predicted: Sequence[str], compare: Compare, has_repeats: bool) -> bool | None:
    """Compare without order; `has_repeats` says that an item twice is not an item once."""
    if has_repeats and len(gold) != len(predicted):
        return False
    verdicts = [[compare(a, b) for b in predicted] for a in gold]
    columns = [list(column) for column in zip(*verdicts, strict=True)] if gold else [[] for _ in predicted]
    each_is_found = all_of([any_of(row) for row in [*verdicts, *columns]])
    if not each_is_found or not has_repeats:
        return each_is_found
    # Equality sorts the items into classes: there are as many of each on both sides.
    is_as_often = all(row.count(True) == verdicts.count(row) for row in verdicts)
    return is_as_often or (None if any(None in row for row in verdicts) else False)


def all_of(verdicts: Sequence[bool | None]) -> bool | None:
    """Whether all hold, where None is unknown."""
    return False if False in verdicts else None if None in verdicts else True


def any_of(verdicts: Sequence[bool | None]) -> bool | None:
    """Whether any holds, where None is unknown."""
    return True if True in verdicts else None if None in verdicts else False

"""Compare two answers by rules: what is plain first, then parts, sets, equations, formulas.

Every rule answers "equal", "different" or "not mine" (None), and the first that knows decides. Nothing here raises on
its input or takes long on it. What no rule decides is for math-verify, see `grader`. The conventions that the rules
follow are listed in the docstring of this package.
"""

import re
from dataclasses import dataclass, field
from numbers import Real

from extracot.grading.as_text import answer_text
from extracot.grading.expressions import Unreadable, read_expression
from extracot.grading.groups import (
    Group,
    GroupKind,
    any_of,
    both_signs,
    equal_groups,
    read_groups,
)
from extracot.grading.numerals import equal_numerals, equal_residues, scaled_text
from extracot.grading.quantities import (
    Quantity,
    Unit,
    equal_converted,
    equal_units,
    in_radians,
    read_currency,
    read_quantity,
)
from extracot.grading.real_sets import equal_real_sets, read_real_set, split_relations
from extracot.grading.relations import (
    equal_equations,
    equal_inequalities,
    equal_systems,
    without_names,
)
from extracot.grading.rounding import equal_rounded
from extracot.grading.values import constant_value, equal_formulas, equal_values
from extracot.grading.words import (
    equal_clock_times,
    equal_options,
    equal_ratios,
    equal_words,
    is_clock_time,
    is_option,
    is_words,
    number_against_sentence,
    plain_text,
)
from extracot.text.answers import MAX_ANSWER_CHARS, equal_fast, normalize_answer

MAX_DEPTH = 4
"""Answers within answers; deeper ones are left open."""
MAX_COMPARISONS = 1_000
"""Of parts of one pair of answers; what needs more is left open."""


_ABOUT = re.compile(r"^[ $]*\\approx(?![a-zA-Z])")
_DOTS = re.compile(r"\\[lc]?dots(?![a-zA-Z]) ?|…")


def compare_answers(gold: str | float | Real, predicted: str | float | Real) -> bool | None:
    """Whether two answers, as written or as numbers, are equal; None where these rules cannot tell.

    Raises:
        UsageError: neither text nor a finite number.
    """
    gold, predicted = answer_text(gold, "gold answer"), answer_text(predicted, "predicted answer")
    if len(gold) > MAX_ANSWER_CHARS or len(predicted) > MAX_ANSWER_CHARS:
        return gold.strip() == predicted.strip()
    currencies = read_currency(gold), read_currency(predicted)
    try:
        return _Comparison(currencies).compare(_prepared(gold), _prepared(predicted))
    except RecursionError:  # nesting is bounded, but the caller may stand deep in the stack already
        return None


def _prepared(answer: str) -> str:
    """One spelling, and what is set as text but holds a number as if it were not: `\\text{12 cm}`."""
    text = normalize_answer(_DOTS.sub("...", _ABOUT.sub("", answer.replace("\0", ""))))
    words = plain_text(text)
    is_more_than_words = any(c.isdigit() or c == "," for c in words)
    return scaled_text(words if is_more_than_words else text)


@dataclass(slots=True)
class _Comparison:
    """One comparison of two whole answers, with what is left of its allowance."""

    currencies: tuple[Unit | None, Unit | None]
    depth: int = 0
    n_left: int = field(default=MAX_COMPARISONS)

    def compare(self, gold: str, predicted: str) -> bool | None:
        """Compare two answers or parts of answers in the one spelling."""
        self.n_left -= 1
        if self.n_left < 0 or self.depth > MAX_DEPTH:
            return True if gold == predicted else None
        if not gold or not predicted:
            return False
        if gold == predicted:
            return True
        self.depth += 1
        verdict = self._by_rules(gold, predicted)
        self.depth -= 1
        return verdict

    def _by_rules(self, gold: str, predicted: str) -> bool | None:
        rules = (
            self._quantities,
            equal_words,
            equal_fast,
            equal_options,
            equal_numerals,
            equal_residues,
            equal_clock_times,
            equal_ratios,
            equal_real_sets,
            self._groups,
            self._equations,
            equal_inequalities,
            equal_rounded,
            equal_formulas,
            number_against_sentence,
            _of_other_kinds,
        )
        for rule in rules:
            verdict = rule(gold, predicted)
            if verdict is not None:
                return verdict
        return None

    def _quantities(self, gold: str, predicted: str) -> bool | None:
        """Units: decided where both are known, else the answers without them."""
        currencies = self.currencies if self.depth == 1 else (None, None)
        a, b = read_quantity(gold, currencies[0]), read_quantity(predicted, currencies[1])
        if a.unit is None and b.unit is None:
            return None
        if a.unit is not None and b.unit is not None:
            is_comparable = equal_units(a.unit, b.unit)
            if is_comparable is False:
                return False
            if is_comparable and a.unit.factor != b.unit.factor:
                return equal_converted(a, b)
        if (a.unit is None) != (b.unit is None) and self._equal_as_angles(a, b):
            return True
        return self.compare(a.body, b.body) if (a.body, b.body) != (gold, predicted) else None

    def _equal_as_angles(self, a: "Quantity", b: "Quantity") -> bool:
        """Whether an answer in degrees is the angle that the other gives in radians."""
        for degrees, other in ((a, b), (b, a)):
            radians, value = in_radians(degrees), constant_value(other.body)
            if radians is not None and value is not None and equal_values(radians, value):
                return True
        return False

    def _groups(self, gold: str, predicted: str) -> bool | None:
        verdicts = [
            self._two_groups(gold_group, predicted_group)
            for gold_group in _groups_of(gold)
            for predicted_group in _groups_of(predicted)
        ]
        return any_of(verdicts) if verdicts else None

    def _two_groups(self, gold: Group, predicted: Group) -> bool | None:
        systems = equal_systems(gold, predicted, self.compare)
        if systems is not None:
            return systems
        gold_values, predicted_values = without_names(gold), without_names(predicted)
        if gold_values is None and predicted_values is None:
            return equal_groups(gold, predicted, self.compare)
        gold, predicted = gold_values or gold, predicted_values or predicted
        if {gold.kind, predicted.kind} == {GroupKind.LIST, GroupKind.TUPLE}:  # `1, 2` for `x=1, y=2`
            gold, predicted = (Group(GroupKind.TUPLE, group.items) for group in (gold, predicted))
        return equal_groups(gold, predicted, self.compare)

    def _equations(self, gold: str, predicted: str) -> bool | None:
        return equal_equations(gold, predicted, self.compare)


def _groups_of(text: str) -> list[Group]:
    """The readings of an answer as a group; one answer with `\\pm` is a list."""
    signed = both_signs(text)
    groups = read_groups(text)
    return [Group(GroupKind.LIST, tuple(signed))] if len(signed) > 1 and not groups else groups


def _of_other_kinds(gold: str, predicted: str) -> bool | None:
    """Different, where both are read and are different kinds of thing: a point and a number, words and a set."""
    kinds = _kinds(gold), _kinds(predicted)
    return False if kinds[0] and kinds[1] and not kinds[0] & kinds[1] else None


def _kinds(text: str, depth: int = 0) -> frozenset[str]:
    """What an answer may be; nothing for what is not read."""
    kinds = set()
    if is_words(text):
        kinds.add("words")
    elif _is_formula(text):
        kinds.add("formula")
    elif is_clock_time(text):
        kinds.add("time")
    elif is_option(text):
        kinds.add("option")
    if depth < MAX_DEPTH and any(all(_kinds(item, depth + 1) for item in group.items) for group in _groups_of(text)):
        kinds.add("group")
    if read_real_set(text) is not None:
        kinds |= {"set"} if "group" not in kinds else set()
    sides = split_relations(text)
    if len(sides) > 1 and all(_is_formula(side) for _, side in sides):
        kinds.add("relation")
    return frozenset(kinds)


def _is_formula(text: str) -> bool:
    try:
        read_expression(text)
    except Unreadable:
        return False
    return True

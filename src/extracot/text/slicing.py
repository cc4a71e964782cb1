"""Importance without a model: walk back from the answer through the equations that it depends on.

A program slice of the text. The walk starts at the equation that answers the question and follows every value
that an equation reads to the statement that made it: by the symbol it reads, by a name in the sentence around
it (`compared to Gus`), else by the value itself. What the walk reaches is needed; the rest is ranked by what
it adds.

Source: METHOD section 6.1 ("slicing"); no published method we know of does this for chains of thought.
Not covered: dependencies that the text does not state (a substitution done silently), number words, geometry
by figure; there the walk ends early and less is marked as needed.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Final

from extracot.text.equations import Equation, equation_sides, numbers_in, parse_value
from extracot.text.sentences import last_sentence
from extracot.text.statements import Statements, read_statements
from extracot.text.units import Unit, UnitKind

NEEDED: Final = 1.0
"""A formula or value on the way to the answer; of a teacher's choice (`annotate/llm.py`), whatever it keeps."""
BESIDE_NEEDED: Final = 0.75
"""Prose of a sentence that holds a needed unit, or that says in words what such a sentence came to."""
NEW: Final = 0.5
"""Sentences that state another formula or value for the first time."""
PLAIN: Final = 0.25
"""Other prose."""
REPEATED: Final = 0.0
"""Sentences that only repeat formulas or values."""

_WORD: Final = re.compile(r"[^\W\d_][\w]*")
# Too common to say where they come from: any of them matches some statement by accident.
_COMMON_VALUES: Final = frozenset({Fraction(0), Fraction(1), Fraction(100)})
_COMMON_NAMES: Final = frozenset({"a", "A", "I", "i"})


def slice_importance(question: str, cot: str, answer: str, units: Sequence[Unit]) -> list[float]:
    """Grade every unit by what it does for the answer.

    Args:
        question: the question alone; "" leaves the answer's value as the only clue to where the walk starts.
        cot: the text that `units` tile.
        answer: what the chain of thought concludes; "" when unknown, and then only a box or the names in the
            question tell where to start.
        units: as `segment` gives them, words or clauses.

    Returns:
        One of the tiers per unit: NEEDED, BESIDE_NEEDED, NEW, PLAIN, REPEATED.
    """
    statements = read_statements(cot, units)
    needed = needed_units(question, cot, answer, units, statements)
    return tiered_importance(question, units, statements, needed)


def needed_units(
    question: str, cot: str, answer: str, units: Sequence[Unit], statements: Statements | None = None
) -> set[int]:
    """Indices of the formula and number units that the answer depends on, the answer's own included."""
    walk = _Walk(question, cot, units, statements or read_statements(cot, units))
    walk.start_from(answer)
    walk.follow()
    return walk.needed


def tiered_importance(
    question: str, units: Sequence[Unit], statements: Statements, needed: Collection[int]
) -> list[float]:
    """Turn a set of needed units into tiers, so that annotators that find it differently stay comparable.

    Args:
        question: tells which numbers were given and are not news.
        units: of the text that was read.
        statements: of the same units.
        needed: unit indices.
    """
    known = set(numbers_in(question))
    stated: set[Fraction] = set()
    importance: list[float] = []
    needed = frozenset(needed)
    result: Fraction | None = None  # what the last sentence came to
    tier = PLAIN
    for members in statements.units_of_sentence:
        equations = [i for i in members if statements.equations[i] is not None]
        values = {value for i in members for value in statements.numbers[i]}
        is_news = any(not statements.is_repeat[i] for i in equations)
        if not equations and values:
            is_news = bool(values - stated - known)
        is_conclusion = not equations and values == {result} and tier > PLAIN
        if any(i in needed for i in members):
            tier = BESIDE_NEEDED
        elif is_conclusion:
            pass  # "So Ola holds 9." behind "Ola = 4 + 5 = 9." belongs to that step
        elif is_news:
            tier = NEW
        elif equations or (values and values <= stated):
            tier = REPEATED
        else:
            tier = PLAIN
        for i in members:
            if i in needed:
                importance.append(NEEDED)
            elif statements.equations[i] is not None and tier > REPEATED:
                importance.append(REPEATED if statements.is_repeat[i] else NEW)
            else:
                importance.append(tier)
        stated |= values
        result = None
        for i in equations:
            equation = statements.equations[i]
            assert equation is not None
            stated.update(equation.values)
            result = equation.value
    return importance


def discount_checks(
    importance: Sequence[float], statements: Statements, needed: Collection[int], answer: str
) -> list[float]:
    """Move what stands behind the answer's derivation to the lowest tier, and keep that tier for it.

    Once the answer is there, only checks and summaries follow; real chains of thought spend half their length on
    them. What merely repeats something on the way to the answer goes one tier up, to PLAIN, since it still says
    where the reasoning is going. On chains of thought whose sentences were measured by resampling, this is what
    makes the tiers rise with the measured importance at all (rank correlation with its KL form 0.29 instead of 0.04).

    Args:
        importance: [U] tiers, from `tiered_importance`.
        statements: of the same units.
        needed: unit indices, from `needed_units`; they stay as they are, wherever they stand.
        answer: what the chain of thought concludes.

    Returns:
        [U].
    """
    value = parse_value(answer)
    spelled = equation_sides(answer) if value is None and answer.strip() else None
    sides = spelled.sides if spelled is not None else frozenset()
    first: int | None = None
    for i in sorted(needed):
        equation = statements.equations[i]
        if equation is None or equation.is_bare:
            is_answer = value is not None and value in statements.numbers[i]
        else:
            is_answer = value in equation.values or bool(sides & equation.sides)
        if is_answer:
            first = i
            break
    if first is None:
        first = max(needed, default=len(importance))
    end = statements.units_of_sentence[statements.sentences[first]].stop if first < len(importance) else first
    return [
        tier if i in needed else max(tier, PLAIN) if i < end else REPEATED for i, tier in enumerate(importance)
    ]


def answer_unit(text: str, units: Sequence[Unit], answer: str) -> int | None:
    """The unit that states the final answer.

    The last `\\boxed{}`; without one the last unit that states the answer's value or spelling and is not
    merely a repeated equation; without that the last repetition.

    Args:
        text: the text that `units` tile.
        units: as `segment` gives them.
        answer: the value to look for; "" finds a box only.

    Returns:
        A unit index, or None if the answer is not stated.
    """
    return _answer_unit(text, units, answer, read_statements(text, units))


def _answer_unit(text: str, units: Sequence[Unit], answer: str, statements: Statements) -> int | None:
    for i in range(len(units) - 1, -1, -1):
        if "\\boxed" in units[i].of(text):
            return i
    value = parse_value(answer)
    spelled = equation_sides(answer)
    sides = spelled.sides if spelled is not None and answer.strip() else frozenset()
    repetition: int | None = None
    for i in range(len(units) - 1, -1, -1):
        equation = statements.equations[i]
        if value is not None:
            states = value in (equation.values if equation is not None else statements.numbers[i])
        elif equation is not None or units[i].kind is UnitKind.FORMULA:
            equation = equation or equation_sides(units[i].of(text))
            states = equation is not None and bool(sides & equation.sides)
        else:
            states = bool(answer.strip()) and units[i].of(text).strip(" \n*_.,:;!?()\"'") == answer.strip()
        if states and not statements.is_repeat[i]:
            return i
        if states and repetition is None:
            repetition = i
    return repetition


class _Walk:
    """One backward walk. Follows only from later to earlier units, so it ends."""

    def __init__(self, question: str, text: str, units: Sequence[Unit], statements: Statements) -> None:
        self.needed: set[int] = set()
        self._question = question
        self._text = text
        self._units = units
        self._statements = statements
        self._given = set(numbers_in(question))
        self._owed: list[tuple[int, bool]] = []
        # Units in ascending order; repetitions are no sources.
        self._definers: dict[str, list[int]] = {}
        self._readers: dict[str, list[int]] = {}
        self._by_value: dict[Fraction, list[int]] = {}
        self._in_prose: dict[Fraction, list[int]] = {}
        self._stating: list[int] = []
        for i, equation in enumerate(statements.equations):
            if equation is None:
                for value in dict.fromkeys(statements.numbers[i]):
                    self._in_prose.setdefault(value, []).append(i)
            elif not statements.is_repeat[i]:
                self._stating.append(i)
                for name in equation.defines:
                    self._definers.setdefault(name, []).append(i)
                for name in equation.reads:
                    self._readers.setdefault(name, []).append(i)
                for value in dict.fromkeys(equation.values):
                    self._by_value.setdefault(value, []).append(i)

    def start_from(self, answer: str) -> None:
        """Owe the units that state the answer: the box, and the equation that answers the question."""
        final = _answer_unit(self._text, self._units, answer, self._statements)
        is_boxed = final is not None and "\\boxed" in self._units[final].of(self._text)
        if is_boxed:
            assert final is not None
            self._need(final, is_target=True)
        value = parse_value(answer)
        if value is None and is_boxed and final is not None:
            boxed = equation_sides(self._units[final].of(self._text))
            value = boxed.value if boxed is not None else None
        boxes = {final} if is_boxed else set()
        named = [i for i in self._stating if i not in boxes and self._is_asked_for(self._equation(i))]
        stating = [i for i in self._by_value.get(value, []) if i not in boxes] if value is not None else []
        if value is None and answer.strip():
            spelled = equation_sides(answer)
            sides = spelled.sides if spelled is not None else frozenset()
            stating = [i for i in self._stating if i not in boxes and sides & self._equation(i).sides]
        both = sorted(set(named) & set(stating))
        if both:
            self._need(both[-1])
            return
        derived = [i for i in stating if self._equation(i).is_derived]
        if stating:
            # The first one opens the derivation; later ones are checks of it or other ways to the same value.
            self._need((derived or stating)[0])
        elif named and not is_boxed:
            self._need(named[-1])
        if final is not None and (stating or not named):
            self._need(final, is_target=True)

    def follow(self) -> None:
        """Walk until nothing is owed."""
        while self._owed:
            i, is_target = self._owed.pop()
            equation = self._statements.equations[i]
            if equation is None:
                self._follow_number(i, is_target)
            else:
                self._follow_equation(i, equation)

    def _need(self, i: int, is_target: bool = False) -> None:
        if i not in self.needed:
            self.needed.add(i)
            self._owed.append((i, is_target))

    def _equation(self, i: int) -> Equation:
        equation = self._statements.equations[i]
        assert equation is not None
        return equation

    def _is_asked_for(self, equation: Equation) -> bool:
        asked = last_sentence(self._question)
        words = set(_WORD.findall(asked))
        lower = {word.lower() for word in words}
        return any(
            name in words or (len(name) > 1 and set(name.lower().split()) <= lower)
            for name in equation.defines
            if name not in _COMMON_NAMES
        )

    def _follow_equation(self, i: int, equation: Equation) -> None:
        for name in equation.reads:
            source = _last_before(self._definers.get(name, []), i)
            if source is not None:
                self._need(source)
        wanted = set(equation.operands or equation.values)
        linked = self._linked_by_name(i, equation)
        matching = [j for j in linked if wanted & set(self._equation(j).values)]
        for j in matching:
            self._need(j)
        if matching:
            return
        n_found = sum(self._resolve(value, i) for value in wanted if equation.operands)
        if not n_found:
            for j in linked:
                self._need(j)
        # `x = 3` rests on the equation in x that it solves.
        for name in equation.defines:
            source = _last_before(self._readers.get(name, []), i)
            is_next = source is not None and source == _last_before(self._stating, i)
            if source is not None and (is_next or not equation.is_derived):
                self._need(source)

    def _linked_by_name(self, i: int, equation: Equation) -> list[int]:
        """The nearest earlier equations of the names that the sentence around unit `i` mentions."""
        members = self._statements.units_of_sentence[self._statements.sentences[i]]
        prose = " ".join(
            self._units[j].of(self._text) for j in members if self._units[j].kind is UnitKind.PROSE
        )
        words = set(_WORD.findall(prose))
        wanted = set(equation.operands or equation.values)
        linked: list[int] = []
        for word in words | {name for name in self._definers if " " in name and name in prose}:
            if len(word) < 2 or word in equation.defines:
                continue
            earlier = self._definers.get(word, [])
            earlier = earlier[: bisect_left(earlier, i)]
            if earlier:
                matching = [j for j in earlier if wanted & set(self._equation(j).values)]
                linked.append((matching or earlier)[-1])
        return sorted(linked)

    def _follow_number(self, i: int, is_target: bool) -> None:
        """A value in prose rests on the other numbers of its sentence; the answer on what made its value."""
        for value in dict.fromkeys(self._statements.numbers[i]):
            if is_target and self._resolve(value, i, may_be_given=True):
                return
        members = self._statements.units_of_sentence[self._statements.sentences[i]]
        for j in members:
            if j > i:
                break
            if self._statements.equations[j] is not None:
                if not self._statements.is_repeat[j]:
                    self._need(j)
            elif j != i:
                for value in self._statements.numbers[j]:
                    self._resolve(value, members[0])

    def _resolve(self, value: Fraction, before: int, may_be_given: bool = False) -> bool:
        """Need the nearest statement before unit `before` that makes `value`; False if there is none.

        A number of the question needs no source, unless the statement right before is about it.
        """
        if value in _COMMON_VALUES and not may_be_given:
            return False
        earlier = self._by_value.get(value, [])
        earlier = earlier[: bisect_left(earlier, before)]
        derived = [j for j in earlier if self._equation(j).is_derived]
        if value in self._given and not may_be_given:
            if not earlier or earlier[-1] != _last_before(self._stating, before):
                return False
            derived = []
        if derived or earlier:
            self._need((derived or earlier)[-1])
            return True
        in_prose = self._in_prose.get(value, [])
        if in_prose and in_prose[0] < before:
            self._need(in_prose[0])
            return True
        return False


def _last_before(ascending: Sequence[int], limit: int) -> int | None:
    index = bisect_left(ascending, limit)
    return ascending[index - 1] if index else None

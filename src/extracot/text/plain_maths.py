"""Maths and quantities that nothing marks: `4 * 5 * 6 = 120`, `x = -6 ± √109`, `3/4 of 20`, `$5`, `12 km/h`.

One pass over tokens with a small descent parser: operand, operator, operand, … An expression counts as a
formula when it relates or combines at least two operands, or has structure of its own (`3x`, `x²`, `f(2)`,
`\\frac{1}{2}`). Spelled-out arithmetic between numbers (`360 divided by 6 is 60`) counts as well. The parser
never looks across a line end, and a bracket is entered at most `_MAX_DEPTH` deep, so the work is linear in
the text.

Not covered: number words (`five plus two`), operands that are whole phrases (`half of her money`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from extracot.text.delimited import DelimitedSpan
from extracot.text.lexicon import FUNCTIONS, SHORT_WORDS, STOP_WORDS, UNITS_OF_MEASURE, word_set
from extracot.text.maths_tokens import Token, tokenize

_MAX_DEPTH: Final = 6
_MAX_NAME_WORDS: Final = 4

_CLOSER: Final = {"(": ")", "[": "]", "{": "}"}
_OPERATOR_COMMANDS: Final = word_set("times cdot div pm mp ast circ cup cap bmod mod setminus")
_COMPARE_COMMANDS: Final = word_set(
    "le leq ge geq lt gt ne neq approx equiv sim simeq cong in propto leqslant geqslant"
)
_NOT_MATHS_COMMANDS: Final = word_set(
    """
    begin end item section subsection paragraph label ref cite left right text textbf textit emph hline
    quad qquad implies Rightarrow rightarrow to therefore because newline noindent
    """
)
# Spelled-out operators, longest first. "is" and its kin relate only behind an operation (see `_operator`).
_SPELLED_OPERATORS: Final = (
    ("multiplied", "by"), ("divided", "by"), ("added", "to"), ("plus",), ("minus",), ("times",), ("mod",),
    ("modulo",),
)  # fmt: skip
_SPELLED_RELATIONS: Final = (("is", "equal", "to"), ("equal", "to"), ("equals",), ("equal",))
_SPELLED_RESULTS: Final = (("is",), ("gives",), ("makes",), ("yields",))
_RELATION_WORDS: Final = word_set("is gives makes yields equals equal to")
_VALUE_KINDS: Final = word_set("number variable marked root open command operator")


@dataclass(frozen=True, slots=True)
class PlainSpan:
    """A half-open character range holding one expression (`is_formula`) or one quantity."""

    start: int
    end: int
    is_formula: bool


@dataclass(slots=True)
class _Shape:
    """What the parser met on its way; decides what the expression is."""

    n_operations: int = 0
    n_relations: int = 0
    n_marked: int = 0
    """Delimited formulas among the operands."""
    has_structure: bool = False
    """A power, a call, a product without operator, a LaTeX command."""
    is_tuple: bool = False
    is_fraction: bool = False
    """So far nothing but `number/number`."""
    has_relation: bool = False
    """A relation was met, with or without an operand behind it: words may be operands now."""
    unit_words: set[str] = field(default_factory=set)
    """Words skipped between a number and an operator."""


def plain_spans(text: str, delimited: Sequence[DelimitedSpan]) -> list[PlainSpan]:
    """Find formulas and quantities outside code.

    A delimited formula takes part as an operand (`\\(3 \\times 4\\) = 12` is one span); one that stands alone
    is returned as it is.

    Args:
        text: any text.
        delimited: disjoint spans in order, as `delimited_spans` gives them.

    Returns:
        Disjoint spans in order of their start; together with the code spans they cover every delimited span.
    """
    parser = _Parser(text, tokenize(text, delimited))
    spans: list[PlainSpan] = []
    k = 0
    while k < len(parser.tokens):
        if not parser.may_start(k):
            k += 1
            continue
        shape = _Shape()
        stop = parser.expression(k, 0, shape)
        if stop is None:
            k += 1
            continue
        stop = parser.trailing_unit(stop, shape)
        first = parser.name_start(k, spans[-1].end if spans else 0)
        start, end = parser.tokens[first].start, parser.tokens[stop - 1].end
        token = parser.tokens[k]
        related = shape.n_operations + shape.n_relations > 0
        is_amount = shape.is_fraction or (not related and not shape.has_structure and not shape.is_tuple)
        if shape.n_marked or not is_amount:
            spans.append(PlainSpan(start, end, is_formula=True))
        elif token.kind == "number" or (shape.is_fraction and token.kind == "operator"):
            spans.append(PlainSpan(start, end, is_formula=False))
        else:
            k += 1
            continue
        k = stop
    return spans


class _Parser:
    """Descent parser over tokens. Methods take a token index and return the index behind what they read."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        # Looked up many times for every token.
        self._kinds = [token.kind for token in tokens]
        self._words = [token.text.lower() if token.kind == "word" else "" for token in tokens]
        self._closing = self._match_brackets()

    def _match_brackets(self) -> dict[int, int]:
        """Token index of each bracket that closes on its own line -> index of its closer."""
        pairs: dict[int, int] = {}
        stack: list[int] = []
        for k, token in enumerate(self.tokens):
            if token.kind == "newline":
                stack.clear()
            elif token.kind == "open":
                stack.append(k)
            elif token.kind == "close":
                # An unmatched inner opener must not hide an outer pair; `[0, 1)` pairs when nothing fits
                # better.
                for depth in range(len(stack) - 1, max(-1, len(stack) - 4), -1):
                    if _CLOSER[self.tokens[stack[depth]].text] == token.text:
                        pairs[stack[depth]] = k
                        del stack[depth:]
                        break
                else:
                    if stack and token.text in ")]" and self.tokens[stack[-1]].text in "([":
                        pairs[stack.pop()] = k
        return pairs

    def _kind(self, k: int) -> str:
        return self._kinds[k] if 0 <= k < len(self._kinds) else "end"

    def _word(self, k: int) -> str:
        """The lower-cased word at `k`, empty if there is none."""
        return self._words[k] if 0 <= k < len(self._words) else ""

    def _glued(self, k: int) -> bool:
        """Whether token `k` starts where token `k - 1` ends."""
        return 0 < k < len(self.tokens) and self.tokens[k - 1].end == self.tokens[k].start

    def may_start(self, k: int) -> bool:
        """Whether an expression may begin here: at no common word, not inside a word or number."""
        token = self.tokens[k]
        kind = token.kind
        if kind in ("variable", "word"):
            # Most tokens are common words: leave quickly.
            is_long = kind == "word" and len(token.text) > 3 and token.text not in FUNCTIONS
            if is_long and self._kind(k + 1) != "compare":
                return False
            return not (self._glued(k) and self._kind(k - 1) in ("number", "lexeme"))
        if kind == "operator":
            return token.text in "+-−±" and not self._glued(k)
        return kind in ("number", "marked", "root", "command", "bar", "open")

    def expression(self, k: int, depth: int, shape: _Shape) -> int | None:
        """operand (operator operand)*: the longest that can be read from `k`, None if not one operand can."""
        stop = self._operand(k, depth, shape)
        if stop is None:
            return None
        while True:
            behind = self._operator(stop, shape)
            if behind is None:
                return stop
            is_fraction = self._is_fraction(stop, behind) and not (
                shape.n_operations or shape.n_relations or shape.has_structure
            )
            is_relation = self._relates(behind)
            shape.has_relation |= is_relation
            following = self._operand(behind, depth, shape, is_right=True)
            if following is None:
                return stop
            if is_relation:
                shape.n_relations += 1
            else:
                shape.n_operations += 1
            shape.is_fraction = is_fraction
            stop = following

    def _is_fraction(self, k: int, behind: int) -> bool:
        """Whether the operator in [k, behind) makes `3/4` of two numbers."""
        is_slash = (
            behind == k + 1 and self.tokens[k].text in ("/", "⁄") and self._glued(k) and self._glued(behind)
        )
        return is_slash and self._kind(k - 1) == "number" and self._kind(behind) == "number"

    def _relates(self, behind: int) -> bool:
        """Whether the operator that ends before `behind` is a relation."""
        last = self.tokens[behind - 1]
        if last.kind == "compare":
            return True
        if last.kind == "command":
            return last.text[1:] in _COMPARE_COMMANDS
        return last.kind == "word" and last.text.lower() in _RELATION_WORDS and not self._adds(behind)

    def _adds(self, behind: int) -> bool:
        """`added to` ends in the word that `equal to` ends in."""
        return self._word(behind - 2) == "added"

    def _spelled(self, k: int, phrases: tuple[tuple[str, ...], ...]) -> int | None:
        first = self._word(k)
        if not first:
            return None
        for phrase in phrases:
            if phrase[0] == first and all(self._word(k + i) == word for i, word in enumerate(phrase)):
                return k + len(phrase)
        return None

    def _operator(self, k: int, shape: _Shape) -> int | None:
        """Read an operator or relation behind an operand, skipping up to two unit words (`3 apples * 5`)."""
        behind = self._bare_operator(k, shape)
        if behind is not None or self._kind(k - 1) != "number":
            return behind
        for n_words in (1, 2):
            word = self._word(k + n_words - 1)
            if not word or word in STOP_WORDS or self._glued(k + n_words - 1):
                return None
            if self._spelled(k + n_words - 1, _SPELLED_OPERATORS) is not None:
                return None
            behind = self._bare_operator(k + n_words, shape)
            if behind is not None:
                if self.tokens[behind - 1].text in ("*", "**", "-", "–") and self._glued(behind):
                    return None
                shape.unit_words.add(word)
                return behind
        return None

    def _bare_operator(self, k: int, shape: _Shape) -> int | None:
        kind = self._kind(k)
        if kind == "compare":
            return k + 1
        if kind == "operator":
            return k + 1 if self._is_operator_spacing(k) else None
        if kind == "command":
            name = self.tokens[k].text[1:]
            return k + 1 if name in _OPERATOR_COMMANDS or name in _COMPARE_COMMANDS else None
        if kind != "word":
            return None
        word = self._word(k)
        if word == "x" and not self._glued(k) and not self._glued(k + 1):
            return k + 1 if self._kind(k - 1) == "number" and self._kind(k + 1) == "number" else None
        if word == "of":
            previous = self.tokens[k - 1].text
            is_share = shape.is_fraction or previous.endswith("%") or previous[-1:] in "½¼¾⅓⅔"
            return k + 1 if is_share and self._kind(k + 1) == "number" else None
        behind = self._spelled(k, _SPELLED_OPERATORS) or self._spelled(k, _SPELLED_RELATIONS)
        if behind is None and shape.n_operations and not shape.is_fraction:
            behind = self._spelled(k, _SPELLED_RESULTS)
        if behind is None:
            return None
        is_value = self._kind(behind) in _VALUE_KINDS or self._is_letter(behind)
        return behind if is_value else None

    def _is_letter(self, k: int) -> bool:
        """Whether token `k` is a letter that is no English word."""
        return len(self._word(k)) == 1 and self._word(k) not in "ai"

    def _is_factor_command(self, k: int) -> bool:
        """Whether token `k` is a LaTeX command that stands for a quantity."""
        name = self.tokens[k].text[1:] if self._kind(k) == "command" else ""
        return bool(name) and name not in _OPERATOR_COMMANDS | _COMPARE_COMMANDS | _NOT_MATHS_COMMANDS

    def _is_operator_spacing(self, k: int) -> bool:
        """Asterisks and dashes need the same space on both sides: `5 *note*` and `5 -` are no products."""
        token = self.tokens[k]
        left, right = self._glued(k), self._glued(k + 1)
        if token.text == "**":
            return left and right
        if token.text == "*" and right and self._kind(k - 1) in ("number", "close") and self._kind(k + 1) == "number":
            # `15 *8 = 120` is a product; in `the *8* best` the mark closes again.
            return left or not (self._glued(k + 2) and self.tokens[k + 2].text in ("*", "**"))
        if token.text in ("*", "–"):
            return left == right
        if token.text == "^":
            return True
        return not (token.text in "-+" and left and not right)

    def _operand(self, k: int, depth: int, shape: _Shape, is_right: bool = False) -> int | None:
        """A signed primary with everything glued to it: powers, factors, calls, units.

        `is_right` says that an operator stands before it.
        """
        if self._kind(k) in ("operator", "compare") and self.tokens[k].text in ("+", "-", "−", "±", "~", "≈"):
            if not self._glued(k + 1):
                return None
            k += 1
        stop = self._primary(k, depth, shape, is_right)
        while stop is not None:
            following = self._postfix(stop, depth, shape)
            if following is None:
                break
            stop = following
        return stop

    def _primary(self, k: int, depth: int, shape: _Shape, is_right: bool = False) -> int | None:
        kind = self._kind(k)
        if kind == "marked":
            shape.n_marked += 1
            return k + 1
        if kind in ("number", "infinity"):
            return k + 1
        if kind == "ellipsis":
            return k + 1 if is_right and self._kind(k + 1) in ("operator", "compare") else None
        if kind == "variable":
            shape.has_structure = True
            return k + 1
        if kind == "root" and self._glued(k + 1) and depth < _MAX_DEPTH:
            return self._structured(self._operand(k + 1, depth + 1, shape), shape)
        if kind == "word":
            return self._name(k, depth, shape, is_right)
        if kind == "command":
            return self._command(k, shape)
        if kind == "open":
            return self._group(k, depth, shape)
        if kind == "bar" and self._glued(k + 1) and depth < _MAX_DEPTH:
            stop = self.expression(k + 1, depth + 1, _Shape())
            if stop is not None and self._kind(stop) == "bar" and self._glued(stop):
                return self._structured(stop + 1, shape)
        return None

    @staticmethod
    def _structured(stop: int | None, shape: _Shape) -> int | None:
        """Note structure if something was read; pass the index on."""
        shape.has_structure |= stop is not None
        return stop

    def _group(self, k: int, depth: int, shape: _Shape) -> int | None:
        """`(expression, …)`; the brackets must close on this line."""
        closer = self._closing.get(k)
        if closer is None or depth >= _MAX_DEPTH or self._glued(k) and self._kind(k - 1) == "close":
            return None
        inner = _Shape()
        stop = self.expression(k + 1, depth + 1, inner)
        while stop is not None and self._kind(stop) == "comma":
            inner.is_tuple = True
            stop = self.expression(stop + 1, depth + 1, inner)
        if stop != closer:
            return None
        shape.n_operations += inner.n_operations
        shape.n_relations += inner.n_relations
        shape.n_marked += inner.n_marked
        shape.has_structure |= inner.has_structure
        shape.is_tuple |= inner.is_tuple
        return closer + 1

    def _command(self, k: int, shape: _Shape) -> int | None:
        """A LaTeX command with its brace groups, `\\left( … \\right)` included."""
        name = self.tokens[k].text[1:]
        if name == "left":
            for stop in range(k + 1, min(k + 60, len(self.tokens))):
                if self._kind(stop) == "newline":
                    return None
                if self.tokens[stop].text == "\\right" and self._kind(stop + 1) in ("close", "bar", "other"):
                    shape.has_structure = True
                    return stop + 2
            return None
        if not self._is_factor_command(k) and not (name == "text" and self._kind(k + 1) == "open"):
            return None
        shape.has_structure = True
        stop = k + 1
        while self._kind(stop) == "open" and self._glued(stop) and self.tokens[stop].text in "{[":
            closer = self._closing.get(stop)
            if closer is None:
                break
            stop = closer + 1
        return stop

    def _is_symbol(self, k: int) -> bool:
        """Whether the word at `k` can stand for a quantity: one letter, `AB`, `xy`."""
        word = self.tokens[k].text
        if len(word) == 1:
            return True
        if not word.isascii():
            return len(word) <= 3 and any("α" <= letter <= "ω" for letter in word)
        if word.isupper():
            return len(word) <= 3 and word not in ("OK", "I", "SO", "IS", "NO", "NOT", "THE", "AND")
        return len(word) == 2 and word.islower() and word not in SHORT_WORDS and word not in UNITS_OF_MEASURE

    def _name(self, k: int, depth: int, shape: _Shape, is_right: bool) -> int | None:
        word = self._word(k)
        if word in FUNCTIONS and self._kind(k + 1) in ("open", "number", "word", "variable"):
            if self._glued(k + 1) and self._kind(k + 1) == "open":
                stop = self._group(k + 1, depth + 1, shape)
            else:
                is_operand = self._kind(k + 1) != "word" or self._is_symbol(k + 1)
                stop = k + 2 if is_operand and self._kind(k + 1) != "open" else None
            if stop is not None:
                shape.has_structure = True
                return stop
        follows = self._kind(k + 1)
        next_text = self.tokens[k + 1].text if k + 1 < len(self.tokens) else ""
        if self._is_symbol(k):
            if word in ("a", "i") and follows not in ("operator", "compare", "raised", "open"):
                is_operand = is_right or depth > 0
                return (
                    k + 1 if is_operand and follows in ("newline", "end", "comma", "close", "other") else None
                )
            return k + 1
        if follows == "compare" and next_text in ("=", "==", ":=", "≈") and word not in STOP_WORDS:
            return k + 1
        if is_right and shape.has_relation:
            for n_words in range(1, _MAX_NAME_WORDS):
                last = self._word(k + n_words - 1)
                if not last or last in STOP_WORDS:
                    return None
                behind = self._kind(k + n_words)
                if behind in ("operator", "compare", "newline", "comma", "close", "end") or (
                    behind == "other" and self.tokens[k + n_words].text in ".;:"
                ):
                    return k + n_words
        return None

    def _postfix(self, k: int, depth: int, shape: _Shape) -> int | None:
        """One thing that continues the operand before `k`: a power, a factor, a call, a unit."""
        kind, before = self._kind(k), self._kind(k - 1)
        if kind == "operator" and self.tokens[k].text == "^":
            return self._structured(self._power(k + 1, depth, shape), shape)
        if self._glued(k):
            return self._glued_postfix(k, kind, before, depth, shape)
        if kind == "word" and before == "number":
            unit = self._unit(k)
            if unit is not None:
                return unit
        if self._is_spaced_factor(k):
            return self._structured(self._command(k, shape) if kind == "command" else k + 1, shape)
        if kind == "word" and self._word(k) in ("squared", "cubed"):
            shape.n_operations += 1
            return k + 1
        return None

    def _glued_postfix(self, k: int, kind: str, before: str, depth: int, shape: _Shape) -> int | None:
        if kind == "raised":
            return self._structured(k + 1, shape)
        if kind == "bang":
            # A factorial, unless it may be the end of an exclamation.
            if self._kind(k + 1) == "number" and self._glued(k + 1):
                return self._structured(k + 2, shape)
            is_inside = self._kind(k + 1) in ("operator", "compare", "close")
            return self._structured(k + 1, shape) if is_inside else None
        if kind == "open" and before in ("number", "word", "variable", "close", "raised", "command"):
            is_long_word = (
                before == "word" and len(self._word(k - 1)) > 2 and self._word(k - 1) not in FUNCTIONS
            )
            return None if is_long_word else self._structured(self._group_behind(k, depth, shape), shape)
        if kind == "root" and before in ("word", "variable"):
            return self._primary(k, depth, shape)
        if before not in ("number", "close", "raised", "root"):
            return None
        if kind in ("variable", "root") or self._is_factor_command(k):
            return self._structured(self._primary(k, depth, shape), shape)
        if kind == "word" and before == "number" and self._word(k) in UNITS_OF_MEASURE:
            return self._unit(k)
        if kind == "word" and self._is_symbol(k):
            return self._structured(k + 1, shape)
        return None

    def _power(self, k: int, depth: int, shape: _Shape) -> int | None:
        """The exponent behind `^`: a brace group of anything, or one signed primary."""
        if self._kind(k) == "open" and self.tokens[k].text == "{":
            closer = self._closing.get(k)
            return None if closer is None else closer + 1
        if depth >= _MAX_DEPTH:
            return None
        is_negative = self._kind(k) == "operator" and self.tokens[k].text in "-−"
        return self._primary(k + 1 if is_negative else k, depth + 1, shape, is_right=True)

    def _group_behind(self, k: int, depth: int, shape: _Shape) -> int | None:
        """A group glued to a factor, `2(x + 1)`, `f(3)`, `(a)(b)`."""
        closer = self._closing.get(k)
        if closer is None or depth >= _MAX_DEPTH or self.tokens[k].text == "{":
            return None
        inner = _Shape()
        stop = self.expression(k + 1, depth + 1, inner)
        while stop is not None and self._kind(stop) == "comma":
            stop = self.expression(stop + 1, depth + 1, inner)
        if stop != closer:
            return None
        shape.n_marked += inner.n_marked
        return closer + 1

    def _is_spaced_factor(self, k: int) -> bool:
        """LaTeX needs no glue between factors: `2 \\pi r`, `\\frac{1}{2} x`."""
        kind, before = self._kind(k), self._kind(k - 1)
        if kind == "command":
            return before in ("number", "command", "close", "variable") and self._is_factor_command(k)
        return before == "command" and (kind == "variable" or self._is_letter(k))

    def _unit(self, k: int) -> int | None:
        """Unit words behind a number: `km`, `km/h`, `miles per hour`, `cm²`, `pieces per minute`.

        A one-letter unit must touch its number, and so must `in`.
        """
        word = self._word(k)
        is_known = word in UNITS_OF_MEASURE and (len(word) > 1 or word in "mg" or self._glued(k))
        if not word or (not is_known and (word in STOP_WORDS or word in SHORT_WORDS or self._glued(k))):
            return None
        stop = k + 1
        if is_known and self._kind(stop) == "raised" and self._glued(stop):
            stop += 1
        is_slash = self._kind(stop) == "operator" and self.tokens[stop].text == "/" and self._glued(stop)
        if (is_slash or self._word(stop) == "per") and self._word(stop + 1) in UNITS_OF_MEASURE:
            return stop + 2
        return stop if is_known else None

    def trailing_unit(self, k: int, shape: _Shape) -> int:
        """Behind a unit word that the same expression used before: `5 apples + 3 apples = 8 apples`."""
        return k + 1 if self._kind(k - 1) == "number" and self._word(k) in shape.unit_words else k

    def name_start(self, k: int, free_from: int) -> int:
        """Walk left from a name before `=` over the words that belong to it: `total cost = …`.

        At most `_MAX_NAME_WORDS` words of one line, none of them a stop word (`of` and `per` may join two),
        none starting before `free_from`.
        """
        if self._kind(k) != "word" or self._is_symbol(k) or self._kind(k + 1) != "compare":
            return k
        first = k
        j = k - 1
        while first - j <= 2 and k - j < _MAX_NAME_WORDS and self._kind(j) in ("word", "lexeme"):
            if (
                self.tokens[j].start < free_from
                or self.text[self.tokens[j].end : self.tokens[j + 1].start] != " "
            ):
                break
            word = self.tokens[j].text.lower()
            if word not in STOP_WORDS:
                first = j
            elif word not in ("of", "per"):
                break
            j -= 1
        return first

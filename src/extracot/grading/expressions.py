"""Read a formula, LaTeX or plain, into a small tree.

Reads arithmetic, roots, powers, letters, the common functions, `\\binom`, factorials, degrees and numerals with a base.
It does not read integrals, sums, limits, `\\pm`, relations, words or brackets of sets: such text is `Unreadable`, and
another rule, or math-verify, has to decide.

Letters are variables, but for `e`, `i` and `\\pi`. `x(x+1)` is a product, `3\\frac{1}{2}` a mixed number, `x^10` the
tenth power, and `2e3` is 2000. A plain word of four letters or more is no product of letters.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

MAX_DEPTH = 40
"""Deeper nesting is unreadable: no answer needs it, and Python's own stack is bounded."""


MAX_TOKENS = 400
"""Longer formulas are unreadable: working them out at many points would take long."""


class Unreadable(ValueError):
    """The text is no formula that this module reads."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A rational number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A function, operator or constant (`pi`, `e`, `i`, `infinity`) of its arguments."""

    kind: str
    arguments: "tuple[Expression, ...]" = ()


Expression = Literal | Name | Operation

FUNCTIONS = frozenset(
    re.findall(r"\w+", "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln lg exp abs floor ceil sqrt log")
)
"""Functions of one argument; `log` also takes a base."""
_WORDS = {
    "pi": "pi", "inf": "infty", "infinity": "infty", "oo": "infty", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "ceiling": "ceil", "theta": "theta", "alpha": "alpha", "beta": "beta", "lambda": "lambda",
}  # fmt: skip
"""Plain words that are read as the command of that name; the names of functions are so, too."""
_CONSTANTS = {"pi": "pi", "infty": "infinity", "imath": "i"}
_GREEK = frozenset(
    re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau "
        "phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell",
    )
)
_GROUPING = frozenset(("mathrm", "mathbf", "mathit", "boldsymbol", "displaystyle", "textstyle", "limits"))
"""Commands that change how what follows looks, not what it says."""
_DOTS = frozenset(("cdot", "ast", "div"))
_TOKEN = re.compile(
    r"(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+(?![\w.]))?)"
    r"|\\(?P<command>[a-zA-Z]+)"
    r"|(?P<word>[a-zA-Z]+)"
    r"|(?P<symbol>[-+*/^_!|(){}\[\]%])"
    r"|(?P<gap>\ +)"
)
_MAX_EXPONENT_DIGITS = 4
_MIXED = re.compile(r"(\d+) (\d+)/(\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@lru_cache(maxsize=4096)
def read_expression(text: str, *, is_product_first: bool = False) -> Expression:
    """Read a whole text.

    Args:
        text: in the one spelling of `text.answers.normalize_answer`.
        is_product_first: read `1/2x` as 1/(2x); by default it is (1/2)x. Writers mean either.

    Raises:
        Unreadable: it holds anything that is not read here, or nests deeper than `MAX_DEPTH`.
    """
    parser = _Parser(_tokenize(text), is_product_first)
    expression = parser.sum()
    if parser.peek() is not None:
        raise Unreadable(f"{parser.peek()} follows a whole formula")
    return expression


def _tokenize(text: str) -> list[_Token]:
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", text)
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"{text[position]!r} is no part of a formula")
        kind = match.lastgroup or ""
        tokens += _split_word(match["word"]) if kind == "word" else [_Token(kind, match[kind])]
        position = match.end()
        if len(tokens) > MAX_TOKENS:
            raise Unreadable("it is too long")
    return _without_gaps(tokens)


def _split_word(word: str) -> list[_Token]:
    """A known word is its command, a short one a product of letters."""
    for known in (word, word.lower()):
        if known in FUNCTIONS or known in _WORDS:
            return [_Token("command", _WORDS.get(known, known))]
    if len(word) > 3:
        raise Unreadable(f"{word!r} is a word")
    return [_Token("letter", letter) for letter in word]


def _without_gaps(tokens: list[_Token]) -> list[_Token]:
    """Drop white space; two numbers side by side are no product."""
    kept: list[_Token] = []
    for index, token in enumerate(tokens):
        if token.kind != "gap":
            kept.append(token)
        elif _ends_with_number(kept) and index + 1 < len(tokens) and tokens[index + 1].kind == "number":
            raise Unreadable("two numbers without an operator")
    return kept


def _ends_with_number(tokens: list[_Token]) -> bool:
    """Whether the last token is a number that is no index: `\\log_2 8` is not 28."""
    if not tokens or tokens[-1].kind != "number":
        return False
    return len(tokens) == 1 or tokens[-2] not in (_Token("symbol", "_"), _Token("symbol", "^"))


class _Parser:
    """Recursive descent, one method a level of precedence."""

    def __init__(self, tokens: list[_Token], is_product_first: bool) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0
        self._open_bars = 0
        self._is_product_first = is_product_first

    def peek(self) -> _Token | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _take(self) -> _Token:
        token = self.peek()
        if token is None:
            raise Unreadable("the formula breaks off")
        self._position += 1
        return token

    def _accept(self, *symbols: str) -> str | None:
        token = self.peek()
        if token is not None and token.kind == "symbol" and token.text in symbols:
            self._position += 1
            return token.text
        return None

    def _accept_command(self, *names: str) -> str | None:
        token = self.peek()
        if token is not None and token.kind == "command" and token.text in names:
            self._position += 1
            return token.text
        return None

    def _expect(self, symbol: str) -> None:
        if self._accept(symbol) is None:
            raise Unreadable(f"{symbol!r} is missing")

    def sum(self) -> Expression:
        terms = [self._signed_product()]
        while (sign := self._accept("+", "-")) is not None:
            term = self._signed_product()
            terms.append(term if sign == "+" else Operation("negate", (term,)))
        return terms[0] if len(terms) == 1 else Operation("add", tuple(terms))

    def _signed_product(self) -> Expression:
        is_negative = False
        while (sign := self._accept("+", "-")) is not None:
            is_negative ^= sign == "-"
        product = self._product()
        return Operation("negate", (product,)) if is_negative else product

    def _product(self) -> Expression:
        value = self._adjacent_factors() if self._is_product_first else self._factor()
        while True:
            operator = self._accept("*", "/") or self._accept_command(*_DOTS)
            if operator is None:
                if not self._at_factor():
                    return value
                value = Operation("multiply", (value, self._factor()))
                continue
            is_negative = False
            while (sign := self._accept("+", "-")) is not None:  # 3 * -2
                is_negative ^= sign == "-"
            right = self._adjacent_factors() if self._is_product_first else self._factor()
            right = Operation("negate", (right,)) if is_negative else right
            value = Operation("divide" if operator in ("/", "div") else "multiply", (value, right))

    def _adjacent_factors(self, stops_at_function: bool = False) -> Expression:
        """Factors that stand side by side without a sign between them."""
        value = self._factor()
        while self._at_factor() and not (stops_at_function and self._at_function()):
            value = Operation("multiply", (value, self._factor()))
        return value

    def _at_function(self) -> bool:
        token = self.peek()
        return token is not None and token.kind == "command" and token.text in FUNCTIONS - {"sqrt"}

    def _at_factor(self) -> bool:
        token = self.peek()
        if token is None or token.kind == "number" and self._follows_number():
            return False
        if token.kind == "symbol":
            return token.text in ("(", "{", "[") or (token.text == "|" and not self._open_bars)
        return not (token.kind == "command" and token.text in ("rfloor", "rceil", "rvert", *_DOTS))

    def _follows_number(self) -> bool:
        return self._position > 0 and self._tokens[self._position - 1].kind == "number"

    def _factor(self) -> Expression:
        """A power, with what stands behind it: `!`, degrees, a percent sign."""
        value = self._with_suffixes(self._base())
        if self._accept("^") is not None:
            token = self.peek()
            if token is not None and token == _Token("command", "circ"):
                self._take()
                return self._with_suffixes(Operation("degrees", (value,)))
            value = Operation("power", (value, self._exponent()))
        return self._with_suffixes(value)

    def _exponent(self) -> Expression:
        self._deeper()
        value = self._read_exponent()
        self._depth -= 1
        return value

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Unreadable("it nests too deep")

    def _read_exponent(self) -> Expression:
        if self._accept("-") is not None:
            return Operation("negate", (self._exponent(),))
        if self._tokens[self._position : self._position + 2] == [_Token("symbol", "{"), _Token("command", "circ")]:
            raise Unreadable("a degree sign with something after it")
        value = self._with_suffixes(self._base())
        if self._accept("^") is not None:  # 2^3^2 is 2^9
            value = Operation("power", (value, self._exponent()))
        return value

    def _with_suffixes(self, value: Expression) -> Expression:
        while True:
            if self._accept("!") is not None:
                value = Operation("factorial", (value,))
            elif self._accept("%") is not None:
                value = Operation("divide", (value, Literal(Fraction(100))))
            elif self._accept_command("degree", "circ") is not None:
                value = Operation("degrees", (value,))
            else:
                return value

    def _base(self) -> Expression:
        self._deeper()
        value = self._read_base()
        self._depth -= 1
        return value

    def _read_base(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            return self._number(token.text)
        if token.kind == "letter":
            return self._letter(token.text)
        if token.kind == "command":
            return self._command(token.text)
        if token.text in _CLOSING:
            return self._group(_CLOSING[token.text])
        if token.text == "|":
            return self._absolute("|")
        raise Unreadable(f"a factor cannot begin with {token.text!r}")

    def _group(self, closing: str) -> Expression:
        """The inside of brackets, in which a bar opens a new absolute value."""
        open_bars, self._open_bars = self._open_bars, 0
        value = self.sum()
        self._expect(closing)
        self._open_bars = open_bars
        return value

    def _absolute(self, closing: str) -> Expression:
        self._open_bars += 1
        value = self.sum()
        self._expect(closing)
        self._open_bars -= 1
        return Operation("abs", (value,))

    def _number(self, text: str) -> Expression:
        mantissa, _, exponent = text.replace(",", "").lower().partition("e")
        if len(exponent.lstrip("+-")) > _MAX_EXPONENT_DIGITS:
            raise Unreadable("the exponent is too long")
        value = Fraction(mantissa) * Fraction(10) ** int(exponent or "0")
        if self._accept("_") is not None:
            return _in_base(text, self._argument())
        if "." in text and not exponent and self._accept_command("overline") is not None:
            return Literal(value + self._repeating(n_places=len(text.partition(".")[2])))
        if text.isdigit() and self._at_fraction_of_digits():
            self._take()
            top, bottom = self._argument(), self._argument()
            return Operation("add", (Literal(value), Operation("divide", (top, bottom))))
        return Literal(value)

    def _repeating(self, n_places: int) -> Fraction:
        """The rest of `0.1\\overline{6}`, whose digits repeat from the place after `n_places`."""
        self._expect("{")
        digits = self._take().text
        self._expect("}")
        if not digits.isdigit():
            raise Unreadable("no digits that repeat")
        return Fraction(int(digits), (10 ** len(digits) - 1) * 10**n_places)

    def _at_fraction_of_digits(self) -> bool:
        """Whether a fraction of two numbers comes next: with a number before it, it is a mixed number."""
        kinds = [(token.kind, token.text) for token in self._tokens[self._position : self._position + 7]]
        if len(kinds) < 7 or kinds[0] != ("command", "frac"):
            return False
        braces = [text for kind, text in (kinds[1], kinds[3], kinds[4], kinds[6]) if kind == "symbol"]
        return braces == ["{", "}", "{", "}"] and kinds[2][1].isdigit() and kinds[5][1].isdigit()

    def _letter(self, letter: str) -> Expression:
        if self.peek() == _Token("symbol", "_"):
            return self._subscripted(letter)
        return Operation(letter) if letter in ("e", "i") else Name(letter)

    def _subscripted(self, name: str) -> Expression:
        """A letter with an index is one variable."""
        self._expect("_")
        if self._accept("{") is None:
            return Name(f"{name}_{self._take().text}")
        parts = []
        while self._accept("}") is None:
            parts.append(self._take().text)
        return Name(f"{name}_{''.join(parts)}")

    def _command(self, name: str) -> Expression:
        if name in _CONSTANTS:
            return Operation(_CONSTANTS[name])
        if name in _GREEK:
            return self._subscripted(name) if self.peek() == _Token("symbol", "_") else Name(name)
        if name == "frac":
            return Operation("divide", (self._argument(), self._argument()))
        if name in ("binom", "dbinom", "tbinom"):
            return Operation("binomial", (self._argument(), self._argument()))
        if name == "sqrt":
            return self._root()
        if name in ("lfloor", "lceil", "lvert"):
            return self._closed_by_command(name)
        if name in _GROUPING:
            return self._base()
        if name in FUNCTIONS:
            return self._function(name)
        raise Unreadable(f"\\{name} is not read")

    def _closed_by_command(self, name: str) -> Expression:
        value = self.sum()
        if self._accept_command(name.replace("l", "r", 1)) is None:
            raise Unreadable(f"\\{name} is not closed")
        return Operation({"lfloor": "floor", "lceil": "ceil", "lvert": "abs"}[name], (value,))

    def _root(self) -> Expression:
        if self._accept("[") is not None:
            index = self.sum()
            self._expect("]")
            return Operation("root", (self._argument(), index))
        return Operation("root", (self._argument(), Literal(Fraction(2))))

    def _function(self, name: str) -> Expression:
        base = exponent = None
        for _ in range(2):
            if self._accept("_") is not None:
                base = self._argument()
            elif self._accept("^") is not None:
                exponent = self._exponent()
        is_inverse = exponent == Operation("negate", (Literal(Fraction(1)),))
        if is_inverse and name in ("sin", "cos", "tan"):
            name, exponent = f"arc{name}", None
        value = _apply(name, self._function_argument(), base)
        return value if exponent is None else Operation("power", (value, exponent))

    def _function_argument(self) -> Expression:
        """`\\sin(x)` and `\\sin{x}` take what is in the brackets, `\\sin 2x` the whole product."""
        token = self.peek()
        if token is not None and token.kind == "symbol" and token.text in _CLOSING:
            return self._base()
        return self._adjacent_factors(stops_at_function=True)

    def _argument(self) -> Expression:
        """What a command takes: a group, or one sign; of a number, one digit."""
        token = self.peek()
        if token is not None and token.kind == "number" and len(token.text) > 1:
            self._tokens[self._position] = _Token("number", token.text[1:])
            if not token.text.isdigit():
                raise Unreadable("a part of a decimal is taken")
            return Literal(Fraction(int(token.text[0])))
        if token is not None and token.kind == "number":
            self._take()
            return Literal(Fraction(token.text))
        return self._base()


_CLOSING = {"(": ")", "{": "}", "[": "]"}


def _apply(name: str, argument: Expression, base: Expression | None) -> Expression:
    if name == "sqrt":
        return Operation("root", (argument, Literal(Fraction(2))))
    if name == "log" and base is not None:
        return Operation("divide", (Operation("ln", (argument,)), Operation("ln", (base,))))
    if base is not None:
        raise Unreadable(f"{name} with an index")
    if name == "lg":
        return _apply("log", argument, Literal(Fraction(10)))
    return Operation(name, (argument,))


def _in_base(digits: str, base: Expression) -> Expression:
    """The value of `1011_2`."""
    if not isinstance(base, Literal) or base.value.denominator != 1 or not 2 <= base.value <= 36:
        raise Unreadable("no base of a numeral")
    try:
        return Literal(Fraction(int(digits, int(base.value))))
    except ValueError as error:
        raise Unreadable("a digit that the base does not have") from error

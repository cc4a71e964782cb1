"""What a formula says: the names it defines, the values it reads and the value it ends in.

Reading is shallow on purpose: nothing is solved or simplified, so `3x + 2 = 11` reads 3, 2 and x and states
11.

Not covered: equality of answers (`answers`), which has to be exact where this may overlook something.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from extracot.text.lexicon import word_set
from extracot.text.remainders import split_remainder


@dataclass(frozen=True, slots=True)
class Equation:
    """The content of one formula, several statements (a derivation, an `align` block) taken together."""

    defines: tuple[str, ...]
    """Names that stand alone on one side of a relation: `Ola` in `Ola = 4 + 5`."""
    reads: frozenset[str]
    """Names inside compound sides: `x` in `3x + 2 = 11`."""
    operands: tuple[Fraction, ...]
    """Numbers inside compound sides, in order; exponents and indices are left out."""
    values: tuple[Fraction, ...]
    """Sides that are one number, in order."""
    facts: frozenset[str]
    """What it asserts, spelled so that a repetition compares equal: `4+5=9`, `Ola=9`."""
    sides: frozenset[str]
    """Every side in the same spelling."""

    @property
    def value(self) -> Fraction | None:
        """The value it ends in, if a side is a plain number."""
        return self.values[-1] if self.values else None

    @property
    def is_derived(self) -> bool:
        """Whether a value is computed here, rather than only stated."""
        return bool(self.values) and bool(self.operands or self.reads)

    @property
    def is_bare(self) -> bool:
        """Whether it is a single name or number and says nothing about it."""
        return not self.facts


_NUMBER: Final = r"\d+(?:\.\d+)?|\.\d+"
_VALUE: Final = re.compile(rf"(?P<sign>[-+]?)(?P<top>{_NUMBER})(?:/(?P<bottom>{_NUMBER}))?(?P<mark>%|k)?")
_MIXED: Final = re.compile(r"(\d+)\s+(\d+)/(\d+)")
_NAME: Final = re.compile(r"[^\W\d]\w*'*(?:\([^\W\d]\w*\))?(?: [^\W\d][\w']*){0,3}")
_IDENTIFIER: Final = re.compile(r"[^\W\d]\w*'*")
_RELATION: Final = re.compile(r"=|≠|≤|≥|<|>|∈|∝")
_THOUSANDS: Final = re.compile(r"(?<=\d)(?:,|\{,\}|\\,)(?=\d{3}(?!\d))")
_TEXT_COMMAND: Final = re.compile(r"\\(?:text\w*|math\w+|mbox|operatorname)\*?\s*\{([^{}]*)\}")
_FRACTION: Final = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|(\d)\s*(\d))")
_ROOT: Final = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_POWER: Final = re.compile(r"\^\s*(?:\{[^{}]*\}|\([^()]*\)|-?\w+)|[⁰¹²³⁴-⁹ⁿ⁺⁻]+|_\{[^{}]*\}")
_UNIT_WORDS: Final = re.compile(
    r"(?<=[\d%])\s*°?\s+(?:[^\W\d_]{2,}(?:\s*/\s*[^\W\d_]+)?\s*)+(?!\s*\d)|(?<=[\d%])\s*°[CF]?"
)
_STATEMENT: Final = re.compile(
    r"\n|\\\\|;|,\s|\\(?:quad|qquad|implies|iff|Rightarrow|Longrightarrow|rightarrow|to|therefore)(?![A-Za-z])|[⇒→⟹∴]"
)
_REPLACEMENTS: Final = (
    (re.compile(r"\\begin\{\w+\*?\}(?:\{[^{}]*\})?|\\end\{\w+\*?\}"), "\n"),
    (re.compile(r"\\\\(?:\[[^\]]*\])?"), "\n"),
    (re.compile(r"\\[()\[\]]|(?:US|CA|AU|HK)?\\?[$€£¥₹]|[&*_`]{2,}|&"), " "),
    (
        re.compile(r"\\(?:left|right|displaystyle|boxed|fbox|bigl?|bigr?|Bigl?|Bigr?)(?![A-Za-z])|\\[!;:> ]"),
        " ",
    ),
    (re.compile(r"\\(?:times|cdot|ast)(?![A-Za-z])|[×·⋅∙∗]|\b(?:times|multiplied by)\b"), "*"),
    (re.compile(r"\\div(?![A-Za-z])|[÷⁄]|\bdivided by\b"), "/"),
    (re.compile(r"[−–]|\bminus\b"), "-"),
    (re.compile(r"\b(?:plus|added to)\b"), "+"),
    (re.compile(r"(?<=\d) x (?=\d)"), "*"),
    (re.compile(r"(?<=\d) and (?:a|one)[ -]half\b"), " 1/2"),
    (re.compile(r"(?<=\d) and (?:a|one)[ -]third\b"), " 1/3"),
    (re.compile(r"(?<=\d) and (?:a|one)[ -](?:quarter|fourth)\b"), " 1/4"),
    (re.compile(r"(?<=\d) and two[ -]thirds\b"), " 2/3"),
    (re.compile(r"(?<=\d) and three[ -](?:quarters|fourths)\b"), " 3/4"),
    (re.compile(r"(?<=\d) and (?=\d+/\d+(?![\w/]))"), " "),
    (re.compile(r"(?<=\d%) of (?=\d)|(?<=\d) of (?=\d)"), "*"),
    (re.compile(r"\\(?:approx|equiv|sim|simeq|cong)(?![A-Za-z])|[≈≡≅≃∼~]|:=|=="), "="),
    (re.compile(r"\b(?:is equal to|equals?(?: to)?|is|gives|makes|yields)\b"), "="),
    (re.compile(r"\\(?:leq?|leqslant)(?![A-Za-z])|<="), "≤"),
    (re.compile(r"\\(?:geq?|geqslant)(?![A-Za-z])|>="), "≥"),
    (re.compile(r"\\neq?(?![A-Za-z])|!="), "≠"),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\\in(?![A-Za-z])"), "∈"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\\pi(?![A-Za-z])"), "π"),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])"), "°"),
    (re.compile(r"\bsqrt\s*\(([^()]*)\)|√\s*(\d+(?:\.\d+)?|[^\W\d_])(?!\w)"), r"√(\1\2)"),
)
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_FUNCTION_NAMES: Final = word_set(
    """
    sin cos tan log ln exp sqrt gcd lcm max min mod squared cubed of per
    """
)


def parse_value(text: str) -> Fraction | None:
    """The number that `text` is: `1,200`, `-3/4`, `$5`, `0.5`, `12%` (as 12), `80k`, `\\frac{1}{2}`, `9
    shells`.

    Returns:
        None if it is not one number; white space, delimiters and a unit behind the number do not matter.
    """
    return _value_of(_clean(text).strip(" .,;:!?\n"))


def numbers_in(text: str) -> list[Fraction]:
    """Every number of a prose passage, in order; a sign counts only behind a space or at the start.

    A fraction in lowest terms (`3/4`) is a number, and so are its two parts behind it.
    """
    plain = _THOUSANDS.sub("", text)
    numbers: list[Fraction] = []
    for match in re.finditer(rf"(?:(?<=\s)-|^-)?(?<![\w.])(?:{_NUMBER})(?=(/\d+(?![\w/]|\.\d))?)", plain):
        fraction = _value_of(match.group() + match[1]) if match[1] else None
        numbers += [] if fraction is None else [fraction]
        numbers.append(Fraction(match.group()))
    return numbers


def equation_sides(formula_text: str) -> Equation | None:
    """Read the formula in `formula_text`, delimiters and closing punctuation included.

    Returns:
        None if it holds neither a number nor a name.
    """
    defines: list[str] = []
    reads: set[str] = set()
    operands: list[Fraction] = []
    values: list[Fraction] = []
    facts: set[str] = set()
    spellings: set[str] = set()
    previous_side: str | None = None
    previous_name: str | None = None
    result, left_over = split_remainder(formula_text)
    # What is left over comes first: a statement ends in its quotient.
    for statement in [*left_over, *_STATEMENT.split(_clean(result))]:
        sides = [side.strip(' .,;:!?\n*`"“”') for side in _RELATION.split(statement)]
        relations = _RELATION.findall(statement)
        # `\\ &= 8` goes on with the statement before it.
        is_continued = bool(relations) and not sides[0]
        if not is_continued:
            previous_side = previous_name = None
        for i, side in enumerate(sides):
            if not side:
                continue
            relation = relations[i - 1] if 0 < i <= len(relations) else "="
            value = _value_of(side)
            name = _name_of(side) if value is None and relations else None
            spelling = _spell(side) if value is None else str(value)
            spellings.add(spelling)
            if value is not None:
                values.append(value)
            elif name is not None:
                if name not in defines:
                    defines.append(name)
            else:
                side_operands, side_reads = _contents(side)
                operands += side_operands
                reads |= side_reads
            if previous_name is not None and name is None:
                facts.add(_fact(previous_name, relation, spelling))
            if previous_side is not None:
                facts.add(_fact(previous_side, relation, spelling))
            if name is not None and previous_side is None:
                previous_name = name
            else:
                previous_side = spelling
        if (
            len(sides) == 1
            and sides[0]
            and _value_of(sides[0]) is None
            and _IDENTIFIER.fullmatch(sides[0]) is None
        ):
            facts.add(_spell(sides[0]))
    if not spellings:
        return None
    return Equation(
        tuple(defines),
        frozenset(reads),
        tuple(operands),
        tuple(values),
        frozenset(facts),
        frozenset(spellings),
    )


def _fact(left: str, relation: str, right: str) -> str:
    """A relation in one spelling: equality reads the same both ways."""
    if relation == "=" and right < left:
        left, right = right, left
    return f"{left}{relation}{right}"


def _clean(text: str) -> str:
    """LaTeX and spelled-out operators in one plain notation."""
    text = _THOUSANDS.sub("", text)
    text = _TEXT_COMMAND.sub(lambda match: f" {match[1].strip()} ", text)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    for _ in range(6):
        simpler = _ROOT.sub(r"√(\1)", _FRACTION.sub(_as_quotient, text))
        if simpler == text:
            break
        text = simpler
    text = _MIXED.sub(lambda m: str(Fraction(int(m[1])) + Fraction(int(m[2]), int(m[3]) or 1)), text)
    text = re.sub(r"\{\s*([^{}]*?)\s*\}", r"\1", text) if "^" not in text and "_" not in text else text
    return re.sub(r"[^\S\n]+", " ", text)


def _as_quotient(match: re.Match[str]) -> str:
    top, bottom = (match[1], match[2]) if match[1] is not None else (match[3], match[4])
    if re.fullmatch(r"\s*-?[\d.]+\s*", top) and re.fullmatch(r"\s*[\d.]+\s*", bottom):
        return f"{top.strip()}/{bottom.strip()}"
    return f"({top})/({bottom})"


def _value_of(side: str) -> Fraction | None:
    """The value of a side that is one number, a simple fraction, or a number with its unit."""
    plain = _UNIT_WORDS.sub("", side + " ").strip(" .,;:!?()[]{}|*\"'")
    match = _VALUE.fullmatch(plain.replace("- ", "-"))
    if match is None:
        return None
    value = Fraction(match["top"])
    if match["bottom"]:
        bottom = Fraction(match["bottom"])
        if not bottom or "." in match["top"] + match["bottom"]:
            return None
        value /= bottom
        # 360/6 and 10/4 are computations; 3/4 is a value.
        if value.denominator != bottom:
            return None
    if match["mark"] == "k":
        value *= 1000
    return -value if match["sign"] == "-" else value


def _name_of(side: str) -> str | None:
    """The name that a side consists of: a symbol, `f(x)`, or up to four words."""
    plain = side.strip().lstrip("\\")
    return plain if _NAME.fullmatch(plain) else None


def _contents(side: str) -> tuple[list[Fraction], set[str]]:
    plain = _POWER.sub(" ", _UNIT_WORDS.sub(" ", side + " "))
    numbers: list[Fraction] = []
    for match in re.finditer(rf"(?<![\w.])({_NUMBER})(k(?!\w))?", plain):
        value = Fraction(match[1])
        numbers.append(value * 1000 if match[2] else value)
    plain = re.sub(r"(?<=\d)k(?!\w)|\\", " ", plain)
    words = {word for word in _IDENTIFIER.findall(plain) if word not in _FUNCTION_NAMES}
    return numbers, words


def _spell(side: str) -> str:
    """A side without what carries no meaning: spaces, outer brackets, unit words, the sign for times."""
    plain = re.sub(r"[\s\\]+", "", _UNIT_WORDS.sub("", side + " "))
    plain = re.sub(r"[⁰¹²³⁴-⁹⁻]+", lambda match: "^" + match[0].translate(_SUPERSCRIPTS), plain)
    plain = re.sub(r"\^\{(-?\w)\}", r"^\1", plain)
    while plain.startswith("(") and plain.endswith(")") and plain.count("(") == 1:
        plain = plain[1:-1]
    return plain

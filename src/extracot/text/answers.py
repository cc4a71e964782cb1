"""Final answers: find the last box, write answers one way, and decide the easy comparisons.

Nothing here raises on its input or takes long on it, so hostile text is harmless. Only what is certain is
decided: exact numbers, equal strings, words, option letters. The rest (algebra, sets, intervals, matrices)
is `None`, and `grading` asks math-verify.

Deliberately lenient, as graders of mathematics benchmarks are: a unit, currency or degree sign that only one
side has is not compared, and 50% equals both 0.5 and 50. Deliberately strict: brackets count, so `[0,1)` is
not `(0,1]`, and `1,2` is not 12.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_ANSWER_CHARS = 2000
"""Longer answers are not compared: no gold answer comes near, and arithmetic on longer numbers gets slow."""

_BRACE = re.compile(r"(\\(?:boxed|fbox)\s*\{)|\\.|[{}]", re.DOTALL)


def last_boxed(text: str) -> str | None:
    """The content of the last balanced `\\boxed{…}` or `\\fbox{…}`; None without one.

    Boxes are ordered by where they close, so of nested boxes the outermost counts, and an unclosed one is
    passed over. Escaped braces do not count. Boxes are not merged: `\\boxed{13} … \\boxed{12}` is 12. Linear
    time.
    """
    span = _last_box(text)
    return text[span[1] : span[2]].strip() if span else None


def _last_box(text: str) -> tuple[int, int, int] | None:
    """Offsets of the last box: its command, its content, its closing brace."""
    open_braces: list[re.Match[str]] = []
    last: tuple[int, int, int] | None = None
    for match in _BRACE.finditer(text):
        if match[1] or match[0] == "{":
            open_braces.append(match)
        elif match[0] == "}" and open_braces:
            opening = open_braces.pop()
            if opening[1]:
                last = (opening.start(), opening.end(), match.start())
    return last


_PLAIN = re.compile(r"[A-Za-z0-9+/.-]*[A-Za-z0-9]")
"""Answers that have one spelling only, as most have: nothing to normalise."""
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))
_SYMBOLS = {
    "−": "-", "–": "-", "×": r"\cdot ", "·": r"\cdot ", "√": r"\sqrt ", "π": r"\pi ", "∞": r"\infty ",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "°": r"^\circ", "％": "%",
    "\u00a0": " ", "\u202f": " ", "\u200b": "",
}  # fmt: skip
_COMMANDS = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "geq": "ge", "neq": "ne", "times": "cdot",
}  # fmt: skip
_COMMAND = re.compile(rf"\\({'|'.join(_COMMANDS)})(?![a-zA-Z])")
_THOUSANDS = re.compile(r"\{,\}|,\\!\s*")  # 32{,}348 and 32,\!348
_SPACING = re.compile(r"(?<!\\)\\([,;:! ]|q?quad(?![a-zA-Z]))|~")  # not the second half of a row break
_BRACKET_SIZE = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?=[\s()\[\]|.\\])\s*")
_BARE_FRACTION = re.compile(r"\\frac\s*(?:\{(\w+)\}|(\w))\s*(?:\{(\w+)\}|(\w))")
_BARE_ROOT = re.compile(r"\\sqrt\s*(\w)")
_SHORT_SCRIPT = re.compile(r"([\^_])\s*\{(\w|\\circ)\}")
# The list `12, 345` keeps its space, since `12,345` is a number.
_NEEDLESS_SPACE = re.compile(r"(?<![\w,]) +| +(?!\w)|(?<=,) +(?!\d{3}(?!\d))")
_SPACE_AFTER_COMMAND = re.compile(r"(\\[a-zA-Z]+) (?=\d)")


def normalize_answer(answer: str) -> str:
    """Write the many spellings of an answer one way; applying it twice changes nothing more.

    Takes off delimiters, an enclosing box, dollar signs, spacing commands, bracket sizes and a full stop;
    writes `\\dfrac12` as `\\frac{1}{2}`, `x^{2}` as `x^2`, `≤` as `\\le`. Spaces stay only between two
    letters or digits: `1 2` is not 12. Letter case stays.
    """
    previous, text = "", answer.strip()
    if _PLAIN.fullmatch(text):
        return text
    while text != previous:  # taking one wrapper off may show another
        previous, text = text, _normalize_once(text)
    return text


def _normalize_once(text: str) -> str:
    for opening, closing in _DELIMITERS:
        if len(text) > len(opening + closing) and text.startswith(opening) and text.endswith(closing):
            inner = text[len(opening) : -len(closing)]
            text = inner if opening not in inner and closing not in inner else text
    for symbol, spelling in _SYMBOLS.items():
        text = text.replace(symbol, spelling)
    text = text.replace(r"\$", "").replace("$", "").replace(r"\%", "%")
    text = _THOUSANDS.sub(",", text)
    text = _SPACING.sub(lambda match: "" if match[0] == r"\!" else " ", text)
    text = _COMMAND.sub(lambda match: f"\\{_COMMANDS[match[1]]}", text)
    text = _BRACKET_SIZE.sub("", text)
    text = _BARE_FRACTION.sub(lambda m: rf"\frac{{{m[1] or m[2]}}}{{{m[3] or m[4]}}}", text)
    text = _BARE_ROOT.sub(r"\\sqrt{\1}", text)
    text = _SHORT_SCRIPT.sub(r"\1\2", text)
    text = re.sub(r"\s+", " ", text).strip()
    text = _NEEDLESS_SPACE.sub("", text)
    text = _SPACE_AFTER_COMMAND.sub(r"\1", text)
    box = _last_box(text)
    if box and box[0] == 0 and box[2] == len(text) - 1:
        text = text[box[1] : box[2]]
    return (text.rstrip(".,;") or text).strip()


@dataclass(frozen=True, slots=True)
class Number:
    """An exact number, as an answer writes it."""

    value: Fraction
    """As written: 50 for 50%."""
    is_percent: bool
    is_decimal: bool
    """Written with a decimal point, so it may be a rounded value."""
    unit: str | None
    """The unit word behind it; None without one."""


_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d+)"  # 1,234,567 and 1 234 567 and 1234567
_DECIMAL = re.compile(rf"([+-]?)({_DIGITS}?)(?:\.(\d+))?")
_FRACTION = re.compile(
    rf"([+-]?)(?:({_DIGITS}) ?(?=\\))?\\frac\{{([+-]?)({_DIGITS})\}}\{{({_DIGITS})\}}"
    rf"|([+-]?)(?:({_DIGITS}) )?([+-]?)({_DIGITS})/({_DIGITS})"
)
_DEGREE = re.compile(r"(?:\^\\circ|\\circ|\\degree)$")
_UNIT_COMMAND = re.compile(r"\\(?:text|textrm|textbf|textnormal|mathrm|mbox|operatorname)\{([^{}\d]*)\}(?:\^[23])?$")
_UNIT_WORDS = re.compile(r"(?<=\d) ?([a-zA-Z]{3,}(?: [a-zA-Z]+)*)$")
NUMBER_WORD = re.compile(
    r"\b(?:and|or|to|by|hundred|thousand|million|billion|trillion|dozen|score|hal(?:f|ves)"
    r"|(?:third|quarter|fourth|fifth|sixth|eighth|tenth|hundredth|thousandth|pair)s?|percent(?:age)?"
    r"|pi|sqrt|root|over|plus|minus|times|mod|squared|cubed|base|factorial|choose)\b"
)
"""Words behind a number that change its value, so they are no unit."""


def parse_number(answer: str) -> Number | None:
    """The exact number that an answer says; None for anything else, and for numbers of too many digits.

    Integers, decimals, thousands groups, `a/b`, `\\frac{a}{b}`, mixed numbers (`3\\frac{1}{2}`, `3 1/2`), a
    sign, a currency sign, a percent sign, a unit behind (`18 dollars`, `5\\text{ cm}^2`, `90^\\circ`).
    Powers and products are not computed.
    """
    return _parse_normalized(normalize_answer(answer)) if len(answer) <= MAX_ANSWER_CHARS else None


def _parse_normalized(text: str) -> Number | None:
    text = text.lstrip("€£¥").strip()
    text, unit = _split_unit(text)
    is_percent = text.endswith("%") or unit in ("percent", "%")
    text = text.removesuffix("%").strip()
    if (fraction := _FRACTION.fullmatch(text)) is not None:
        groups = fraction.groups()
        sign, whole, inner_sign, numerator, denominator = groups[:5] if groups[3] is not None else groups[5:]
        bottom = _integer(denominator)
        if bottom == 0 or (whole and inner_sign):  # 3\frac{-1}{2} is a product, not a mixed number
            return None
        value = Fraction(_integer(whole or "0") * bottom + _integer(numerator), bottom)
        is_negative = (sign == "-") != (inner_sign == "-")
        return Number(-value if is_negative else value, is_percent, is_decimal=False, unit=unit)
    decimal = _DECIMAL.fullmatch(text)
    if decimal is None or not (decimal[2] or decimal[3]):
        return None
    places = decimal[3] or ""
    value = Fraction(_integer(decimal[2] + places), 10 ** len(places))
    return Number(-value if decimal[1] == "-" else value, is_percent, is_decimal=bool(places), unit=unit)


def _integer(digits: str) -> int:
    return int(re.sub("[ ,]", "", digits) or "0")


def _split_unit(text: str) -> tuple[str, str | None]:
    """Cut a unit off the end; number words, which change the value, stay on."""
    match = _DEGREE.search(text) or _UNIT_COMMAND.search(text) or _UNIT_WORDS.search(text)
    if match is None or match.start() == 0:
        return text, None
    word = " ".join(match[1].split()).casefold().rstrip(".") if match.re is not _DEGREE else "degrees"
    if word not in ("percent", "%") and NUMBER_WORD.search(word):
        return text, None
    return text[: match.start()].strip(), word or None


def equal_fast(gold: str, predicted: str) -> bool | None:
    """Whether two answers are equal, where that is plain; None leaves it to a symbolic comparison.

    True and False are certain under the rules of this module. Rounded decimals are left open when they are
    close.
    """
    if len(gold) > MAX_ANSWER_CHARS or len(predicted) > MAX_ANSWER_CHARS:
        return gold.strip() == predicted.strip()
    gold_text, predicted_text = normalize_answer(gold), normalize_answer(predicted)
    if not predicted_text or not gold_text:
        return False
    if gold_text == predicted_text:
        return True
    gold_number, predicted_number = _parse_normalized(gold_text), _parse_normalized(predicted_text)
    if gold_number and predicted_number:
        return _equal_numbers(gold_number, predicted_number)
    gold_letter, predicted_letter = _option_letter(gold_text), _option_letter(predicted_text)
    if gold_letter and predicted_letter:
        return gold_letter == predicted_letter
    return _equal_texts(gold_text, predicted_text)


def _equal_numbers(gold: Number, predicted: Number) -> bool | None:
    if gold.unit and predicted.unit and gold.unit != predicted.unit:
        return None  # feet or inches, shell or shells
    values = {predicted.value}
    if gold.is_percent != predicted.is_percent:
        values.add(predicted.value / 100 if predicted.is_percent else predicted.value * 100)
    if gold.value in values:
        return True
    if not (gold.is_decimal or predicted.is_decimal):
        return False
    margin = Fraction(1, 10**5) * max(Fraction(1), abs(gold.value))
    return None if any(abs(gold.value - value) <= margin for value in values) else False


_OPTION = re.compile(r"\(?([A-Z])\)?")
_TEXT_COMMAND = re.compile(r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mbox|operatorname)\{([^{}]*)\}")
_WORDS = re.compile(r"[a-zA-Z][a-zA-Z' -]+")
_PLAIN_WORDS = frozenset(("yes", "no", "true", "false", "none", "even", "odd"))


def _option_letter(text: str) -> str | None:
    """The letter of a multiple-choice option: `C`, `(C)`, `\\text{(C)}`, `\\textbf{C}`."""
    match = _OPTION.fullmatch(_unwrap_text(text)[0])
    return match[1] if match else None


def _unwrap_text(text: str) -> tuple[str, bool]:
    """The content of an answer set as text, and whether it was."""
    match = _TEXT_COMMAND.fullmatch(text)
    return (normalize_answer(match[1]), True) if match else (text, False)


def _equal_texts(gold: str, predicted: str) -> bool | None:
    """Compare two words, which a symbolic comparison would take for products: "no" for n·o, equal to "on".

    Sure only about words: set as text, several of them, or a common one; `xy` may be a product.
    Words are compared without letter case.
    """
    (gold_text, is_gold_set), (predicted_text, is_predicted_set) = _unwrap_text(gold), _unwrap_text(predicted)
    if gold_text == predicted_text:
        return True
    is_set_as_text = is_gold_set or is_predicted_set
    is_word = is_set_as_text or " " in gold_text or gold_text.casefold() in _PLAIN_WORDS
    if not (is_word and _WORDS.fullmatch(gold_text) and _WORDS.fullmatch(predicted_text)):
        return None
    return gold_text.casefold() == predicted_text.casefold()

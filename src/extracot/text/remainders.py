"""What belongs to the result of a statement and stands behind it in words: `25 / 4 is 6 with a remainder of 1`.

Without its end such a statement is false, so the two are one span: the rest of a division (`7 R 2`, `and 1 left
over`), a fraction in words (`3 and a half`), a smaller unit (`14 weeks and 2 days`), a rounding (`6, rounded down`), a
modulus (`2 (mod 7)`).

Not covered: what follows in a sentence of its own (`25 / 4 = 6. The remainder is 1.`).
"""

import re
from typing import Final

from extracot.text.lexicon import UNITS_OF_MEASURE

_ONE_TO_TWELVE: Final = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_AMOUNT: Final = rf"(?:\\\(|\$)?[ ]?(?:\d[\d,]*(?:\.\d+)?(?:/\d+)?|{_ONE_TO_TWELVE})(?!\w)(?:[ ]?(?:\\\)|\$))?"
_WORD: Final = r"[A-Za-z]+"
_PARTS: Final = "half|third|quarter|fourth|fifth|sixth|eighth|tenth"
_UNIT: Final = "|".join(sorted((unit for unit in UNITS_OF_MEASURE if len(unit) > 1), key=len, reverse=True))

_NAMED: Final = (
    rf"(?:[ ]{_WORD}){{0,2}}?,?[ ]\(?(?:(?:with|and|plus|leaving|has|leaves)[ ])?(?:(?:a|the)[ ])?(?:remainder|rem\.?)"
    rf"(?:[ ](?:of|is)|[ ]?[:=])?[ ]?{_AMOUNT}\)?"
)
_LEFT: Final = (
    rf"(?:[ ]{_WORD}){{0,2}}?,?[ ]\(?(?:with|and|leaving)[ ]{_AMOUNT}(?:[ ](?!left|remain|over|to){_WORD}){{0,2}}"
    r"[ ](?:left(?:[ ]over)?|leftover|remaining|remains?|over|to[ ]spare)(?!\w)\)?"
)
_LETTER: Final = rf",?[ ]?\(?[Rr](?:[ ]?=)?[ ]?{_AMOUNT}\)?"
_FRACTION: Final = (
    rf"(?<!/\d)(?<!/\d\d)[ ]and[ ](?:(?:a|one|two|three)[ -](?:{_PARTS})s?(?!\w)|\d+/\d+(?![\w/])|[½¼¾⅓⅔](?!\w))"
)
_ROUNDED: Final = (
    r",?[ ]\(?(?:when[ ])?rounded(?:[ ](?:up|down|off))?(?:[ ]to[ ]the[ ](?:nearest|next)[ ][a-z]+)?\)?(?!\w)"
)
_MODULUS: Final = rf"[ ]?\((?:mod|modulo)[ ]{_AMOUNT}\)"
_SMALLER_UNIT: Final = rf"(?:,?[ ]and)?[ ]{_AMOUNT}[ ]?(?:{_UNIT})(?!\w)"

_BEHIND_AMOUNT: Final = re.compile(f"{_NAMED}|{_FRACTION}|{_ROUNDED}")
_BEHIND_FORMULA: Final = re.compile(f"{_NAMED}|{_FRACTION}|{_ROUNDED}|{_MODULUS}")
_BEHIND_QUOTIENT: Final = re.compile(f"{_NAMED}|{_LEFT}|{_LETTER}|{_FRACTION}|{_ROUNDED}|{_MODULUS}")
_BEHIND_UNIT: Final = re.compile(_SMALLER_UNIT)
_BEHIND_ALL: Final = re.compile(f"{_NAMED}|{_LEFT}|{_LETTER}|{_ROUNDED}|{_MODULUS}|{_SMALLER_UNIT}")

_DIVISION: Final = re.compile(r"[/÷⁄]|\\div(?![A-Za-z])|\\[dtc]?frac|\bdivided by\b")
_EQUALITY: Final = re.compile(r"[=≈≡]|\\approx|\b(?:is|gives|makes|yields|equals?)\b")
_ENDS_IN_UNIT: Final = re.compile(rf"\d[ ]?(?:{_UNIT})$")
_DIGITS: Final = re.compile(r"\d[\d,]*(?:\.\d+)?(?:/\d+)?")


def end_with_remainder(text: str, start: int, end: int, is_formula: bool) -> int:
    """Where the span [start, end) of a formula or quantity ends with what belongs to its result; mostly at `end`."""
    if text[end : end + 1] not in (" ", ",", "R", "r"):
        return end
    body = text[start:end]
    pattern = _BEHIND_AMOUNT
    if is_formula:
        pattern = _BEHIND_QUOTIENT if _states_quotient(body) else _BEHIND_FORMULA
    match = pattern.match(text, end)
    if match is None and is_formula and _ENDS_IN_UNIT.search(body):
        match = _BEHIND_UNIT.match(text, end)
    return end if match is None else match.end()


def _states_quotient(formula: str) -> bool:
    """Whether a sign of equality comes somewhere behind a division.

    In two searches: one pattern for both takes quadratic time where fractions repeat and nothing says what they make.
    """
    division = _DIVISION.search(formula)
    return division is not None and _EQUALITY.search(formula, division.end()) is not None


def split_remainder(statement: str) -> tuple[str, list[str]]:
    """A formula without what stands behind its result, and the numbers of that; a fraction in words stays.

    Args:
        statement: a formula as `end_with_remainder` bounds it, perhaps with punctuation behind it.
    """
    for match in _BEHIND_ALL.finditer(statement):
        if end_with_remainder(statement, 0, match.start(), is_formula=True) == match.end():
            rest = statement[: match.start()] + statement[match.end() :]
            return rest, _DIGITS.findall(match.group())
    return statement, []

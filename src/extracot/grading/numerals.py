"""Numbers that are written otherwise: with their base, with a modulus, with a word for their size."""

import re
from fractions import Fraction

from extracot.grading.values import Value, constant_value, equal_values

_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SCALE_WORD = "|".join(_SCALES)
_SCALE_AS_TEXT = re.compile(rf"(?<=[\d}}])\\(?:text|mathrm|mbox)\{{ ?({_SCALE_WORD})(?: ?\}}|( [^{{}}]*\}}))")
_SCALE = re.compile(rf"(?<=[\d}}]) ?({_SCALE_WORD})(?![a-z])")
_NUMERAL = re.compile(r"([0-9A-Za-z]+)_\{?(\d{1,2})\}?")
_RESIDUE = re.compile(r"(?:[a-zA-Z]\\equiv ?)?(.+?) ?\(?\\(?:pmod|bmod|mod) ?\{?(\d{1,9})\}?\)?")


def scaled_text(text: str) -> str:
    """`1.5 million dollars` as `1.5\\cdot10^{6} dollars`."""
    text = _SCALE_AS_TEXT.sub(lambda match: f" {match[1]}" + (rf"\text{{{match[2]}" if match[2] else ""), text)
    return _SCALE.sub(lambda match: rf"\cdot10^{{{_SCALES[match[1]]}}}", text)


def equal_numerals(gold: str, predicted: str) -> bool | None:
    """Whether two numbers are equal of which one or both are written with their base; None where neither is.

    With a base on both sides their values count; with one, the same digits or the same value will do.
    """
    matches = [_NUMERAL.fullmatch(text) for text in (gold, predicted)]
    if not any(match and re.search(r"\d", match[1]) for match in matches):
        return None
    values = [_value(match, text) for match, text in zip(matches, (gold, predicted), strict=True)]
    if values[0] is None or values[1] is None:
        return False if all(matches) else None
    if equal_values(values[0], values[1]):
        return True
    digits = [match[1] if match else text for match, text in zip(matches, (gold, predicted), strict=True)]
    return not all(matches) and digits[0] == digits[1]


def _value(numeral: re.Match[str] | None, text: str) -> Value | None:
    """The value of a numeral or of another answer; None where a digit does not belong to the base."""
    if numeral is None:
        return constant_value(text)
    try:
        return Fraction(int(numeral[1], int(numeral[2])))
    except ValueError:
        return None


def equal_residues(gold: str, predicted: str) -> bool | None:
    """Whether two residues are congruent, `19 \\pmod{12}` and `7`; None where neither names a modulus."""
    residues = [_residue(text) for text in (gold, predicted)]
    moduli = {modulus for _, modulus in residues if modulus}
    (gold_value, _), (predicted_value, _) = residues
    if not moduli or gold_value is None or predicted_value is None:
        return None
    if len(moduli) > 1:
        return False
    is_of_both = all(modulus is not None for _, modulus in residues)
    difference = gold_value - predicted_value
    return difference % moduli.pop() == 0 if is_of_both else difference == 0


def _residue(text: str) -> tuple[Fraction | None, int | None]:
    """The value of an answer, None where it is not rational, and the modulus that stands behind it."""
    match = _RESIDUE.fullmatch(text)
    value = constant_value(match[1] if match else text)
    return value if isinstance(value, Fraction) else None, int(match[2]) if match else None

"""Units behind a number, currency signs before it.

Units that measure the same are converted exactly: 50 mm is 5 cm. Those that do not (m and m^2) make two answers
different. A unit that only one answer has is not compared, and neither are units that are not in the table
(`18 shells`). Degrees are also an angle in radians.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from extracot.grading.values import Value, constant_value, divide, equal_values, multiply
from extracot.text.answers import NUMBER_WORD


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement."""

    dimension: frozenset[tuple[str, int]]
    """What it measures, as powers of base dimensions."""
    factor: Fraction
    """How many of the base units it is."""
    is_known: bool
    """It is in the table; else the word itself is its dimension."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An answer and its unit."""

    body: str
    unit: Unit | None


_INCH = Fraction(254, 10_000)
_POUND = Fraction(45_359_237, 100_000)
_TABLE: Mapping[str, tuple[str, Fraction]] = {
    name: (dimension, factor)
    for dimension, units in {
        "length": {
            "mm millimeter millimetre": Fraction(1, 1000),
            "cm centimeter centimetre": Fraction(1, 100),
            "dm decimeter decimetre": Fraction(1, 10),
            "m meter metre": Fraction(1),
            "km kilometer kilometre": Fraction(1000),
            "in inch inches": _INCH,
            "ft foot feet": 12 * _INCH,
            "yd yard": 36 * _INCH,
            "mi mile": 63_360 * _INCH,
        },
        "mass": {
            "mg milligram": Fraction(1, 1000),
            "g gram": Fraction(1),
            "kg kilogram": Fraction(1000),
            "oz ounce": _POUND / 16,
            "lb pound": _POUND,
        },
        "time": {
            "s sec second": Fraction(1),
            "min minute": Fraction(60),
            "h hr hour": Fraction(3600),
            "day": Fraction(86_400),
            "week": Fraction(604_800),
        },
        "length^3": {"ml milliliter millilitre": Fraction(1, 10**6), "l liter litre": Fraction(1, 1000)},
        "dollars": {"cent ¢": Fraction(1, 100), "dollar usd $": Fraction(1)},
        "euros": {"euro eur €": Fraction(1)},
        "yen": {"yen jpy ¥": Fraction(1)},
        "angle": {"degree deg °": Fraction(1)},
        "arc": {"radian rad": Fraction(1)},
        "celsius": {"celsius": Fraction(1)},
        "fahrenheit": {"fahrenheit": Fraction(1)},
    }.items()
    for names, factor in units.items()
    for name in names.split()
}
_PHRASES = {"mph": "mile/hour", "kph": "km/hour", "kmh": "km/hour"}
_TEXT = r"\\(?:text|textrm|textbf|textnormal|mathrm|mbox|operatorname|rm)"
_TEMPERATURE = re.compile(rf"\^?\\(?:circ|degree) ?(?:{_TEXT}\{{ ?)?([CF])\}}?$")
_DEGREES = re.compile(r"(?:\^\\circ|\\circ|\\degree)$")
_OF_ANGLE = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])")
"""The degrees of `\\sin 30^\\circ` are no unit of the answer."""
_SET_AS_TEXT = re.compile(rf"((?:[/·]?{_TEXT}\{{[^{{}}\d]*\}}(?:\^\{{?-?\d\}}?)?)+)$")
_BARE = re.compile(r"(?:(?<=[\d})!])|(?<=[\d})!]) )([a-zA-Z¢]+(?:\^\d)?(?:(?: ?/ ?| )[a-zA-Z]+(?:\^\d)?)*)$")
_CURRENCY = re.compile(r"(?:\\?\$|[€£¥]) ?(?=[\d.-])")
_FACTOR = re.compile(r"(?:(square|sq|cubic|cu)\.? )?(.+?)(?:\^\{?(-?\d)\}?| ?(squared|cubed))?")


def read_currency(answer: str) -> Unit | None:
    """The currency that stands before the number of an answer as it was written; None without one."""
    match = _CURRENCY.match(answer.strip().lstrip("-(\\ "))
    sign = match[0].strip("\\ ") if match else ""
    is_delimiter = sign == "$" and answer.strip().count("$") % 2 == 0 and "\\$" not in answer
    return _unit(sign) if sign and not is_delimiter else None


def read_quantity(text: str, currency: Unit | None = None) -> Quantity:
    """Take the unit off an answer.

    Args:
        text: in the one spelling of `text.answers.normalize_answer`.
        currency: what `read_currency` found, the unit where no other is written.
    """
    text = text.lstrip("€£¥").strip()
    if (match := _TEMPERATURE.search(text)) and match.start():
        return Quantity(text[: match.start()], _unit({"C": "celsius", "F": "fahrenheit"}[match[1]]))
    if (match := _DEGREES.search(text)) and match.start() and not _OF_ANGLE.search(text):
        return Quantity(text[: match.start()], _unit("degree"))
    if (match := _SET_AS_TEXT.search(text)) and match.start():
        words = re.sub(rf"{_TEXT}\{{ ?([^{{}}]*?) ?\}}", r" \1", match[1])
    elif match := _BARE.search(text):
        words = match[1]
        if not _is_bare_unit(words, is_apart=text[match.start() - 1 : match.start() + 1].find(" ") >= 0):
            return Quantity(text, currency)
    else:
        return Quantity(text, currency)
    body, unit = text[: match.start()].strip(), _unit(words)
    if unit is None or NUMBER_WORD.search(words.casefold()):
        return Quantity(text, currency)
    if not unit.is_known and not _is_number(body):
        return Quantity(text, currency)
    return Quantity(body, unit)


def _is_number(text: str) -> bool:
    return constant_value(text) is not None


def _is_bare_unit(words: str, is_apart: bool) -> bool:
    """Whether letters behind a number are a unit and no variables: known, and alone only with a blank before them."""
    unit = _unit(words)
    if unit is None:
        return False
    n_letters = len(words.split("/")[0].split("^")[0])
    return (unit.is_known and (n_letters > 1 or is_apart)) or (is_apart and n_letters > 2)


def _unit(words: str) -> Unit | None:
    """The unit that words name, `miles per hour` or `km/h^2`; None for what is no name."""
    words = " ".join(words.replace("·", " ").replace(".", "").split())
    words = words.casefold()
    words = _PHRASES.get(words, words).replace(" per ", "/").replace(" / ", "/")
    powers: dict[str, int] = {}
    factor, is_known = Fraction(1), True
    for index, name in enumerate(words.split("/")):
        match = _FACTOR.fullmatch(name.strip())
        if match is None or not re.fullmatch(r"[a-z$€£¥¢°' -]+", match[2]):
            return None
        power = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}.get(match[1] or "", 1)
        power *= int(match[3] or {"squared": 2, "cubed": 3}.get(match[4] or "", 1))
        power = -power if index else power
        dimension, size = _look_up(match[2].strip())
        is_known = is_known and size is not None
        dimension, _, cubed = dimension.partition("^")
        powers[dimension] = powers.get(dimension, 0) + power * int(cubed or "1")
        factor *= (size or Fraction(1)) ** power
    return Unit(frozenset(powers.items()), factor, is_known)


def _look_up(name: str) -> tuple[str, Fraction | None]:
    singular = name.removesuffix("s") if len(name) > 2 else name
    return _TABLE.get(name) or _TABLE.get(singular) or (singular, None)


def equal_units(gold: Unit, predicted: Unit) -> bool | None:
    """Whether two units measure the same; None where one is not in the table."""
    if gold.dimension == predicted.dimension:
        return True
    return False if gold.is_known and predicted.is_known else None


def equal_converted(gold: Quantity, predicted: Quantity) -> bool | None:
    """Whether two quantities of one dimension are equal; None where a body is no constant."""
    values = constant_value(gold.body), constant_value(predicted.body)
    if values[0] is None or values[1] is None or gold.unit is None or predicted.unit is None:
        return None
    return equal_values(multiply(values[0], gold.unit.factor), multiply(values[1], predicted.unit.factor))


def in_radians(quantity: Quantity) -> Value | None:
    """The angle that an answer in degrees says; None for any other answer."""
    if quantity.unit != _unit("degree") or (value := constant_value(quantity.body)) is None:
        return None
    pi = constant_value(r"\pi")
    return divide(multiply(value, pi), Fraction(180))

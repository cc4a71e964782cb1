"""Answers that are no formulas: words, letters of options, times of day, ratios."""

import re
from fractions import Fraction

from extracot.grading.values import constant_value, divide, equal_values
from extracot.text.answers import normalize_answer

_TEXT = r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mbox|operatorname)"
_SET_AS_TEXT = re.compile(rf"{_TEXT}\{{([^{{}}]*)\}}")
_WORDS = re.compile(r"[a-zA-Z][a-zA-Z' -]*")
_PLAIN_WORDS = frozenset(("yes", "no", "true", "false", "none", "even", "odd", "dne"))
_LETTER = re.compile(r"\(([A-Ja-j])\)[.:]?|([A-J])[).:]?")
_LETTER_WITH_CONTENT = re.compile(r"(?:\(([A-J])\)[.:]?|([A-J])(?:\)|\.(?!\d)))[ \\]?[^,;)].*", re.DOTALL)
_LONG_WORD = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{3,}")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d(?::\d\d)?)(?: ?([ap])\.? ?m\.?)?", re.IGNORECASE)
_RATIO = re.compile(r"([^:]+):([^:]+)")
_NO_SOLUTION = frozenset(
    (r"\emptyset", r"\varnothing", r"\{\}", "no solution", "no solutions", "no real solution", "no real solutions", "∅")
)
_UNDEFINED = frozenset(("undefined", "dne", "does not exist", "not defined"))
_LETTERS_OF_A_WORD = 4


def plain_text(text: str) -> str:
    """The words of an answer that is set as text, whole or in parts; any other answer as it is."""
    match = _SET_AS_TEXT.fullmatch(text)
    if match is not None:
        return normalize_answer(match[1])
    bare = _SET_AS_TEXT.sub(r" \1 ", text)
    return normalize_answer(bare) if bare != text and _WORDS.fullmatch(normalize_answer(bare)) else text


def is_words(text: str) -> bool:
    """Whether an answer is words and no product of letters: set as text, several, common, or long ones."""
    words = plain_text(text)
    if not _WORDS.fullmatch(words):
        return False
    return words != text or " " in words or words.casefold() in _PLAIN_WORDS or len(words) >= _LETTERS_OF_A_WORD


def equal_words(gold: str, predicted: str) -> bool | None:
    """Whether two answers are the same words, whatever their case; None where neither is sure to be words."""
    texts = plain_text(gold).casefold(), plain_text(predicted).casefold()
    for synonyms in (_NO_SOLUTION, _UNDEFINED):
        if texts[0] in synonyms and texts[1] in synonyms:
            return True
    if not (is_words(gold) or is_words(predicted)):
        return None
    if not all(map(_WORDS.fullmatch, texts)):
        return None
    return texts[0].rstrip(".") == texts[1].rstrip(".")


def number_against_sentence(gold: str, predicted: str) -> bool | None:
    """Different, where one is a number and the other several numbers among words: `5` and `5 apples and 3 pears`."""
    for one, other in ((gold, predicted), (predicted, gold)):
        word = _LONG_WORD.search(other)
        has_numbers_around = word and re.search(r"\d", other[: word.start()]) and re.search(r"\d", other[word.end() :])
        if has_numbers_around and constant_value(one) is not None:
            return False
    return None


def equal_options(gold: str, predicted: str) -> bool | None:
    """Whether two answers are the same option: `C`, `(C)`, `(c)`, `C. 12`, `\\text{(C)}\\ 12`; None where one is none.

    A bare small letter is a variable; a letter and what it stands for is told by a bracket or a full stop.
    """
    letters = _option(gold), _option(predicted)
    if letters[0] is None or letters[1] is None:
        return None
    return letters[0] == letters[1]


def _option(text: str) -> str | None:
    text = normalize_answer(_SET_AS_TEXT.sub(r" \1 ", text))
    match = _LETTER.fullmatch(text) or _LETTER_WITH_CONTENT.fullmatch(text)
    return next(letter for letter in match.groups() if letter).upper() if match else None


def is_option(text: str) -> bool:
    """Whether an answer is written as an option of a multiple choice."""
    return _option(text) is not None


def equal_clock_times(gold: str, predicted: str) -> bool | None:
    """Whether two times of day are the same; None where one is none. `a.m.` and `p.m.` count where both have them."""
    times = [_read_clock(text) for text in (gold, predicted)]
    if times[0] is None or times[1] is None or int(times[0][1]) > 24 or int(times[1][1]) > 24:
        return None
    is_same_hand = (int(times[0][1]), times[0][2]) == (int(times[1][1]), times[1][2])
    halves = {time[3].casefold() for time in times if time and time[3]}
    return is_same_hand and len(halves) < 2


def _read_clock(text: str) -> re.Match[str] | None:
    return _CLOCK.fullmatch(_SET_AS_TEXT.sub(r" \1", text).strip())


def is_clock_time(text: str) -> bool:
    """Whether an answer may be a time of day."""
    return _read_clock(text) is not None


def equal_ratios(gold: str, predicted: str) -> bool | None:
    """Whether two ratios are equal, `3:4` and `6:8` or `3/4`; None where neither is a ratio.

    What looks like a time of day on both sides has been compared as one before.
    """
    if ":" not in gold + predicted:
        return None
    values = [_ratio(text) for text in (gold, predicted)]
    return None if values[0] is None or values[1] is None else equal_values(values[0], values[1])


def _ratio(text: str) -> object:
    match = _RATIO.fullmatch(text)
    if match is None:
        return constant_value(text)
    parts = constant_value(match[1]), constant_value(match[2])
    if parts[0] is None or parts[1] is None or equal_values(parts[1], Fraction(0)):
        return None
    return divide(parts[0], parts[1])

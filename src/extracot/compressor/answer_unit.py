"""Where a chain of thought states its final answer.

Purely by spelling: `1,200` states 1200 and `\\dfrac12` does not state 0.5. Whether an answer is right is for
`grading/` to say; here a miss costs one unit that is not forced to stay.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

# Every alternative of these begins with a plain character, which `re` finds many times faster than a condition.
_MARKUP = re.compile(
    r"\\[!,;: $]|\\left(?![a-z])|\\right(?![a-z])|\$|,(?<=\d,)(?=\d{3}(?!\d))|\{,\}(?<=\d\{,\})(?=\d{3}(?!\d))"
)
_TEXT_MACRO = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}")
_BLANK_BESIDE_SIGN = re.compile(r" (?:(?<![^\W_] )(?<!\. )|(?<=\. )(?!\d)|(?![^\W_]))")
"""In a text of single blanks; but for that of `is 15. 63 minus`, which would become a decimal number."""


def states_answer(text: str, answer: str) -> bool:
    """Whether the answer stands in the text, as a whole number or word and not as a part of a longer one.

    White space, `$`, thousands separators and LaTeX spacing do not count; case does not either.
    """
    pattern = _statement_pattern(answer)
    return pattern is not None and pattern.search(_compact(text)) is not None


def find_answer_unit(unit_texts: Sequence[str], scores: Sequence[float], answer: str | None) -> int | None:
    """The unit that a compression must not lose.

    Args:
        unit_texts: [U].
        scores: [U] importance of the units.
        answer: gold answer; None or "" where it is unknown.

    Returns:
        The last unit with a `\\boxed`; else, of the units that state the answer, the best scored one and of
        equally good ones the last (a later check often repeats the value without defining it); else None.
    """
    boxed = [unit for unit, text in enumerate(unit_texts) if "\\boxed" in text]
    if boxed:
        return boxed[-1]
    if not answer:
        return None
    stating = [unit for unit, text in enumerate(unit_texts) if states_answer(text, answer)]
    return max(stating, key=lambda unit: (scores[unit], unit), default=None)


@lru_cache(maxsize=1024)
def _statement_pattern(answer: str) -> re.Pattern[str] | None:
    """What finds the answer in a compact text; None for an answer without content."""
    needle = _compact(answer)
    if not needle:
        return None
    before = r"(?<![^\W_])(?<!\d\.)" if needle[0].isalnum() else ""
    after = r"(?![^\W_])(?!\.0*[1-9])" if needle[-1].isalnum() else ""
    return re.compile(before + re.escape(needle) + after)


def _compact(text: str) -> str:
    # One blank between words, else `9 $ holds`, without its `$`, would lose both of its blanks.
    spaced = " ".join(_MARKUP.sub("", _TEXT_MACRO.sub(r"\1", text)).split())
    plain = _BLANK_BESIDE_SIGN.sub("", spaced)
    return plain.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").casefold()

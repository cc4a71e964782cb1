"""Where a chain of thought states its final answer.

By spelling (`1,200` states 1200, `\\dfrac12` does not state 0.5), and of boxes by value where text rules decide it.
Whether an answer is right is for `grading/` to say; here a miss costs one unit that is not forced to stay.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from extracot.text.answers import equal_fast, last_boxed

# Every alternative of these begins with a plain character, which `re` finds many times faster than a condition.
_MARKUP = re.compile(
    r"\\[!,;: $]|\\left(?![a-z])|\\right(?![a-z])|\$|,(?<=\d,)(?=\d{3}(?!\d))|\{,\}(?<=\d\{,\})(?=\d{3}(?!\d))"
)
_TEXT_MACRO = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}")
_BLANK_BESIDE_SIGN = re.compile(r" (?:(?<![^\W_] )(?<!\. )|(?<=\. )(?!\d)|(?![^\W_]))")
"""In a text of single blanks; but for that of `is 15. 63 minus`, which would become a decimal number."""
_FILLED_BOX = re.compile(r"\\boxed\s*(?:\{\s*[^\s}]|[^\s{])")
"""Not the `\\boxed{}` of "I should put that in a \\boxed{}."."""
_ANNOUNCEMENT = re.compile(
    r"(?:####|\banswers?\b[^.!?\n]{0,80}?(?:\b(?:is|are|be)\b|[:=])|\bfinal answer[*_: ]*\n)"
    r"[^\w\\]{0,40}(?:\\[(\[]\s*)?[\w\\]",
    re.IGNORECASE,
)
"""Up to the first character of what is announced: `the answer to this is **4`, `Answer: \\( x`, `#### 4`."""


def states_answer(text: str, answer: str) -> bool:
    """Whether the answer stands in the text, as a whole number or word and not as a part of a longer one.

    White space, `$`, thousands separators and LaTeX spacing do not count; case does not either.
    """
    pattern = _statement_pattern(answer)
    return pattern is not None and pattern.search(_compact(text)) is not None


def gives_answer(text: str, answer: str) -> bool:
    """Whether an answer is what the text comes to: its last box, else whatever it states.

    The box counts where text rules can tell whether it is the answer (`1/2` is 0.5, 12 is not 13). Where they cannot,
    as for `E` and `\\text{east}`, and without a box, it is enough that the answer stands somewhere.
    """
    box = last_boxed(text)
    is_box = equal_fast(answer, box) if box and answer.strip() else None
    return states_answer(text, answer) if is_box is None else is_box


def find_answer_units(unit_texts: Sequence[str], scores: Sequence[float], answer: str | None) -> frozenset[int]:
    """The units that a compression must not lose.

    Args:
        unit_texts: [U], tiling the text.
        scores: [U] importance of the units.
        answer: gold answer; None or "" where it is unknown.

    Returns:
        The last unit with a `\\boxed`, and, where text rules cannot tell whether that box is the answer, also the unit
        that states the answer. Without a box the latter alone: of the units that state the answer the best scored one
        and of equally good ones the last (a later check often repeats the value without defining it). Where no unit
        does, or the answer is unknown, the one behind the last `answer is`, `Answer:` or `####`. Else none.
    """
    boxed = [unit for unit, text in enumerate(unit_texts) if _FILLED_BOX.search(text)]
    stating = _best_statement(unit_texts, scores, answer) if answer else None
    if not boxed:
        found = stating if stating is not None else _concluding_unit(unit_texts)
    else:
        box = last_boxed(unit_texts[boxed[-1]])
        is_clear = not (answer and box) or equal_fast(answer, box) is not None
        found = None if is_clear else stating
    return frozenset(boxed[-1:]) | frozenset(() if found is None else (found,))


def _best_statement(unit_texts: Sequence[str], scores: Sequence[float], answer: str) -> int | None:
    stating = [unit for unit, text in enumerate(unit_texts) if states_answer(text, answer)]
    return max(stating, key=lambda unit: (scores[unit], unit), default=None)


def _concluding_unit(unit_texts: Sequence[str]) -> int | None:
    """The unit in which what stands behind the last announcement of an answer begins."""
    announced = [match.end() - 1 for match in _ANNOUNCEMENT.finditer("".join(unit_texts))]
    ends = list(accumulate(map(len, unit_texts)))
    return bisect_right(ends, announced[-1]) if announced else None


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

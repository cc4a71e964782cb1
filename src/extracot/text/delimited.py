"""Spans that the author marked: code, LaTeX delimiters, environments, boxes.

Every search is a look-up in a sorted list of positions, so the scan is linear in the text (times a logarithm)
whatever is unbalanced in it. Offsets always index the text as given: nothing is normalised.

Not covered: maths that nothing marks (`plain_maths`), MathML, HTML.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

from extracot.text.lexicon import FUNCTIONS, STOP_WORDS, UNITS_OF_MEASURE, word_set


@dataclass(frozen=True, slots=True)
class DelimitedSpan:
    """A half-open character range that its author fenced off."""

    start: int
    end: int
    is_code: bool


# How far a closing delimiter is looked for, in characters. A longer stretch is a lost delimiter, not a
# formula.
MAX_INLINE_CHARS: Final = 1_000
MAX_DISPLAY_CHARS: Final = 6_000
MAX_CODE_CHARS: Final = 400

_ENVIRONMENTS: Final = word_set(
    """
    equation align aligned alignat alignedat gather gathered multline cases split array matrix pmatrix
    bmatrix Bmatrix vmatrix Vmatrix smallmatrix eqnarray flalign tabular math displaymath
    """
)

# `\\` and escaped characters come first: they are eaten as a pair, so `\\[2pt]` opens nothing and `\$5` is
# money.
_EVENT = re.compile(
    r"(?P<escaped>\\\\|\\[$%{}_&#`])"
    r"|\\begin\{(?P<begin>[A-Za-z]+\*?)\}"
    r"|\\end\{(?P<end>[A-Za-z]+\*?)\}"
    r"|(?P<box>\\(?:boxed|fbox)[ ]?(?=\{))"
    r"|(?P<round_open>\\\()|(?P<round_close>\\\))|(?P<square_open>\\\[)|(?P<square_close>\\\])"
    r"|(?P<double_dollar>\$\$)|(?P<dollar>\$)|(?P<ticks>`+)|(?P<brace_open>\{)|(?P<brace_close>\})"
    r"|(?P<blank>\n[ \t]*(?=\n))"
)
_FENCE = re.compile(r"^[ \t]*(?P<mark>```+|~~~+)[ \t]*(?P<info>[^`\n]*)$", re.MULTILINE)
_TEXT_COMMAND = re.compile(r"\\(?:text\w*|math\w+|mbox|operatorname)\*?[ ]?\{[^{}]*\}")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD_RUN = re.compile(r"[A-Za-z]{2,}(?:[ \t\n]+[A-Za-z]{2,})*")
_STARTS_AS_AMOUNT = re.compile(r"\s*[-+]?[\d.]")
_DANGLING = re.compile(r"(?:[-+*/=<>×÷·(\[−]|\\(?:times|cdot|div|pm|le|ge|leq|geq|neq|approx|equiv))\s*$")
_ONLY_OPERATOR = re.compile(r"\s*(?:[-+*/=<>×÷·−±≤≥≠≈]|\\[A-Za-z]+)\s*")


def matching_braces(text: str) -> dict[int, int]:
    """Pair the unescaped braces of `text`: position of each `{` that closes -> position of its `}`."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for match in re.finditer(r"\\[\\{}]|[{}]", text):
        token = match.group()
        if token == "{":
            stack.append(match.start())
        elif token == "}" and stack:
            pairs[stack.pop()] = match.start()
    return pairs


def delimited_spans(text: str) -> list[DelimitedSpan]:
    """Find fenced and inline code, `$…$`, `$$…$$`, `\\(…\\)`, `\\[…\\]`, maths environments and `\\boxed{…}`.

    The outermost span wins; an opener whose closer is missing, too far, or shadowed by a second opener of its
    kind is plain text. A `$` pairs only when what lies between reads as maths, so currency never does.

    Returns:
        Disjoint spans in order of their start.
    """
    fences = _fences(text)
    events = [(m.start(), m.end(), str(m.lastgroup), m) for m in _EVENT.finditer(text)]
    positions: dict[str, list[int]] = {}
    ticks_by_length: dict[int, list[int]] = {}
    for start, end, name, _ in events:
        positions.setdefault(name, []).append(start)
        if name == "ticks":
            ticks_by_length.setdefault(end - start, []).append(start)
    braces = matching_braces(text) if "box" in positions else {}
    environments = _environment_pairs(events)

    def after(name: str, position: int) -> int | None:
        found = positions.get(name, [])
        index = bisect_right(found, position)
        return found[index] if index < len(found) else None

    def close(start: int, opener: str, closer: str, limit: int, may_hold_blank_line: bool) -> int | None:
        end = after(closer, start)
        if end is None or end - start > limit:
            return None
        for barrier in (opener,) if may_hold_blank_line else (opener, "blank"):
            position = after(barrier, start) if barrier != closer else None
            if position is not None and position < end:
                return None
        return end

    spans: list[DelimitedSpan] = []
    next_fence = 0
    free_from = 0
    for start, end, name, _ in events:
        while next_fence < len(fences) and fences[next_fence].start <= start:
            fence = fences[next_fence]
            next_fence += 1
            if fence.start >= free_from:
                spans.append(fence)
                free_from = fence.end
        if start < free_from:
            continue
        stop: int | None = None
        is_code = False
        if name == "round_open":
            stop = close(start, name, "round_close", MAX_INLINE_CHARS, False)
            stop = None if stop is None else stop + 2
        elif name == "square_open":
            stop = close(start, name, "square_close", MAX_DISPLAY_CHARS, True)
            stop = None if stop is None else stop + 2
        elif name == "double_dollar":
            stop = close(start, name, name, MAX_DISPLAY_CHARS, True)
            stop = None if stop is None or not _reads_as_display(text[end:stop]) else stop + 2
        elif name == "dollar":
            stop = close(start, name, name, MAX_INLINE_CHARS, False)
            stop = None if stop is None or not _reads_as_inline(text, start, stop) else stop + 1
        elif name == "begin":
            stop = environments.get(start)
        elif name == "box":
            brace = braces.get(end)
            stop = None if brace is None or brace - start > MAX_INLINE_CHARS else brace + 1
        elif name == "ticks":
            same = ticks_by_length[end - start]
            index = bisect_right(same, start)
            if (
                index < len(same)
                and same[index] - start <= MAX_CODE_CHARS
                and "\n" not in text[end : same[index]]
            ):
                stop, is_code = same[index] + (end - start), True
        if stop is not None:
            spans.append(DelimitedSpan(start, stop, is_code))
            free_from = stop
    spans.extend(fence for fence in fences[next_fence:] if fence.start >= free_from)
    return spans


def _fences(text: str) -> list[DelimitedSpan]:
    """Fenced blocks, closed ones only; a block marked `math` counts as a formula."""
    spans: list[DelimitedSpan] = []
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = match
        elif match["mark"].startswith(opened["mark"]) and not match["info"].strip():
            is_code = opened["info"].strip().lower() != "math"
            spans.append(DelimitedSpan(opened.start("mark"), match.end("mark"), is_code))
            opened = None
    return spans


def _environment_pairs(events: list[tuple[int, int, str, re.Match[str]]]) -> dict[int, int]:
    """Start of each maths environment that closes -> end of its `\\end{…}`."""
    pairs: dict[int, int] = {}
    stacks: dict[str, list[int]] = {}
    for start, end, name, match in events:
        if name == "begin":
            stacks.setdefault(match["begin"], []).append(start)
        elif name == "end" and stacks.get(match["end"]):
            opened = stacks[match["end"]].pop()
            if match["end"].rstrip("*") in _ENVIRONMENTS and end - opened <= MAX_DISPLAY_CHARS:
                pairs[opened] = end
    return pairs


def _prose_runs(content: str) -> list[list[str]]:
    """Runs of plain words in a candidate formula, without LaTeX commands and their text arguments."""
    plain = _COMMAND.sub("\\\\", _TEXT_COMMAND.sub("\\\\", content))
    return [run.split() for run in _WORD_RUN.findall(plain)]


def _reads_as_display(content: str) -> bool:
    return bool(content.strip()) and all(len(run) < 4 for run in _prose_runs(content))


def _reads_as_inline(text: str, opening: int, closing: int) -> bool:
    """Whether the `$` at `opening` and the `$` at `closing` enclose a formula rather than two prices.

    A formula's dollars hug their content on both sides or on neither, no digit touches them from outside, and
    the content ends in no open operation and reads as no prose. Tried first: pandoc's rule alone (no space
    inside the dollars), which refuses `$ x = 3 $`, a spelling that models use.
    """
    content = text[opening + 1 : closing]
    if not content.strip():
        return False
    before, behind = text[opening - 1 : opening], text[closing + 1 : closing + 2]
    if before in tuple("0123456789") or behind in tuple("0123456789"):
        return False
    if _ONLY_OPERATOR.fullmatch(content):
        return True
    if _DANGLING.search(content):
        return False
    is_amount = _STARTS_AS_AMOUNT.match(content) is not None
    has_markup = _COMMAND.search(content) is not None or "^" in content or "_" in content
    if content[0].isspace() != content[-1].isspace() and not has_markup:
        return False
    if is_amount and content.rstrip()[-1] in ",;:." and not has_markup:
        return False
    runs = _prose_runs(content)
    words = [word.lower() for run in runs for word in run]
    if any(word in STOP_WORDS for word in words):
        return False
    if is_amount:
        plain = _COMMAND.sub("\\\\", _TEXT_COMMAND.sub("\\\\", content))
        loose = re.findall(r"(?:^|\s)([A-Za-z]{2,})(?=\s|$|[,.;])", plain)
        return all(word.lower() in FUNCTIONS or word.lower() in UNITS_OF_MEASURE for word in loose)
    return all(len(run) == 1 or (len(run) == 2 and ("=" in content or run[0] in FUNCTIONS)) for run in runs)

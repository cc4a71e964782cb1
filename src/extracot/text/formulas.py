"""The spans of a text that may be kept or dropped but never cut: formulas, quantities, code.

Source: METHOD section 2.1. The reference implementation protects delimited LaTeX only, pairs currency signs,
joins `\\[ a \\] text \\[ b \\]` and normalises the text first, which shifts every offset behind a ligature or
an ellipsis.
"""

from dataclasses import dataclass
from enum import StrEnum

from extracot.text.delimited import delimited_spans
from extracot.text.plain_maths import plain_spans
from extracot.text.remainders import end_with_remainder


class SpanKind(StrEnum):
    """What an indivisible span holds."""

    FORMULA = "formula"
    NUMBER = "number"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class AtomicSpan:
    """A half-open character range that is never cut."""

    start: int
    end: int
    kind: SpanKind


def atomic_spans(text: str) -> list[AtomicSpan]:
    """All formulas, quantities and code of `text`: disjoint, in order, in time linear in the text."""
    delimited = delimited_spans(text)
    spans = [
        AtomicSpan(span.start, span.end, SpanKind.FORMULA if span.is_formula else SpanKind.NUMBER)
        for span in plain_spans(text, delimited)
    ]
    spans += [AtomicSpan(span.start, span.end, SpanKind.CODE) for span in delimited if span.is_code]
    return _with_remainders(text, sorted(spans, key=lambda span: span.start))


def _with_remainders(text: str, spans: list[AtomicSpan]) -> list[AtomicSpan]:
    """The spans, each with what belongs to its result; whole spans in there go into it, none is parted."""
    whole: list[AtomicSpan] = []
    k = 0
    while k < len(spans):
        span = spans[k]
        k += 1
        if span.kind is not SpanKind.CODE:
            end = end_with_remainder(text, span.start, span.end, span.kind is SpanKind.FORMULA)
            behind = k
            while behind < len(spans) and spans[behind].end <= end:
                behind += 1
            if behind < len(spans) and spans[behind].start < end and spans[behind].kind is SpanKind.NUMBER:
                end = spans[behind].end  # `and 1/2 hours`
                behind += 1
            if end > span.end and (behind == len(spans) or spans[behind].start >= end):
                span = AtomicSpan(span.start, end, span.kind)
                k = behind
        whole.append(span)
    return whole


def formula_spans(text: str) -> list[tuple[int, int]]:
    """The formulas of `text` as half-open character ranges: disjoint, in order."""
    return [(span.start, span.end) for span in atomic_spans(text) if span.kind is SpanKind.FORMULA]

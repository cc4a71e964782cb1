"""Which traces and which compressions are good enough to learn from.

Every filter is a named rule that says yes (drop it) or no, so that a run can say how many each one took.
Rules are asked in the order of their table and the first that says yes gets the count. Text is never
repaired: repairing punctuation in mathematics changes the mathematics.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from extracot.records.annotation import Annotation
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.answers import last_boxed
from extracot.text.control import CONTROL_TOKEN
from extracot.text.repetition import RepetitionLimits, is_degenerate
from extracot.text.think import THINK_END, THINK_START

Span = tuple[int, int]
"""Half-open character offsets."""


class TraceFilter(StrEnum):
    """Why a trace is not used at all."""

    NOT_CORRECT = "not_correct"
    """Its answer is wrong, missing, cut off or could not be graded."""
    NO_BOXED_ANSWER = "no_boxed_answer"
    """Right, but the answer is not in a box after the think block, where the model shall learn to put it."""
    UNCLOSED_THINK = "unclosed_think"
    """The model did not close its think block."""
    EMPTY_THINK = "empty_think"
    """There is nothing in the think block to compress."""
    TAG_IN_TEXT = "tag_in_text"
    """A think tag or a control token stands in the text itself, so the example could not be taken apart
    again."""
    TOO_SHORT = "too_short"
    """Fewer think tokens than the limit."""
    TOO_LONG = "too_long"
    """More think tokens than the limit."""
    PROMPT_TOO_LONG = "prompt_too_long"
    """More prompt tokens than the limit."""
    IN_EVALUATION_SET = "in_evaluation_set"
    """Its question is one that the model will be evaluated on."""
    DEGENERATE_REPETITION = "degenerate_repetition"
    """It loops."""
    DUPLICATE_QUESTION = "duplicate_question"
    """An earlier trace that was kept answers the same question."""


class CompressionFilter(StrEnum):
    """Why a compression of a good trace is not used."""

    MISSING = "compression_missing"
    """Nobody compressed this trace to this ratio."""
    FAILED = "compression_failed"
    """The compressor could not do it, or left nothing."""
    RATIO_OFF_TARGET = "ratio_off_target"
    """Its length strays too far from what its control token will promise."""
    FORMULA_BROKEN = "formula_broken"
    """It keeps a part of a formula."""
    ANSWER_LOST = "answer_lost"
    """The whole trace states the gold answer, and the compression does not."""
    CHAIN_CUT = "chain_cut"
    """It drops a formula that the annotation calls needed, so the answer no longer follows from what is
    left."""


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """The limits of the rules on traces; tokens are the target model's."""

    min_think_tokens: int
    max_think_tokens: int
    max_prompt_tokens: int
    requires_box: bool
    repetition: RepetitionLimits
    """Counted in words of the chain of thought."""


class MeasuredTrace:
    """A trace with its token counts, counted when first asked for: cheaper rules drop most traces."""

    def __init__(
        self, trace: Trace, count_tokens: Callable[[str], int], render_prompt: Callable[[str], str]
    ) -> None:
        self.trace = trace
        self._count_tokens = count_tokens
        self._render_prompt = render_prompt

    @cached_property
    def n_think_tokens(self) -> int:
        """Tokens of the chain of thought, in the target model's tokenizer, whatever the trace's own says."""
        return self._count_tokens(self.trace.cot)

    @cached_property
    def n_prompt_tokens(self) -> int:
        """Tokens of the prompt as rendered, control token included."""
        return self._count_tokens(self._render_prompt(self.trace.question))


TraceRule = Callable[[MeasuredTrace, TraceLimits], bool]


def is_not_correct(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return measured.trace.outcome is not Outcome.CORRECT


def has_no_boxed_answer(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return limits.requires_box and not last_boxed(measured.trace.response)


def is_unclosed(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return not measured.trace.is_closed


def is_empty(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return not measured.trace.cot.strip()


def holds_tags(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    text = measured.trace.cot + measured.trace.response
    return THINK_START in text or THINK_END in text or CONTROL_TOKEN.search(text) is not None


def is_too_short(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return measured.n_think_tokens < limits.min_think_tokens


def is_too_long(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return measured.n_think_tokens > limits.max_think_tokens


def has_long_prompt(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return measured.n_prompt_tokens > limits.max_prompt_tokens


def loops(measured: MeasuredTrace, limits: TraceLimits) -> bool:
    return is_degenerate(measured.trace.cot.split(), limits.repetition)


TRACE_RULES: Mapping[TraceFilter, TraceRule] = {
    TraceFilter.NOT_CORRECT: is_not_correct,
    TraceFilter.NO_BOXED_ANSWER: has_no_boxed_answer,
    TraceFilter.UNCLOSED_THINK: is_unclosed,
    TraceFilter.EMPTY_THINK: is_empty,
    TraceFilter.TAG_IN_TEXT: holds_tags,
    TraceFilter.TOO_SHORT: is_too_short,
    TraceFilter.TOO_LONG: is_too_long,
    TraceFilter.PROMPT_TOO_LONG: has_long_prompt,
    TraceFilter.DEGENERATE_REPETITION: loops,
}
"""The rules that look at one trace alone, in the order in which they are asked."""


def select_traces(
    measured: Iterable[MeasuredTrace], limits: TraceLimits, evaluation_questions: Iterable[str]
) -> tuple[list[MeasuredTrace], Counter[TraceFilter]]:
    """Keep at most one good trace per question: the first one in the order given.

    Args:
        measured: the traces to choose from.
        limits: of the rules.
        evaluation_questions: questions that must not be trained on, in any spelling of case, space and
            punctuation.

    Returns:
        The kept traces in order, and how many each filter dropped.
    """
    evaluation_keys = {leak_key(question) for question in evaluation_questions}
    seen: set[str] = set()
    kept: list[MeasuredTrace] = []
    dropped: Counter[TraceFilter] = Counter()
    for item in measured:
        fault = trace_fault(item, limits, evaluation_keys, seen)
        if fault is None:
            seen.add(question_key(item.trace.question))
            kept.append(item)
        else:
            dropped[fault] += 1
    return kept, dropped


def trace_fault(
    measured: MeasuredTrace,
    limits: TraceLimits,
    evaluation_keys: AbstractSet[str],
    seen_keys: AbstractSet[str],
) -> TraceFilter | None:
    """The first filter that drops a trace; the keys are of evaluation questions and of those kept so far."""
    for name, rule in TRACE_RULES.items():
        if rule(measured, limits):
            return name
    if leak_key(measured.trace.question) in evaluation_keys:
        return TraceFilter.IN_EVALUATION_SET
    if question_key(measured.trace.question) in seen_keys:
        return TraceFilter.DUPLICATE_QUESTION
    return None


def question_key(question: str) -> str:
    """What two spellings of one question share: not letter case, white space, or forms that Unicode calls
    equal.

    Signs count: "3 + 5" and "3 - 5" are two questions.
    """
    text = unicodedata.normalize("NFKC", question).casefold()
    return "".join(char for char in text if not char.isspace() and unicodedata.category(char) != "Cf")


def leak_key(question: str) -> str:
    """Letters and digits alone. Rather too strict: a question lost costs less than a question leaked."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", question).casefold())


@dataclass(frozen=True, slots=True)
class CompressionLimits:
    """The limits of the rules on compressions, and which of the rules only count."""

    ratio_tolerance: float
    """Largest distance of the actual ratio from the target."""
    only_counted: frozenset[CompressionFilter]
    """Faults that are counted and kept."""


def compression_faults(
    compression: Compression, formulas: Sequence[Span], needed: Sequence[Span], limits: CompressionLimits
) -> list[CompressionFilter]:
    """Every fault of a compression, in the order of the filters; a failed one has no other.

    Args:
        formulas: all formulas of the chain of thought, ascending.
        needed: those of them that the annotation calls needed; empty where it is silent.
    """
    if compression.outcome == "failed" or not compression.text.strip():
        return [CompressionFilter.FAILED]
    assert compression.target_ratio is not None, "compressions at a threshold are refused before"
    whole = formulas_kept(formulas, compression.kept)
    is_fault = {
        CompressionFilter.RATIO_OFF_TARGET: abs(compression.actual_ratio - compression.target_ratio)
        > limits.ratio_tolerance + 1e-9,
        CompressionFilter.FORMULA_BROKEN: any(
            formula not in whole
            and any(start < formula[1] and formula[0] < end for start, end in compression.kept)
            for formula in formulas
        ),
        CompressionFilter.ANSWER_LOST: compression.keeps_answer is False,
        CompressionFilter.CHAIN_CUT: not whole.issuperset(needed),
    }
    return [name for name, is_true in is_fault.items() if is_true]


def formulas_kept(formulas: Sequence[Span], kept: Sequence[Span]) -> set[Span]:
    """Those formulas that lie in one kept span from their first character to their last; both ascending."""
    whole: set[Span] = set()
    position = 0
    for start, end in formulas:
        while position < len(kept) and kept[position][1] < end:
            position += 1
        if position < len(kept) and kept[position][0] <= start:
            whole.add((start, end))
    return whole


def needed_formulas(formulas: Sequence[Span], annotation: Annotation | None, threshold: float) -> list[Span]:
    """The formulas that an annotation puts at or above the threshold; none without a usable annotation.

    A formula belongs to every annotated unit that it overlaps: a unit holds the formula with its punctuation.
    """
    if annotation is None or annotation.outcome != "ok":
        return []
    needed = [
        span
        for span, importance in zip(annotation.spans, annotation.importance, strict=True)
        if importance >= threshold - 1e-9
    ]
    found: list[Span] = []
    position = 0
    for start, end in formulas:
        while position < len(needed) and needed[position][1] <= start:
            position += 1
        if position < len(needed) and needed[position][0] < end:
            found.append((start, end))
    return found

"""Which traces are good enough to learn from.

Every filter is a named rule that says why it drops a trace, or None, so that a run can say how many each one took and
what it found. Rules are asked in the order of their table and the first that speaks gets the count. Text is never
repaired: repairing punctuation in mathematics changes the mathematics.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from extracot.dataset.questions import EvaluationQuestions, SeenQuestions
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.answers import last_boxed
from extracot.text.control import CONTROL_TOKEN
from extracot.text.repetition import RepetitionLimits, is_degenerate
from extracot.text.think import THINK_END, THINK_START


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
    ROW_TOO_LONG = "row_too_long"
    """Prompt, think block and visible answer together have more tokens than training will take."""
    DEGENERATE_REPETITION = "degenerate_repetition"
    """It loops."""
    IN_EVALUATION_SET = "in_evaluation_set"
    """Its question is one that the model will be evaluated on."""
    NEAR_EVALUATION_SET = "near_evaluation_set"
    """Its question shares too many runs of words with one that the model will be evaluated on."""
    DUPLICATE_QUESTION = "duplicate_question"
    """An earlier trace that was kept answers the same question."""
    NEAR_DUPLICATE_QUESTION = "near_duplicate_question"
    """Earlier questions that were kept hold most of its runs of words."""
    BEYOND_LENGTH_QUOTA = "beyond_length_quota"
    """Good, but its bin of lengths has enough."""


REMEDIES: Mapping[TraceFilter, str] = {
    TraceFilter.NOT_CORRECT: "give correct traces, graded or with their gold answers",
    TraceFilter.NO_BOXED_ANSWER: "set filters.requires_box=false",
    TraceFilter.UNCLOSED_THINK: "generate with more max_new_tokens",
    TraceFilter.EMPTY_THINK: "give traces with reasoning",
    TraceFilter.TAG_IN_TEXT: "take think tags and control tokens out of the texts",
    TraceFilter.TOO_SHORT: "lower filters.min_think_tokens",
    TraceFilter.TOO_LONG: "raise filters.max_think_tokens",
    TraceFilter.PROMPT_TOO_LONG: "raise filters.max_prompt_tokens",
    TraceFilter.ROW_TOO_LONG: "raise filters.max_row_tokens",
    TraceFilter.DEGENERATE_REPETITION: "raise the limits under filters.repetition",
    TraceFilter.IN_EVALUATION_SET: "give traces of other questions than evaluation_problems has",
    TraceFilter.NEAR_EVALUATION_SET: "give traces of other questions, or raise filters.max_evaluation_overlap",
    TraceFilter.DUPLICATE_QUESTION: "give traces of more questions",
    TraceFilter.NEAR_DUPLICATE_QUESTION: "raise filters.max_seen_overlap",
    TraceFilter.BEYOND_LENGTH_QUOTA: "raise n_traces",
}
"""What helps where a filter takes too much."""


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """The limits of the rules on traces; tokens are the target model's."""

    min_think_tokens: int
    max_think_tokens: int
    max_prompt_tokens: int
    max_row_tokens: int
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

    @cached_property
    def n_row_tokens(self) -> int:
        """Tokens of the prompt, the chain of thought and the visible answer; tags are not counted."""
        return self.n_prompt_tokens + self.n_think_tokens + self._count_tokens(self.trace.response)


TraceRule = Callable[[MeasuredTrace, TraceLimits], str | None]
"""Why the trace is dropped, in words; None for a trace that passes."""


def is_not_correct(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    outcome = measured.trace.outcome
    return None if outcome is Outcome.CORRECT else f"its answer is {outcome}"


def has_no_boxed_answer(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    return "no box in its visible answer" if limits.requires_box and not last_boxed(measured.trace.response) else None


def is_unclosed(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    return None if measured.trace.is_closed else "its think block is not closed"


def is_empty(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    return None if measured.trace.cot.strip() else "its think block is empty"


def holds_tags(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    text = measured.trace.cot + measured.trace.response
    control = CONTROL_TOKEN.search(text)
    found = [tag for tag in (THINK_START, THINK_END) if tag in text] + ([control[0]] if control else [])
    return f"holds {', '.join(found)}" if found else None


def is_too_short(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    n = measured.n_think_tokens
    return f"{n} think tokens, fewer than {limits.min_think_tokens}" if n < limits.min_think_tokens else None


def is_too_long(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    n = measured.n_think_tokens
    return f"{n} think tokens, more than {limits.max_think_tokens}" if n > limits.max_think_tokens else None


def has_long_prompt(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    n = measured.n_prompt_tokens
    return f"{n} prompt tokens, more than {limits.max_prompt_tokens}" if n > limits.max_prompt_tokens else None


def has_long_row(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    n = measured.n_row_tokens
    return f"{n} tokens in all, more than {limits.max_row_tokens}" if n > limits.max_row_tokens else None


def loops(measured: MeasuredTrace, limits: TraceLimits) -> str | None:
    return "it repeats itself" if is_degenerate(measured.trace.cot.split(), limits.repetition) else None


TRACE_RULES: Mapping[TraceFilter, TraceRule] = {
    TraceFilter.NOT_CORRECT: is_not_correct,
    TraceFilter.NO_BOXED_ANSWER: has_no_boxed_answer,
    TraceFilter.UNCLOSED_THINK: is_unclosed,
    TraceFilter.EMPTY_THINK: is_empty,
    TraceFilter.TAG_IN_TEXT: holds_tags,
    TraceFilter.TOO_SHORT: is_too_short,
    TraceFilter.TOO_LONG: is_too_long,
    TraceFilter.PROMPT_TOO_LONG: has_long_prompt,
    TraceFilter.ROW_TOO_LONG: has_long_row,
    TraceFilter.DEGENERATE_REPETITION: loops,
}
"""The rules that look at one trace alone, in the order in which they are asked."""


class TraceFault(NamedTuple):
    """Why a trace is dropped."""

    filter: TraceFilter
    detail: str


def trace_fault(
    measured: MeasuredTrace, limits: TraceLimits, evaluation: EvaluationQuestions, seen: SeenQuestions
) -> TraceFault | None:
    """The first filter that drops a trace: the rules on it alone, then leaks, then what was kept so far."""
    for name, rule in TRACE_RULES.items():
        if (detail := rule(measured, limits)) is not None:
            return TraceFault(name, detail)
    question = measured.trace.question
    if (leak := evaluation.find(question)) is not None:
        if leak.is_same:
            return TraceFault(TraceFilter.IN_EVALUATION_SET, f"the question of {leak.name}")
        detail = f"shares {leak.overlap:.2f} of the runs of words with {leak.name}"
        return TraceFault(TraceFilter.NEAR_EVALUATION_SET, detail)
    if seen.has(question):
        return TraceFault(TraceFilter.DUPLICATE_QUESTION, "an earlier trace answers the same question")
    if (share := seen.overlap(question)) is not None:
        detail = f"earlier questions hold {share:.2f} of its runs of words"
        return TraceFault(TraceFilter.NEAR_DUPLICATE_QUESTION, detail)
    return None

"""Which questions are kept out of training, and what the model is asked about them while it trains."""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from extracot.errors import DataError
from extracot.records.sft_example import SftExample
from extracot.text.control import POLICY_TOKEN, control_token
from extracot.text.think import split_response

OVERRUN = 1.5
"""Answers are cut at this many times the longest reference: enough to see that a budget is not kept."""


def held_out_problems(problem_ids: Iterable[str], share: float, seed: int) -> frozenset[str]:
    """The problems that are kept out, with all their rows.

    Args:
        problem_ids: one per row; repeats count once.
        share: of the distinct problems, in [0, 1); above 0 at least one is kept out.
        seed: decides which.

    Raises:
        DataError: nothing would be left to train on.
    """
    if share == 0:
        return frozenset()
    problems = sorted(set(problem_ids))
    n_held_out = max(1, round(share * len(problems)))
    if n_held_out >= len(problems):
        raise DataError(
            f"holdout_share={share} keeps out {n_held_out} of {len(problems)} questions and leaves none to train on; "
            "lower it, or bring more questions"
        )
    random.Random(seed).shuffle(problems)
    return frozenset(problems[:n_held_out])


@dataclass(frozen=True, slots=True)
class ControlQuestion:
    """A held-out question that can be asked at any ratio."""

    prompt: str
    """Rendered, with `control` in it."""
    control: str
    """The control token that the prompt ends its user turn with."""
    n_reference_think_tokens: float
    """Think tokens of its whole chain of thought."""
    n_reference_tokens: float
    """Tokens of the whole response, think block and answer."""

    def ask(self, ratio: float) -> str:
        """The same prompt at another ratio."""
        before, _, after = self.prompt.rpartition(self.control)
        return f"{before}{control_token(ratio)}{after}"


def control_questions(
    examples: Sequence[SftExample], n_questions: int, count_tokens: Callable[[str], int]
) -> list[ControlQuestion]:
    """The first `n_questions` distinct questions.

    A question's reference is its row at the largest ratio, divided by that ratio: the whole chain where the set has
    one.

    Args:
        examples: held-out rows.
        n_questions: fewer where there are fewer.
        count_tokens: in the model's tokenizer.

    Raises:
        DataError: a prompt without its control token.
    """
    fullest: dict[str, SftExample] = {}
    for example in examples:
        known = fullest.get(example.problem_id)
        if known is None or example.target_ratio > known.target_ratio:
            fullest[example.problem_id] = example
    questions = []
    for example in list(fullest.values())[:n_questions]:
        control = POLICY_TOKEN if example.queue == "policy" else control_token(example.target_ratio)
        if control not in example.prompt:
            raise DataError(f"example {example.id}: its prompt lacks {control}; build the set again with build-sft")
        questions.append(
            ControlQuestion(
                prompt=example.prompt,
                control=control,
                n_reference_think_tokens=count_tokens(split_response(example.completion).cot) / example.target_ratio,
                n_reference_tokens=count_tokens(example.completion) / example.target_ratio,
            )
        )
    return questions


def answer_limit(questions: Sequence[ControlQuestion]) -> int:
    """New tokens at which an answer is cut."""
    return math.ceil(OVERRUN * max(question.n_reference_tokens for question in questions))


@dataclass(frozen=True, slots=True)
class Control:
    """How well the ratios are kept."""

    error: float
    """Mean of |actual ratio − target ratio| over the grid."""
    actual_ratios: Mapping[float, float]
    """Target ratio to actual ratio: mean think tokens by mean reference think tokens."""


def measure_control(n_think_tokens: Mapping[float, Sequence[int]], n_reference_think_tokens: float) -> Control:
    """Compare lengths with budgets.

    Args:
        n_think_tokens: per target ratio, of the answers to the same questions.
        n_reference_think_tokens: mean of those questions, above 0.
    """
    actual = {ratio: sum(counts) / len(counts) / n_reference_think_tokens for ratio, counts in n_think_tokens.items()}
    error = sum(abs(actual[ratio] - ratio) for ratio in actual) / len(actual)
    return Control(error=error, actual_ratios=actual)

"""From one completion to one `Score`: where it ended, what it cost, what it chose. No model, no files."""

from collections.abc import Callable

from extracot.evaluation.metrics import RowKey
from extracot.generate.backend import Generation
from extracot.grading.grader import Grade
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.score import Score
from extracot.text.control import parse_control_token
from extracot.text.think import ThinkSplit, split_response, with_opened_think


def split_completion(prompt: str, text: str) -> ThinkSplit:
    """Take a completion apart, also one whose think block was opened by the prompt's template."""
    return split_response(with_opened_think(prompt, text))


def make_score(
    key: RowKey,
    problem: Problem,
    sample: int,
    prompt: str,
    generation: Generation,
    grade: Grade,
    count_tokens: Callable[[str], int],
    given: str = "",
) -> Score:
    """The graded record of one completion, still without a reference.

    Args:
        key: the row it belongs to.
        prompt: as rendered; decides whether the think block was already open.
        grade: of this completion; a truncated one is truncated whatever it says, hence wrong.
        count_tokens: in the tokenizer of the model that wrote it.
        given: what of the response was put behind the prompt, as control arms do; it counts as if generated.
    """
    completion = given + generation.text
    split = split_completion(prompt, completion)
    return Score(
        problem_id=problem.id,
        arm=key.arm,
        mode=key.mode,
        target_ratio=key.target_ratio,
        chosen_ratio=None if split.control is None else parse_control_token(split.control),
        outcome=Outcome.TRUNCATED if generation.is_truncated else grade.outcome,
        level=problem.level,
        n_think_tokens=count_tokens(split.cot),
        n_tokens=len(generation.token_ids) + (count_tokens(given) if given else 0),
        n_reference_think_tokens=None,
        latency_s=generation.latency_s,
        is_closed=split.is_closed,
        completion=completion,
        question=problem.question,
        answer=problem.answer,
        sample=sample,
    )

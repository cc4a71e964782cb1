"""One completion becomes one score."""

from extracot.evaluation.metrics import RowKey
from extracot.evaluation.scoring import make_score
from extracot.generate.backend import Generation
from extracot.grading.grader import Grade, GradeMethod
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.score import Score

PROBLEM = Problem(id="p-1", question="How many?", answer="9", level=2, source="test")
RIGHT = Grade(Outcome.CORRECT, "9", GradeMethod.EXACT)


def score_of(text: str, prompt: str = "Q", is_truncated: bool = False, grade: Grade = RIGHT) -> Score:
    generation = Generation(text, token_ids=[1] * 40, is_truncated=is_truncated, latency_s=0.5)
    key = RowKey("ours", "policy", None)
    return make_score(key, PROBLEM, 0, prompt, generation, grade, lambda cot: len(cot.split()))


def test_the_choice_is_the_first_token_and_think_tokens_are_those_inside_the_block() -> None:
    score = score_of("<COMP_20>\n<think>\none two three\n</think>\n\nThe answer is \\boxed{9}.")
    assert (score.chosen_ratio, score.n_think_tokens, score.n_tokens) == (0.2, 3, 40)
    assert score.is_closed and score.outcome is Outcome.CORRECT


def test_an_unclosed_block_counts_in_full() -> None:
    score = score_of("<think>\none two three four", is_truncated=True)
    assert (score.n_think_tokens, score.is_closed, score.outcome) == (4, False, Outcome.TRUNCATED)


def test_a_block_opened_by_the_prompt_counts_even_when_it_is_never_closed() -> None:
    assert score_of("one two three", prompt="assistant\n<think>\n", is_truncated=True).n_think_tokens == 3
    closed = score_of("one two\n</think>\n\n\\boxed{9}", prompt="assistant\n<think>\n")
    assert (closed.n_think_tokens, closed.is_closed) == (2, True)


def test_a_right_answer_that_was_cut_off_is_truncated() -> None:
    assert score_of("<think>\na\n</think>\\boxed{9} and", is_truncated=True).outcome is Outcome.TRUNCATED


def test_no_ratio_token_and_the_policy_token_are_no_choice() -> None:
    assert score_of("<think>\na <COMP_20>\n</think>").chosen_ratio is None
    assert score_of("<COMP_POLICY>\n<think>\na\n</think>").chosen_ratio is None

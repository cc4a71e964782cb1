import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.errors import DataError
from extracot.records import SftExample
from extracot.training.sft.holdout import answer_limit, control_questions, held_out_problems, measure_control


def row(problem: str, ratio: float, queue: str, n_think: int) -> SftExample:
    token = "<COMP_POLICY>" if queue == "policy" else f"<COMP_{round(100 * ratio)}>"
    return SftExample(
        id=f"{problem}-{ratio}-{queue}",
        problem_id=problem,
        queue=queue,  # type: ignore[arg-type]
        target_ratio=ratio,
        prompt=f"The token <COMP_20> costs 2. How many? {token} END",
        completion=f"<COMP_{round(100 * ratio)}>\n<think>\n{'x ' * n_think}\n</think>\n\nSo 7.",
        n_prompt_tokens=1,
        n_completion_tokens=1,
    )


@given(st.integers(2, 40), st.floats(0.01, 0.5), st.integers(0, 5))
def test_the_share_is_of_questions_and_never_all_nor_none(n: int, share: float, seed: int) -> None:
    ids = [f"p{i % n}" for i in range(3 * n)]
    kept_out = held_out_problems(ids, share, seed)
    assert len(kept_out) == max(1, round(share * n)) < n
    assert kept_out == held_out_problems(list(reversed(ids)), share, seed)
    assert not held_out_problems(ids, 0, seed)


def test_a_single_question_cannot_be_split() -> None:
    with pytest.raises(DataError, match="keeps out 1 of 1 questions"):
        held_out_problems(["p", "p"], 0.1, 0)


def test_a_question_is_asked_at_other_ratios_by_its_last_control_token() -> None:
    (question,) = control_questions([row("p", 0.2, "fixed", 2)], 5, lambda text: len(text.split()))
    assert question.ask(0.5) == "The token <COMP_20> costs 2. How many? <COMP_50> END"


def test_the_reference_is_the_row_at_the_largest_ratio_whatever_its_queue() -> None:
    rows = [row("p", 0.2, "fixed", 2), row("p", 0.5, "policy", 6), row("q", 1.0, "fixed", 9)]
    first, second = control_questions(rows, 5, lambda text: len(text.split()))
    assert first.n_reference_think_tokens == 6 / 0.5
    assert first.ask(1.0).endswith("How many? <COMP_100> END")
    assert second.n_reference_think_tokens == 9
    # "q": token, tags, 9 words and two words of answer are 14; cut at one and a half times the longest, 2 * 11
    assert answer_limit([first, second]) == 33
    assert len(control_questions(rows, 1, len)) == 1


def test_control_error_is_the_mean_distance_of_actual_from_target() -> None:
    # means 4 and 10 of 10: ratios 0.4 for 0.2 and 1.0 for 1.0
    control = measure_control({0.2: [2, 6], 1.0: [10, 10]}, n_reference_think_tokens=10)
    assert control.actual_ratios == {0.2: 0.4, 1.0: 1.0}
    assert control.error == pytest.approx((0.2 + 0.0) / 2)

"""The benchmark of grading: its checks are what they say, and flags are compared with grades."""

from grading_speed import PAIRS, compare_with_flags, count_wrong, easy_checks, tricky_checks, verdict_of

from extracot import Grader
from extracot.grading import compare_answers


def test_easy_checks_have_the_verdict_they_claim() -> None:
    checks = easy_checks(300)
    assert count_wrong(checks, [compare_answers(check.gold, check.given) for check in checks]) == 0
    assert {check.is_same for check in checks} == {True, False}


def test_tricky_checks_are_the_settled_pairs_of_the_table() -> None:
    checks = tricky_checks(PAIRS)
    assert len(checks) > 400
    assert all(check.given.strip() for check in checks)


def test_flags_are_compared_with_grades() -> None:
    rows = [
        {"answer": "1/2", "response": "\\boxed{0.5}", "cot": "", "correct": True},
        {"answer": "1/2", "response": "Done.", "cot": "\\boxed{0.5}", "correct": False},
        {"answer": "1/2", "response": "0.5", "cot": "", "correct": True},
    ]
    with Grader() as grader:
        counts, (disagreement,) = compare_with_flags(rows, grader)
    assert counts == {(True, "correct"): 1, (False, "correct"): 1, (True, "no_answer"): 1}
    assert verdict_of(disagreement.grade) is True
    assert str(disagreement) == "- flagged wrong, graded correct (exact): gold `1/2`, answer `0.5`"

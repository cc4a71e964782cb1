"""Questions are swapped between traces of different questions, and the comparison is counted."""

import pytest
from question_awareness import other_questions, overlap, sign_test

from extracot import Compressor, Passage, SliceScorer


def test_no_trace_keeps_its_own_question() -> None:
    passages = [Passage(question, "cot") for question in ["a", "a", "a", "b"]]
    swapped = other_questions(passages, seed=0)
    assert [passage.question for passage in swapped] == ["b", "b", "b", "a"]
    with pytest.raises(SystemExit, match="one question"):
        other_questions(passages[:3], seed=0)


def test_overlap_is_one_for_the_same_cut_and_less_for_another() -> None:
    cot = "First 1 + 2 = 3. Then 3 + 4 = 7. So the answer is 7."
    short, long = Compressor(SliceScorer()).compress("?", cot, [0.3, 1.0], "toy", answer="7")
    assert overlap(len(cot), long, long) == 1
    assert 0 < overlap(len(cot), short, long) < 1


def test_a_sign_test() -> None:
    # Of 2^5 splits one has five on the one side, and one on the other.
    assert sign_test(5, 0) == sign_test(0, 5) == 2 / 32
    assert sign_test(0, 0) == sign_test(3, 3) == 1

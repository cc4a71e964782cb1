"""From units to sentences, and how sentences are compared."""

import pytest
from measured_importance import correlation_at_equal_position, interval, pool, rank_correlation, sentence_spans

TEXT = "One two.  Three four.\n\nFive."


def test_sentences_are_found_whatever_the_white_space_between_them() -> None:
    assert sentence_spans(TEXT, ["One two.", "Three  four. ", "Five."]) == [(0, 8), (10, 21), (23, 28)]


def test_sentences_of_another_text_are_refused() -> None:
    with pytest.raises(ValueError, match="sentence 1 is not"):
        sentence_spans(TEXT, ["One two.", "Three five."])


def test_pooling_weighs_pieces_by_their_characters_inside_the_sentence() -> None:
    # `One two.` is 7 characters: 3 of score 1, 4 of score 0; the last piece also reaches into the third sentence.
    pieces = [((0, 3), 1.0), ((3, 8), 0.0), ((8, 28), 0.5)]
    sentences = [(0, 8), (10, 21), (23, 28)]
    assert pool(TEXT, pieces, sentences, "mean") == pytest.approx([3 / 7, 0.5, 0.5])
    assert pool(TEXT, pieces, sentences, "max") == [1.0, 0.5, 0.5]


def test_a_sentence_without_pieces_takes_the_lowest_score() -> None:
    assert pool(TEXT, [((0, 8), 1.0), ((10, 21), 0.3)], [(0, 8), (23, 28)], "mean") == [1.0, 0.3]


def test_ties_share_their_rank() -> None:
    # Ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 1.5, deviations sqrt(1.5) and sqrt(2).
    assert rank_correlation([0, 0, 5], [1, 2, 9]) == pytest.approx(1.5 / (1.5 * 2) ** 0.5)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_what_position_alone_explains_is_no_correlation_at_equal_position() -> None:
    assert correlation_at_equal_position([1, 2, 3, 4], [2, 1, 4, 3]) is None
    # Both fall with the place, and differ from it in the same two sentences.
    assert correlation_at_equal_position([4, 3, 1, 2], [8, 7, 5, 6]) == pytest.approx(1)


def test_an_interval_of_one_group_is_its_mean() -> None:
    assert interval([[1.0, 3.0]], seed=0) == (2.0, 2.0)
    low, high = interval([[0.0], [1.0], [0.0], [1.0]], seed=0)
    assert 0 <= low < 0.5 < high <= 1

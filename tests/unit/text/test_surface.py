"""What a text looks like, on texts where it is plain."""

import pytest

from extracot.text.repetition import longest_repeats
from extracot.text.surface import (
    anchors,
    anchors_kept,
    digit_share,
    longest_character_run,
    punctuation_share,
    surface_tokens,
    top_share,
    variety,
)


def test_a_formula_is_one_token_beside_words_and_single_signs() -> None:
    assert surface_tokens(r"So, $X = 1$ isn't \[ a + b \] (it IS)...") == [
        "so", ",", "$X=1$", "isn't", r"\[a+b\]", "(", "it", "is", ")", ".", ".", ".",
    ]  # fmt: skip


def test_the_commonest_token_has_its_share() -> None:
    assert top_share(["a", "b", "a", "c"]) == 0.5
    assert top_share([]) == 0


def test_variety_does_not_fall_with_length() -> None:
    words = [str(i) for i in range(100)] * 2  # 100 different ones in a block of 200
    assert variety(words) == variety(words * 5) == 0.5
    assert variety(["a", "a", "b", "c"]) == 0.75 and variety([]) == 1


def test_signs_of_mathematics_are_no_punctuation() -> None:
    assert punctuation_share("a, b.") == 0.5
    assert punctuation_share("1 + 2 = 3") == 0 and punctuation_share(" ") == 0


def test_a_run_is_of_one_character_and_not_of_white_space() -> None:
    assert longest_character_run("ab\n\n\n\n1000--") == 3
    assert longest_character_run("  ") == 0


def test_digits_have_their_share() -> None:
    assert digit_share("x = 12") == 0.5 and digit_share("") == 0


def test_anchors_are_what_carries_the_mathematics() -> None:
    assert anchors(r"So \frac{1}{2} + 3 ≤ x") == {r"\frac", "1", "2", "+", "3", "≤"}
    assert anchors_kept("1 + 1", anchors("1 + 2 = 3")) == pytest.approx(2 / 5)
    assert anchors_kept("", frozenset()) == 1


@pytest.mark.parametrize(
    ("tokens", "period", "n"),
    [("abab", 2, 2), ("ababa", 2, 2), ("aaab", 1, 3), ("abc", 1, 1), ("ab", 3, 0), ("", 1, 0)],
)
def test_blocks_in_a_row_are_counted_whole(tokens: str, period: int, n: int) -> None:
    assert longest_repeats(tokens, period) == n

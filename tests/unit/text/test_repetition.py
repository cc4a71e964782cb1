"""Loops are found whatever their period; formulaic text is not mistaken for one."""

from hypothesis import given
from hypothesis import strategies as st

from extracot.text.repetition import (
    Loop,
    RepetitionLimits,
    is_degenerate,
    longest_loop,
    longest_run,
    repeated_share,
)

LIMITS = RepetitionLimits()


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(1, 5))
def test_the_repeated_share_is_a_share(tokens: list[int], n: int) -> None:
    assert 0 <= repeated_share(tokens, n) <= 1


@given(st.lists(st.integers(0, 2), max_size=40))
def test_the_longest_run_is_what_counting_gives(tokens: list[int]) -> None:
    longest = run = 0
    for i, token in enumerate(tokens):
        run = run + 1 if i and token == tokens[i - 1] else 1
        longest = max(longest, run)
    assert longest_run(tokens) == longest


@given(st.integers(1, 9), st.integers(4, 8), st.integers(0, 20), st.integers(0, 20))
def test_a_loop_is_found_between_other_text(period: int, n_repeats: int, before: int, after: int) -> None:
    block = list(range(period))
    tokens = [100 + i for i in range(before)] + block * n_repeats + [200 + i for i in range(after)]
    assert longest_loop(tokens, max_period=10, min_repeats=4) == Loop(period, period * n_repeats)


def test_the_repeated_share_counts_positions() -> None:
    # 2-grams of a b a b c: ab ba ab bc; ab occurs twice, so 2 of 4 positions
    assert repeated_share(["a", "b", "a", "b", "c"], 2) == 0.5
    assert repeated_share(["a"], 2) == 0.0


def test_fewer_repeats_than_asked_for_are_no_loop() -> None:
    assert longest_loop(["a", "b", "c", "a", "b", "c", "a", "b", "c"], max_period=5, min_repeats=4) is None
    assert longest_loop([], max_period=5, min_repeats=4) is None


def test_a_loop_of_a_sentence_is_degenerate_and_two_checks_are_not() -> None:
    sentence = [
        "Wait,",
        "let",
        "me",
        "check",
        "the",
        "sum",
        "of",
        "the",
        "three",
        "numbers",
        "again.",
    ]
    assert is_degenerate(sentence * 6, LIMITS)  # 6 times 11 words, beyond 60
    assert not is_degenerate(sentence * 3, LIMITS)


def test_formulaic_steps_are_not_degenerate() -> None:
    steps = " ".join(f"Next, person {i} has {i} more, so $ x_{i} = {i} + {i} = {2 * i} $." for i in range(60))
    assert not is_degenerate(steps.split(), LIMITS)


def test_long_text_without_new_three_grams_is_degenerate() -> None:
    # blocks alternate irregularly, so there is no loop of four, and yet nothing is new
    a, b = [f"a{i}" for i in range(30)], [f"b{i}" for i in range(30)]
    tokens = [token for pick in "aabababbaabbab" for token in (a if pick == "a" else b)]
    assert longest_loop(tokens, 40, 4) is None
    assert is_degenerate(tokens, LIMITS)
    assert not is_degenerate(tokens[:150], LIMITS)  # too short for the share to say much

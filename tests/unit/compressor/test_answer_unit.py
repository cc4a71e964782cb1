"""Where the final answer is stated."""

import pytest

from extracot.compressor.answer_unit import find_answer_units, gives_answer, states_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("$ 4 + 5 = 9 $.", "9"),
        ("she has 4 and 5 pens", "4"),
        ("about 1,200 dollars", "1200"),
        ("12{,}345", "12345"),
        ("so 9.00.", "9"),
        ("it is 15. 63 minus 48", "15"),
        ("it is 40%.", "40"),
        ("$\\dfrac{3}{4}$", "\\frac{3}{4}"),
        ("x = 3 / 4", "3/4"),
        ("\\text{east}.", "East"),
        ("$(1,\\ 2)$", "(1,2)"),
    ],
)
def test_an_answer_is_found_however_it_is_set(text: str, answer: str) -> None:
    assert states_answer(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("19", "9"), ("9.5", "9"), ("1.9", "9"), ("x9", "9"), ("eastern", "east"), ("9", ""), ("12,345", "12")],
)
def test_a_part_of_something_longer_is_no_answer(text: str, answer: str) -> None:
    assert not states_answer(text, answer)


def test_a_box_is_the_answer_whatever_the_scores() -> None:
    assert find_answer_units(["= 9", "\\boxed{9}", "9 holds"], [1.0, 0.0, 0.5], "9") == {1}


def test_a_box_that_says_another_number_is_what_the_text_comes_to() -> None:
    assert find_answer_units(["= 9", "\\boxed{8}"], [1.0, 0.0], "9") == {1}


def test_a_box_in_another_spelling_stays_beside_the_statement_of_the_answer() -> None:
    assert find_answer_units(["it is east", "\\boxed{E}"], [1.0, 0.0], "\\text{east}") == {0, 1}


def test_an_empty_box_is_no_answer() -> None:
    assert find_answer_units(["= 9", "goes in \\boxed{}"], [1.0, 0.0], "9") == {0}
    assert gives_answer("= 9 goes in \\boxed{}", "9")


def test_the_best_scored_statement_is_the_answer_and_of_equals_the_last() -> None:
    assert find_answer_units(["= 9", "so 9", "9 holds"], [1.0, 1.0, 0.0], "9") == {1}


@pytest.mark.parametrize("answer", [None, "", "7"])
def test_an_answer_that_is_unknown_or_not_stated_forces_nothing(answer: str | None) -> None:
    assert find_answer_units(["= 9", "so"], [1.0, 0.0], answer) == frozenset()


@pytest.mark.parametrize(
    "units",
    [
        ["The answer is", " 4?", " No. So the answer to it is **", "9**", ". I checked."],
        ["is", " 4", ". Answer: \\(", "9", " \\)", "."],
        ["is", " 4", ". ", "#### 9", "."],
        ["is", " 4", ".\n**Final Answer**\n", "9", "."],
    ],
)
def test_of_an_unknown_answer_the_last_announcement_stays(units: list[str]) -> None:
    assert find_answer_units(units, [0.0] * len(units), None) == {3}
    assert find_answer_units(units, [0.0] * len(units), "as yet unstated") == {3}


@pytest.mark.parametrize(
    ("text", "answer", "is_given"),
    [
        ("so \\boxed{0.5}", "1/2", True),
        ("9 or \\boxed{8}", "9", False),
        ("it is east: \\boxed{E}", "\\text{east}", True),
        ("so \\boxed{E}", "\\text{east}", False),
        ("so 9", "9", True),
        ("so 8", "9", False),
    ],
)
def test_a_text_gives_what_it_boxes_or_states(text: str, answer: str, is_given: bool) -> None:
    assert gives_answer(text, answer) is is_given


def test_a_word_behind_a_formula_does_not_hide_its_value() -> None:
    assert states_answer("$ 4 + 5 = 9 $ holds.", "9")

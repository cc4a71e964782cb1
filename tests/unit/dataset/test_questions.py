"""Questions are the same by spelling, or alike by their runs of words."""

from extracot.dataset.questions import (
    EvaluationQuestion,
    EvaluationQuestions,
    Leak,
    SeenQuestions,
    leak_key,
    question_key,
    word_ngrams,
)


def test_questions_that_differ_in_a_sign_are_two_questions_and_leak_all_the_same() -> None:
    assert question_key("What is 3 + 5?") != question_key("What is 3 - 5?")
    assert question_key("What is  3+5?") == question_key("what is 3 + 5?\u200b")
    assert leak_key("What is 3 + 5?") == leak_key("what is 3 - 5")


def test_runs_of_words_ignore_signs_and_case_and_count_numbers() -> None:
    assert word_ngrams("Find $x$, if x=12!", 3) == {"find x if", "x if x", "if x 12"}
    assert word_ngrams("Too short", 3) == set()


def test_a_question_inside_of_a_longer_one_is_found_and_the_most_alike_is_named() -> None:
    inner, outer = "What is the sum of all odd numbers?", "What is the sum of two dice?"
    evaluation = EvaluationQuestions([EvaluationQuestion(outer, "outer"), EvaluationQuestion(inner, "inner")], 3, 0.5)
    longer = f"Ola asks Gus a riddle. {inner} Gus knows the answer at once and tells her."
    assert evaluation.find(longer) == Leak("inner", 1.0, is_same=False)
    # four of the six runs of `inner`, three of the five of `outer`
    assert evaluation.find("What is the sum of all even numbers?") == Leak("inner", 4 / 6, is_same=False)
    assert evaluation.find("Who has more shells than Ola has?") is None
    assert evaluation.find(inner.upper()) == Leak("inner", 1.0, is_same=True)


def test_seen_questions_remember_spellings_always_and_runs_where_asked() -> None:
    plain, with_runs = SeenQuestions(3, None), SeenQuestions(3, 0.5)
    for seen in (plain, with_runs):
        assert not seen.has("How many shells has Ola?")
        seen.add("How many shells has Ola?")
        assert seen.has("how many SHELLS has ola ?")
    # of the runs `how many shells`, `many shells has`, `shells has gus` two were seen
    assert plain.overlap("How many shells has Gus?") is None
    assert with_runs.overlap("How many shells has Gus?") == 2 / 3
    assert with_runs.overlap("How many stamps has Gus?") is None
    assert with_runs.overlap("Ola?") is None

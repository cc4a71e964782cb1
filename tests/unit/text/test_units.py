from typing import Literal

import pytest

from extracot.text.sentences import last_sentence, sentence_numbers
from extracot.text.units import Unit, UnitKind, segment

TOY = (
    "Let me go through the facts one by one. First, Gus has 4 shells, so $ Gus = 4 $. "
    "Next, compared to Gus, Ola has 5 more shells, so $ Ola = 4 + 5 = 9 $.\n"
)


def pieces(text: str, prose: Literal["word", "clause"]) -> list[str]:
    return [unit.of(text) for unit in segment(text, prose)]


def test_clauses_end_at_punctuation_and_formulas() -> None:
    assert pieces(TOY, "clause") == [
        "Let me go through the facts one by one.", " First,", " Gus has 4 shells,", " so", " $ Gus = 4 $.",
        " Next,", " compared to Gus,", " Ola has 5 more shells,", " so", " $ Ola = 4 + 5 = 9 $.\n",
    ]  # fmt: skip


def test_words_carry_their_punctuation_and_numbers_stand_alone() -> None:
    text = "So Gus (my friend) has 5,000 dollars, i.e. 3 km."
    assert pieces(text, "word") == [
        "So",
        " Gus",
        " (my",
        " friend)",
        " has",
        " 5,000 dollars,",
        " i.e.",
        " 3 km.",
    ]
    kinds = [unit.kind for unit in segment(text)]
    assert [kind is UnitKind.NUMBER for kind in kinds] == [False] * 5 + [True, False, True]


def test_a_formula_takes_its_closing_and_opening_marks() -> None:
    assert pieces("**Final (x = 3).** The $n$-th $x$'s", "word") == [
        "**Final",
        " (x = 3).**",
        " The",
        " $n$-th",
        " $x$'s",
    ]


def test_a_clause_does_not_cut_a_quantity() -> None:
    assert pieces("It is 1,234 km, or so", "clause") == ["It is 1,234 km,", " or so"]


def test_a_line_end_ends_a_clause_and_leads_the_next() -> None:
    assert pieces("one two\n\n- three", "clause") == ["one two", "\n\n- three"]


def test_a_number_that_is_a_whole_clause_is_of_kind_number() -> None:
    assert [unit.kind for unit in segment("So, 42.", "clause")] == [UnitKind.PROSE, UnitKind.NUMBER]


@pytest.mark.parametrize("prose", ["word", "clause"])
def test_empty_and_blank_texts(prose: Literal["word", "clause"]) -> None:
    assert segment("", prose) == []
    assert segment(" \n ", prose) == [Unit(0, 3, UnitKind.PROSE)]


def test_wide_punctuation_ends_a_word() -> None:
    assert pieces("所以，$x=3$为正数。好", "word") == ["所以，", "$x=3$", "为正数。", "好"]


@pytest.mark.parametrize("text", ["a\x00b = 3", "\ud800 x = 1 \udfff", "x" * 1_000_000])
def test_odd_characters_are_kept_as_they_are(text: str) -> None:
    assert "".join(pieces(text, "word")) == text


def test_sentences_end_at_stops_and_lines_but_not_in_formulas_abbreviations_or_list_marks() -> None:
    text = "One (e.g. this) is. Here $x = 0.5.$ holds! Yes\n1. First\n"
    units = segment(text)
    sentences: dict[int, str] = {}
    for unit, number in zip(units, sentence_numbers(text, units), strict=True):
        sentences[number] = sentences.get(number, "") + unit.of(text)
    assert list(sentences.values()) == [
        "One (e.g. this) is.",
        " Here $x = 0.5.$ holds!",
        " Yes",
        "\n1. First\n",
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Gus has 4. How many does Ola have?", "How many does Ola have?"),
        ("How many are there? Give a number.", "How many are there?"),
        ("Find x.", "Find x."),
        ("", ""),
    ],
)
def test_the_last_sentence_is_the_one_that_asks(question: str, expected: str) -> None:
    assert last_sentence(question) == expected

"""Slicing finds exactly the dependency walk in the toy world, and a sensible one in ordinary traces."""

from itertools import islice
from typing import Literal

import pytest

from extracot.text.slicing import (
    BESIDE_NEEDED,
    NEEDED,
    NEW,
    PLAIN,
    REPEATED,
    answer_unit,
    discount_checks,
    needed_units,
    slice_importance,
    tiered_importance,
)
from extracot.text.statements import read_statements
from extracot.text.units import segment
from extracot.toy.world import Style, sample_problems

QUESTION = (
    "Here is a puzzle. Gus has 4 shells. Compared to Gus, Ola has 5 more shells. "
    "Compared to Ola, Quin has 2 fewer shells. Kim has 3 stamps. "
    "Compared to Kim, Hal has thrice as many stamps. How many shells does Ola have?"
)
COT = (
    "Let me go through the facts one by one. First, Gus has 4 shells, so $ Gus = 4 $. "
    "Next, compared to Gus, Ola has 5 more shells, so $ Ola = 4 + 5 = 9 $. "
    "Next, compared to Ola, Quin has 2 fewer shells, so $ Quin = 9 - 2 = 7 $. "
    "Also, Kim has 3 stamps, so $ Kim = 3 $. "
    "Next, compared to Kim, Hal has thrice as many stamps, so $ Hal = 3 * 3 = 9 $. "
    "Let me check the sums. $ 4 + 5 = 9 $ holds. $ 9 - 2 = 7 $ holds. That settles every amount."
)


def graded(
    question: str, cot: str, answer: str, prose: Literal["word", "clause"] = "clause"
) -> list[tuple[str, float]]:
    units = segment(cot, prose)
    importance = slice_importance(question, cot, answer, units)
    return [(unit.of(cot).strip(), value) for unit, value in zip(units, importance, strict=True)]


def needed(question: str, cot: str, answer: str, prose: Literal["word", "clause"] = "clause") -> list[str]:
    return [text for text, value in graded(question, cot, answer, prose) if value >= NEEDED]


def test_tiers_of_the_toy_example() -> None:
    # Hal's equation also ends in 9, and the checks repeat sums; neither leads to Ola's shells.
    assert needed(QUESTION, COT, "9") == ["$ Gus = 4 $.", "$ Ola = 4 + 5 = 9 $."]
    tiers = dict(graded(QUESTION, COT, "9"))
    assert tiers["Gus has 4 shells,"] == BESIDE_NEEDED
    assert tiers["$ Hal = 3 * 3 = 9 $."] == tiers["Kim has 3 stamps,"] == NEW
    assert tiers["That settles every amount."] == PLAIN
    assert tiers["$ 4 + 5 = 9 $"] == tiers["holds."] == REPEATED


def test_a_conclusion_in_words_ranks_with_the_step_that_it_concludes() -> None:
    cot = COT.replace("= 9 $. Next", "= 9 $. So Ola holds 9. Next").replace("Kim = 3 $.", "Kim = 3 $. So Kim holds 3.")
    tiers = dict(graded(QUESTION, cot.replace("holds. That", "holds. So 7 is right. That"), "9"))
    assert tiers["So Ola holds 9."] == BESIDE_NEEDED
    assert tiers["So Kim holds 3."] == NEW
    assert tiers["So 7 is right."] == REPEATED  # behind a check there is nothing new to conclude


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("prose", ["word", "clause"])
def test_slicing_is_exact_in_the_toy_world(style: Style, prose: Literal["word", "clause"]) -> None:
    for problem in islice(sample_problems("train", seed=11), 60):
        found = needed(problem.question, problem.chain_of_thought(style), str(problem.answer), prose)
        assert [text.rstrip(".,") for text in found] == [problem.facts[i].equation for i in problem.needed]


def test_the_question_decides_what_is_needed() -> None:
    other = QUESTION.replace("How many shells does Ola have?", "How many stamps does Hal have?")
    assert needed(other, COT, "9") == ["$ Kim = 3 $.", "$ Hal = 3 * 3 = 9 $."]


def test_values_lead_back_through_an_ordinary_trace() -> None:
    question = (
        "Kalinda adds 4 pieces per minute, her mom half as many. How many hours for a 360 piece puzzle?"
    )
    cot = (
        "Half of 4: 4 / 2 = 2 pieces. A quick aside: 7 * 7 = 49. Together that is 4 + 2 = 6 pieces per "
        "minute.\n\n"
        "So 360 divided by 6 is 60, and 60 minutes = 1 hour.\n\nThe answer is \\boxed{60}."
    )
    assert needed(question, cot, "60") == [
        "4 / 2 = 2", "4 + 2 = 6 pieces per minute.", "360 divided by 6 is 60,", "\\boxed{60}.",
    ]  # fmt: skip


def test_algebra_leads_back_through_symbols() -> None:
    cot = "Let $3x + 2 = 11$. Then $3x = 9$, so $x = 3$. And $y = x + 4 = 7$."
    # The walk stops at 3x = 9: nothing says where the 9 came from.
    assert needed("What is y?", cot, "7") == ["$3x = 9$,", "$x = 3$.", "$y = x + 4 = 7$."]


def test_a_value_that_only_prose_states_is_found() -> None:
    cot = "Her mom places half of that, so 2 per minute. Together: 4 + 2 = 6."
    assert needed("Kalinda places 4. How many do both place?", cot, "6", "word") == ["2", "4 + 2 = 6."]


def test_an_answer_that_is_never_stated_leaves_nothing_needed() -> None:
    assert needed("How many?", "I do not know.", "7") == []


def test_no_units_no_importance() -> None:
    assert slice_importance("q", "", "1", []) == []


@pytest.mark.parametrize(
    ("cot", "answer", "expected"),
    [
        (r"\boxed{3} or better \boxed{4}. Done", "3", r"\boxed{4}."),
        ("4 + 5 = 9. So 9 it is. Check: 4 + 5 = 9", "9", "9"),
        ("4 + 5 = 9. Check: 4 + 5 = 9", "9", "4 + 5 = 9."),
        ("Clearly Navin wins.", "Navin", "Navin"),
        ("Nothing here.", "9", None),
        ("Nothing here.", "", None),
    ],
)
def test_the_answer_unit(cot: str, answer: str, expected: str | None) -> None:
    units = segment(cot)
    index = answer_unit(cot, units, answer)
    assert (None if index is None else units[index].of(cot).strip()) == expected


def test_checks_behind_the_answer_rank_below_everything_before_it_but_needed_units_stay() -> None:
    units = segment(COT, "clause")
    statements = read_statements(COT, units)
    needed = needed_units(QUESTION, COT, "9", units, statements)
    before = tiered_importance(QUESTION, units, statements, needed)
    after = discount_checks(before, statements, needed, "9")
    end = COT.index(" Next, compared to Ola")  # behind the sentence that derives Ola's shells
    for i, unit in enumerate(units):
        if i in needed:
            assert after[i] == NEEDED
        else:
            assert after[i] == (REPEATED if unit.start >= end else max(before[i], PLAIN))


@pytest.mark.parametrize(
    ("cot", "answer"),
    [
        ("The two areas are 16π and π, so the rest is 16π - π = 15π.", r"15\pi"),
        ("The hands are 264 - 202 apart, which is 62 degrees.", r"62^\circ"),
        ("So, the probability should be 14/95.", r"\dfrac{14}{95}"),
        ("Both roots together simplify to √3 - 1.", r"\sqrt{3} - 1"),
        ("So the form is 6z⁵ - 8z² + 6.", "6z^5 - 8z^2 + 6"),
    ],
)
def test_an_answer_is_found_however_its_signs_are_written(cot: str, answer: str) -> None:
    units = segment(cot, "clause")
    assert needed_units("", cot, answer, units)

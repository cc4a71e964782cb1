"""The toy world tells the truth: answers, needed equations, splits and styles."""

import random
import re
from itertools import islice

import pytest

from extracot.text.answers import last_boxed
from extracot.toy.world import N_FACTS, Style, ToyProblem, sample_problem, sample_problems

PROBLEMS = list(islice(sample_problems("train", seed=3), 200))
EQUATION = re.compile(r"\$ (\w+) = ([^$]+) \$")


def replay(text: str) -> dict[str, int]:
    """Work out every named equation of a text, checking each sum with Python's own arithmetic."""
    amounts: dict[str, int] = {}
    for name, sum_text in EQUATION.findall(text):
        left, equals, right = sum_text.rpartition(" = ")
        amounts[name] = int(right)
        if equals:
            assert eval(left) == int(right), sum_text
            assert int(left.split()[0]) in amounts.values(), "an operand must be an amount already stated"
    return amounts


@pytest.mark.parametrize("style", list(Style))
def test_every_style_states_the_asked_amount_with_true_sums(style: Style) -> None:
    for problem in PROBLEMS:
        amounts = replay(problem.chain_of_thought(style))
        assert amounts[problem.facts[problem.target].person] == problem.answer


def test_the_terse_style_has_one_equation_for_each_level() -> None:
    for problem in PROBLEMS:
        assert len(EQUATION.findall(problem.chain_of_thought(Style.EQUATIONS))) == problem.level


def test_the_chain_of_thought_does_not_depend_on_which_person_of_a_problem_is_asked() -> None:
    """Otherwise a compressor could know what to keep without reading the question."""
    for problem in PROBLEMS:
        other = ToyProblem(facts=problem.facts, target=(problem.target + 1) % N_FACTS)
        for style in (Style.VERBOSE, Style.UNCHECKED):
            assert problem.chain_of_thought(style) == other.chain_of_thought(style)


def test_the_response_boxes_the_answer() -> None:
    assert all(last_boxed(problem.response()) == str(problem.answer) for problem in PROBLEMS)


def test_splits_share_no_question() -> None:
    heldout = {problem.question for problem in islice(sample_problems("heldout", seed=3), 500)}
    train = {problem.question for problem in islice(sample_problems("train", seed=3), 4000)}
    assert not heldout & train


def test_a_seed_fixes_the_stream() -> None:
    again = list(islice(sample_problems("train", seed=3), 200))
    assert again == PROBLEMS


@pytest.mark.parametrize("level", [1, 4, 6])
def test_a_level_can_be_asked_for(level: int) -> None:
    assert sample_problem(random.Random(0), level=level).level == level


def test_an_impossible_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level 7 must lie in 1..6"):
        sample_problem(random.Random(0), level=7)

"""Gold answers that no grader could read are found before a model is asked."""

from extracot.grading import Grader
from extracot.problems.golds import unreadable_golds
from extracot.records.problem import Problem


def test_only_golds_that_nothing_could_equal_are_unreadable() -> None:
    golds = ["42", "\\frac{1", "987654321", "\\text{east}", "x=", "\\boxed{}", "[1, 2)"]
    problems = [Problem(id=f"p-{n}", question="q", answer=gold, level=None, source="s") for n, gold in enumerate(golds)]
    with Grader() as grader:
        assert unreadable_golds(problems, grader) == [1, 4, 5]

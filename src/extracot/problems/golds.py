"""Whether gold answers can be graded at all, to be known before a model has worked for hours."""

from collections.abc import Sequence

from extracot.grading.grader import Grader
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem

_ANY_ANSWER = "\\boxed{987654321}"
"""Compared with a gold answer that can be read, it is wrong (or right); with one that cannot, ungraded."""


def unreadable_golds(problems: Sequence[Problem], grader: Grader) -> list[int]:
    """Indices of the problems whose gold answer the grader cannot read: nothing would ever be right there."""
    grades = grader.grade_many((problem.answer, _ANY_ANSWER) for problem in problems)
    return [index for index, grade in enumerate(grades) if grade.outcome is Outcome.UNGRADED]

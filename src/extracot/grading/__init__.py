"""Comparing a model's answer with the gold answer: the one grader that RL rewards and evaluation share."""

from extracot.grading.grader import Grade, GradeMethod, Grader

__all__ = ["Grade", "GradeMethod", "Grader"]

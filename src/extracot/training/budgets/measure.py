"""Sample every ratio of every problem and turn the grades into teacher budgets."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from extracot.generate.backend import Backend, Generation, Sampling
from extracot.grading.grader import Grader
from extracot.records.budget import TeacherBudget
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.score import Score
from extracot.text.control import parse_control_token
from extracot.text.think import split_response
from extracot.training.budgets.teacher_ratio import teacher_ratio

ARM = "teacher"
"""Name of the model in the samples' records."""


@dataclass(frozen=True, slots=True)
class MeasuredProblem:
    """One problem, sampled at every ratio."""

    problem: Problem
    samples: list[Score]
    """Ratio by ratio, ascending; K samples each."""

    def pass_rates(self, max_overrun: float | None = None) -> dict[float, float]:
        """Ratio -> share of its samples that are correct; where given, `max_overrun` is the share of its ratio by which
        a sample may pass it and still count, but for the largest ratio."""
        ratios = sorted({sample.target_ratio for sample in self.samples if sample.target_ratio is not None})
        limits = {
            ratio: math.inf
            if max_overrun is None or ratio == ratios[-1]
            else ratio * (1 + max_overrun) * self.n_reference_think_tokens()
            for ratio in ratios
        }
        return {
            ratio: _mean(
                s.outcome is Outcome.CORRECT and s.n_think_tokens <= limits[ratio]
                for s in self.samples
                if s.target_ratio == ratio
            )
            for ratio in ratios
        }

    def actual_ratios(self) -> dict[float, float]:
        """Ratio -> mean think tokens of its samples / `n_reference_think_tokens`, which has to be above 0."""
        n_think_by_ratio: dict[float, list[int]] = {}
        for sample in self.samples:
            if sample.target_ratio is not None:
                n_think_by_ratio.setdefault(sample.target_ratio, []).append(sample.n_think_tokens)
        n_reference = self.n_reference_think_tokens()
        return {ratio: _mean(n_think) / n_reference for ratio, n_think in sorted(n_think_by_ratio.items())}

    def n_reference_think_tokens(self) -> float:
        """Mean think tokens of the samples at the largest ratio; 0 when none of them thinks at all."""
        largest = max(sample.target_ratio for sample in self.samples if sample.target_ratio is not None)
        return _mean(s.n_think_tokens for s in self.samples if s.target_ratio == largest)

    def budget(self, threshold: float, max_overrun: float | None = None) -> TeacherBudget | None:
        """The record; None when there is no reference length to measure ratios against."""
        n_reference = self.n_reference_think_tokens()
        if n_reference <= 0:
            return None
        rates = self.pass_rates(max_overrun)
        return TeacherBudget(
            problem_id=self.problem.id,
            question=self.problem.question,
            answer=self.problem.answer,
            level=self.problem.level,
            pass_rates={f"{ratio:.2f}": rate for ratio, rate in rates.items()},
            actual_ratios={f"{ratio:.2f}": actual for ratio, actual in self.actual_ratios().items()},
            teacher_ratio=teacher_ratio(rates, threshold),
            n_reference_think_tokens=n_reference,
            n_samples=len(self.samples) // len(rates),
        )


def measure_problems(
    problems: Sequence[Problem],
    grid: Sequence[float],
    n_samples: int,
    render: Callable[[str, float], str],
    backend: Backend,
    sampling: Sampling,
    grader: Grader,
    count_tokens: Callable[[str], int],
) -> list[MeasuredProblem]:
    """K graded samples of every problem at every ratio, all in one call of the backend.

    A completion that the token limit cut is truncated even when an answer stands in it already; a grade that
    could not be decided counts as not correct.

    Args:
        problems: what to solve.
        grid: the ratios.
        n_samples: K; the backend seeds repeated prompts apart.
        render: question and ratio to prompt.
        backend: source of completions.
        sampling: how to draw; its seed and each prompt's text decide the samples, whatever else is asked with
            it.
        grader: compares answers.
        count_tokens: of a chain of thought, in the model's tokenizer.
    """
    asked = [(problem, ratio, sample) for problem in problems for ratio in sorted(grid) for sample in range(n_samples)]
    generations = backend.generate([render(problem.question, ratio) for problem, ratio, _ in asked], sampling)
    grades = grader.grade_many(
        [(problem.answer, generation.text) for (problem, _, _), generation in zip(asked, generations, strict=True)]
    )
    measured = {problem.id: MeasuredProblem(problem, []) for problem in problems}
    for (problem, ratio, sample), generation, grade in zip(asked, generations, grades, strict=True):
        outcome = Outcome.TRUNCATED if generation.is_truncated else grade.outcome
        measured[problem.id].samples.append(_score(problem, ratio, sample, generation, outcome, count_tokens))
    return list(measured.values())


def _score(
    problem: Problem,
    ratio: float,
    sample: int,
    generation: Generation,
    outcome: Outcome,
    count_tokens: Callable[[str], int],
) -> Score:
    parts = split_response(generation.text)
    return Score(
        problem_id=problem.id,
        arm=ARM,
        mode="fixed",
        target_ratio=ratio,
        chosen_ratio=None if parts.control is None else parse_control_token(parts.control),
        outcome=outcome,
        level=problem.level,
        n_think_tokens=count_tokens(parts.cot),
        n_tokens=len(generation.token_ids),
        n_reference_think_tokens=None,  # known only once all ratios are there
        latency_s=generation.latency_s,
        is_closed=parts.is_closed,
        completion=generation.text,
        question=problem.question,
        answer=problem.answer,
        sample=sample,
    )


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)

"""Made-up scores for the tests of metrics, tables and the report. Nothing here was measured."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest

from extracot.evaluation.config import EvaluateConfig
from extracot.io.config import StageConfig
from extracot.io.jsonl import JsonlWriter
from extracot.io.run_directory import RunDirectory
from extracot.records.budget import TeacherBudget
from extracot.records.outcome import Outcome
from extracot.records.score import Score
from extracot.text.control import control_token
from extracot.text.think import render_response

GRID = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)

Mode = Literal["base", "fixed", "policy"]


def make_score(
    problem_id: str = "p-1",
    arm: str = "base",
    mode: Mode = "base",
    target_ratio: float | None = None,
    outcome: Outcome = Outcome.CORRECT,
    n_think_tokens: int = 100,
    reference: float | None = 100.0,
    level: int | None = 1,
    sample: int = 0,
    chosen_ratio: float | None = None,
    latency_s: float = 1.0,
    is_closed: bool = True,
    question: str = "How many shells does Ola have?",
    completion: str = "<think>\n$ Ola = 4 + 5 = 9 $.\n</think>\n\nThe answer is \\boxed{9}.",
) -> Score:
    """A score with only the interesting fields given; 10 tokens are visible."""
    return Score(
        problem_id=problem_id,
        arm=arm,
        mode=mode,
        target_ratio=target_ratio,
        chosen_ratio=chosen_ratio,
        outcome=outcome,
        level=level,
        n_think_tokens=n_think_tokens,
        n_tokens=n_think_tokens + 10,
        n_reference_think_tokens=reference,
        latency_s=latency_s,
        is_closed=is_closed,
        completion=completion,
        question=question,
        answer="9",
        sample=sample,
    )


def plausible_scores(n_problems: int = 300) -> list[Score]:
    """A whole evaluation as it might come out: a base model, a knob model with policy, and two controls."""
    rng = random.Random(0)
    scores: list[Score] = []
    for index in range(n_problems):
        level = 1 + index % 5
        needed = (
            0.06 + 0.07 * level + rng.uniform(-0.03, 0.05)
        )  # the share of the base model's tokens it takes
        n_base, luck = 90 + 26 * level + rng.randrange(-20, 40), rng.random()
        wanted = next(ratio for ratio in GRID if ratio >= needed)
        chosen = wanted if rng.random() < 0.85 else rng.choice(GRID[:4])
        asked: list[tuple[str, Mode, float | None, float]] = [("base", "base", None, 0.93)]
        for ratio in GRID:
            good = 0.925 if ratio >= needed else 0.3 + 0.5 * ratio / needed
            too_short = 0.25 if ratio < needed else 0.0
            asked.append(("extra-cot", "fixed", ratio, good))
            asked.append(("random deletion", "fixed", ratio, 0.92 - 0.45 * (1 - ratio) ** 1.5 - too_short))
            asked.append(
                ("head/tail truncation", "fixed", ratio, 0.92 - 0.33 * (1 - ratio) ** 1.5 - too_short)
            )
        asked.append(("extra-cot", "policy", None, 0.925 if chosen >= needed else 0.5))
        for arm, mode, target, chance in asked:
            ratio_said = chosen if mode == "policy" else target
            ratio = 1.0 if ratio_said is None else ratio_said + rng.uniform(-0.03, 0.06)
            n_think = n_base if mode == "base" else max(4, round(n_base * ratio))
            bad = Outcome.TRUNCATED if rng.random() < 0.1 else Outcome.WRONG
            score = make_score(
                problem_id=f"p-{index:04d}",
                arm=arm,
                mode=mode,
                target_ratio=target,
                outcome=Outcome.CORRECT if luck < chance else bad,
                n_think_tokens=n_think,
                reference=float(n_base),
                level=level,
                chosen_ratio=ratio_said,
                latency_s=0.004 * n_think + rng.uniform(0, 0.08),
                question=f"Made-up puzzle {index}. Gus has {level} shells. Ola has 5 more. How many has Ola?",
                completion=_completion(n_think, ratio_said),
            )
            scores.append(score)
    return scores


class AnyConfig(StageConfig):
    """Stands for the config of a stage whose room these tests do not touch."""


def write_evaluation(folder: Path, scores: Sequence[Score], problems: str = "toy:heldout:300:seed=7") -> Path:
    """A finished evaluation run that holds these scores."""
    run_dir = RunDirectory.open(folder, EvaluateConfig(problems=problems, base_model="toy"), "evaluate")
    path = run_dir.records("scores.jsonl")
    with JsonlWriter(path) as writer:
        for score in scores:
            writer.write(score)
    run_dir.finish([], [path], {"scores": len(scores)}, {"sampling": 0}, base_accuracy=0.93)
    return folder


def write_pipeline(folder: Path) -> Path:
    """Finished runs of other stages: counts, teacher budgets, training curves."""
    rng = random.Random(1)
    compress = RunDirectory.open(folder / "01-compress", AnyConfig(), "compress")
    compress.finish([], [], {"ok": 4768, "failed": 32}, {}, formulas_kept=0.991, ratio_error=0.012)
    budgets = RunDirectory.open(folder / "02-teacher-budgets", AnyConfig(), "teacher-budgets")
    path = budgets.records("budgets.jsonl")
    with JsonlWriter(path) as writer:
        for index in range(100):
            level = 1 + index % 5
            writer.write(
                TeacherBudget(
                    problem_id=f"p-{index}",
                    question="How many?",
                    answer="9",
                    level=level,
                    pass_rates={"0.10": 0.0, "1.00": 1.0},
                    teacher_ratio=rng.choice([None, *GRID[max(0, level - 3) : level + 1]]),
                    n_reference_think_tokens=150.0,
                    n_samples=3,
                )
            )
    budgets.finish([], [path], {"solved": 80, "unsolved": 20}, {"sampling": 1})
    chrpo = RunDirectory.open(folder / "03-chrpo", AnyConfig(), "chrpo")
    with JsonlWriter(chrpo.path / "metrics.jsonl") as writer:
        for step in range(150):
            progress = 1 - 0.98**step
            noise = rng.uniform(-0.03, 0.03)
            writer.write(
                {
                    "step": step,
                    "reward/total": -0.2 + 1.2 * progress + noise,
                    "think_tokens/mean": 140 - 95 * progress + 30 * noise,
                    "head/entropy": 1.7 - 0.8 * progress + noise,
                    "loss": None,
                }
            )
    chrpo.finish([], [], {"steps": 150}, {"sampling": 5}, reward=0.98)
    return folder


@pytest.fixture
def score() -> Callable[..., Score]:
    """Makes a score with only the interesting fields given."""
    return make_score


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    """A finished evaluation of plausible scores."""
    return write_evaluation(tmp_path / "evaluate", plausible_scores(60))


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """Finished runs of other stages."""
    return write_pipeline(tmp_path / "pipeline")


@pytest.fixture
def save_evaluation() -> Callable[..., Path]:
    """Writes a finished evaluation run: folder, scores, problems."""
    return write_evaluation


def _completion(n_think_tokens: int, ratio: float | None) -> str:
    steps = [f"Then $ a_{k} = {k + 3} + 5 = {k + 8} $." for k in range(max(1, n_think_tokens // 14))]
    control = None if ratio is None else control_token(ratio)
    return render_response(control, " ".join(steps), "\n\nThe answer is \\boxed{9}.")

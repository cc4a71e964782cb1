"""Made-up scores for the tests of metrics, tables and the report. Nothing here was measured."""

import random
from collections.abc import Callable
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

ScoreMaker = Callable[..., Score]


def make_score(
    problem_id: str = "p-1",
    arm: str = "base",
    mode: Literal["base", "fixed", "policy"] = "base",
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
    """A score with only the interesting fields given."""
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


def plausible_scores(n_problems: int = 300, seed: int = 0) -> list[Score]:
    """A whole evaluation as it might come out: a base model, a knob model with policy, and two controls."""
    rng = random.Random(seed)
    scores: list[Score] = []
    for index in range(n_problems):
        level = 1 + index % 5
        needed = 0.06 + 0.07 * level + rng.uniform(-0.03, 0.05)  # share of the base tokens it takes
        base_tokens = 90 + 26 * level + rng.randrange(-20, 40)
        luck = rng.random()

        def score(
            arm: str, mode: Literal["base", "fixed", "policy"], target: float | None, chosen: float | None, chance: float
        ) -> Score:
            ratio = 1.0 if chosen is None else min(1.02, chosen + rng.uniform(-0.03, 0.06))
            n_think = base_tokens if arm == "base" else max(4, round(base_tokens * ratio))
            ends = Outcome.CORRECT if luck < chance else rng.choice([Outcome.WRONG] * 8 + [Outcome.TRUNCATED])
            names = ["Gus", "Ola", "Quin", "Hal"]
            steps = [f"Next, we see that $ {names[k % 4]} = {k + 3} + 5 = {k + 8} $." for k in range(max(1, n_think // 14))]
            control = None if chosen is None else control_token(chosen)
            text = render_response(control, " ".join(steps), f"\n\nThe answer is \\boxed{{{level + 8}}}.")
            return Score(
                problem_id=f"p-{index:04d}",
                arm=arm,
                mode=mode,
                target_ratio=target,
                chosen_ratio=chosen,
                outcome=ends,
                level=level,
                n_think_tokens=n_think,
                n_tokens=n_think + 16,
                n_reference_think_tokens=float(base_tokens),
                latency_s=0.004 * n_think + rng.uniform(0, 0.08),
                is_closed=ends is not Outcome.TRUNCATED,
                completion=text,
                question=(
                    f"Here is a puzzle. Gus has {level} shells. Compared to Gus, Ola has 5 more shells. Kim has 3 "
                    f"stamps. How many shells does Ola have? (made-up problem {index})"
                ),
                answer=str(level + 8),
                sample=0,
            )

        scores.append(score("base", "base", None, None, 0.93))
        for ratio in GRID:
            scores.append(score("extra-cot", "fixed", ratio, ratio, 0.925 if ratio >= needed else 0.3 + 0.5 * ratio / needed))
        wanted = next((ratio for ratio in GRID if ratio >= needed), 1.0)
        chosen = wanted if rng.random() < 0.85 else rng.choice(GRID[:4])
        scores.append(score("extra-cot", "policy", None, chosen, 0.925 if chosen >= needed else 0.5))
        for arm, penalty in (("random deletion", 0.45), ("head/tail truncation", 0.33)):
            for ratio in GRID:
                scores.append(score(arm, "fixed", ratio, ratio, 0.92 - penalty * (1 - ratio) ** 1.5 - (0.25 if ratio < needed else 0)))
    return scores


class AnyConfig(StageConfig):
    """Stands for the config of a stage whose room these tests do not touch."""

    epochs: int = 3


def write_evaluation(folder: Path, scores: list[Score], problems: str = "toy:heldout:300:seed=7") -> Path:
    """A finished evaluation run that holds these scores."""
    config = EvaluateConfig(problems=problems, base_model="toy")
    run_dir = RunDirectory.open(folder, config, "evaluate")
    path = run_dir.records("scores.jsonl")
    with JsonlWriter(path) as writer:
        for score in scores:
            writer.write(score)
    run_dir.finish([], [path], {"scores": len(scores)}, {"sampling": 0}, base_accuracy=0.93)
    return folder


def write_pipeline(folder: Path) -> Path:
    """Finished runs of other stages: counts, training curves, teacher budgets."""
    rng = random.Random(1)
    compress = RunDirectory.open(folder / "01-compress", AnyConfig(), "compress")
    compress.finish([], [], {"ok": 4768, "failed": 32}, {}, formulas_kept=0.991, ratio_error=0.012)
    sft = RunDirectory.open(folder / "02-sft", AnyConfig(), "sft")
    for step in range(0, 200, 5):
        sft.metrics(step, loss=0.2 + 2.5 * 0.97**step + rng.uniform(0, 0.05), learning_rate=1e-3 * (1 - step / 200))
    sft.finish([], [], {"examples": 3200}, {"shuffle": 3}, final_loss=0.21)
    budgets = RunDirectory.open(folder / "03-teacher-budgets", AnyConfig(), "teacher-budgets")
    path = budgets.records("budgets.jsonl")
    with JsonlWriter(path) as writer:
        for index in range(400):
            level = 1 + index % 5
            ratio = rng.choice([None, *GRID[max(0, level - 3) : level + 1]])
            writer.write(
                TeacherBudget(
                    problem_id=f"p-{index}",
                    question="How many?",
                    answer="9",
                    level=level,
                    pass_rates={"0.10": 0.0, "1.00": 1.0},
                    teacher_ratio=ratio,
                    n_reference_think_tokens=150.0,
                    n_samples=3,
                )
            )
    budgets.finish([], [path], {"solved": 360, "unsolved": 40}, {"sampling": 1})
    chrpo = RunDirectory.open(folder / "04-chrpo", AnyConfig(), "chrpo")
    for step in range(150):
        x = 1 - 0.98**step
        values = {
            "reward/total": -0.2 + 1.2 * x,
            "accuracy/mean": 0.72 + 0.18 * x,
            "think_tokens/mean": 140 - 95 * x,
            "actual_ratio/mean": 0.8 - 0.55 * x,
            "head/entropy": 1.7 - 0.8 * x,
            "loss": 0.02 - 0.01 * x,
            "kl": 0.05 * x,
        }
        chrpo.metrics(step, **{name: value + rng.uniform(-0.03, 0.03) * abs(value) for name, value in values.items()})
    chrpo.finish([], [], {"steps": 150}, {"sampling": 5}, reward=0.98)
    return folder


@pytest.fixture
def score() -> ScoreMaker:
    """Makes a score with only the interesting fields given."""
    return make_score

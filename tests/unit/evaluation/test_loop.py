"""The evaluation loop with a scripted model: references, order, resume."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from extracot.evaluation.arms import Arm, ArmMode
from extracot.evaluation.loop import score_arms
from extracot.evaluation.metrics import RowKey
from extracot.generate.backend import Generation, OnDone, OnFailed, Sampling
from extracot.generate.scripted import ScriptedBackend
from extracot.io.jsonl import read_records
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.score import Score

PROBLEMS = [
    Problem(id=f"p-{n}", question=f"What is {n} plus 0?", answer=str(n), level=n, source="test")
    for n in range(1, 6)
]
BASE = Arm("base", "base-model", PromptFormat(), [ArmMode(RowKey("base", "base", None), None)])
OURS = Arm(
    "ours",
    "our-model",
    PromptFormat(),
    [
        ArmMode(RowKey("ours", "fixed", 0.5), "<COMP_50>"),
        ArmMode(RowKey("ours", "policy", None), "<COMP_POLICY>"),
    ],
)


class ScriptedModel:
    """Thinks ten words without a control token and five with one, then answers the number in the question."""

    def __init__(self) -> None:
        self.backend = ScriptedBackend(self._reply)
        self.prompts: list[str] = []

    def render(self, prompt_format: PromptFormat, question: str, control: str | None) -> str:
        return prompt_format.user_turn(question, control)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def _reply(self, prompt: str) -> str:
        self.prompts.append(prompt)
        number = prompt.split()[2]
        if "<COMP_" not in prompt:
            return f"<think>\n{'so ' * 10}\n</think>\n\nThe answer is \\boxed{{{number}}}."
        return f"<COMP_50>\n<think>\n{'so ' * 5}\n</think>\n\nThe answer is \\boxed{{{number}}}."


def run(
    path: Path,
    model: ScriptedModel,
    arms: list[Arm] | None = None,
    n_samples: int = 1,
    max_new_tokens: int = 99,
) -> list[Score]:
    opened: list[str] = []

    def open_model(arm: Arm) -> ScriptedModel:
        opened.append(arm.model)
        return model

    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=0.7)
    score_arms(
        arms or [BASE, OURS],
        PROBLEMS,
        sampling,
        n_samples,
        2 * n_samples,
        path,
        open_model,
        lambda message: None,
    )
    assert opened == sorted(set(opened), key=opened.index)
    return list(read_records(path, Score))


def test_every_arm_mode_and_problem_is_scored_against_the_base_model(tmp_path: Path) -> None:
    scores = run(tmp_path / "scores.jsonl", ScriptedModel())
    assert len(scores) == 15
    assert all(score.outcome is Outcome.CORRECT for score in scores)
    assert {score.n_reference_think_tokens for score in scores} == {10.0}
    ours = [score for score in scores if score.arm == "ours"]
    assert {(score.n_think_tokens, score.chosen_ratio) for score in ours} == {(5, 0.5)}
    assert [score.target_ratio for score in ours] == [0.5] * 5 + [None] * 5


def test_a_run_killed_after_any_line_resumes_to_the_same_records(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    expected = run(whole, ScriptedModel(), n_samples=2)
    lines = whole.read_text().splitlines(keepends=True)
    for n_kept in range(len(lines) + 1):
        torn = tmp_path / f"torn-{n_kept}.jsonl"
        torn.write_text("".join(lines[:n_kept]) + (lines[n_kept][:40] if n_kept < len(lines) else ""))
        assert run(torn, ScriptedModel(), n_samples=2) == expected


def test_what_is_already_scored_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    run(path, ScriptedModel(), arms=[BASE])
    model = ScriptedModel()
    scores = run(path, model)
    assert len(model.prompts) == 10 and all("<COMP_" in prompt for prompt in model.prompts)
    assert scores[-1].n_reference_think_tokens == 10.0


def test_a_cut_base_model_is_truncated_and_its_tokens_are_the_reference(tmp_path: Path) -> None:
    scores = run(tmp_path / "scores.jsonl", ScriptedModel(), max_new_tokens=4)
    base = scores[0]
    # <think> and three words, cut before the closing tag
    assert (base.outcome, base.n_think_tokens, base.n_reference_think_tokens) == (Outcome.TRUNCATED, 3, 3.0)


def test_every_sample_has_a_seed_of_its_own(tmp_path: Path) -> None:
    seen: list[int] = []

    class Recording(ScriptedModel):
        def __init__(self) -> None:
            super().__init__()
            inner = self.backend.generate

            class Backend:
                def generate(
                    self,
                    prompts: list[str],
                    sampling: Sampling,
                    on_done: OnDone | None = None,
                    seeds: list[int] | None = None,
                    on_failed: OnFailed | None = None,
                ) -> list[Generation]:
                    seen.extend(seeds or [])
                    return inner(prompts, sampling, on_done, seeds)

            self.backend = Backend()  # type: ignore[assignment]

    run(tmp_path / "scores.jsonl", Recording(), n_samples=3)
    assert len(seen) == len(set(seen)) == 45


@pytest.fixture(autouse=True)
def _plain_answers_need_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are graded by exact rules; a test that needed the pool would start processes and be slow."""

    def refuse(*arguments: object) -> Callable[[], None]:
        raise AssertionError("these answers are plain")

    monkeypatch.setattr("extracot.grading.grader.Grader._schedule", refuse)

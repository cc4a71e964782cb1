"""The stage on a scripted backend: no model runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import DataError, ModelError
from extracot.generate.backend import Generation, Sampling
from extracot.generate.scripted import ScriptedBackend
from extracot.io.jsonl import read_jsonl, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.records import Score, TeacherBudget
from extracot.training.budgets.config import TeacherBudgetsConfig
from extracot.training.budgets.run import plan, run

PROBLEMS = [
    {"id": "easy", "question": "easy sum?", "answer": "9"},
    {"id": "hard", "question": "hard sum?", "answer": "9"},
    {"id": "hopeless", "question": "hopeless sum?", "answer": "9"},
    {"id": "thoughtless", "question": "thoughtless sum?", "answer": "9"},
]


def reply(prompt: str) -> str:
    """Easy is solved at every ratio, hard from 0.5 on, hopeless never; thoughtless leaves its block empty."""
    control = prompt[prompt.index("<COMP_") : prompt.index(">", prompt.index("<COMP_")) + 1]
    is_right = "easy" in prompt or ("hard" in prompt and control != "<COMP_20>")
    cot = (
        ""
        if "thoughtless" in prompt
        else {"<COMP_20>": "a", "<COMP_50>": "a b c", "<COMP_100>": "a b c d e f"}[control]
    )
    return f"{control}\n<think>\n{cot}\n</think>\n\nThe answer is \\boxed{{{9 if is_right else 7}}}."


@pytest.fixture
def config(prepared_model_dir: Path, tmp_path: Path) -> TeacherBudgetsConfig:
    problems = tmp_path / "problems.jsonl"
    problems.write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS))
    return TeacherBudgetsConfig(
        model=str(prepared_model_dir),
        problems=str(problems),
        n_samples=2,
        chunk_size=2,
        keep_samples=True,
        sampling=Sampling(max_new_tokens=50),
    )


def run_stage(config: TeacherBudgetsConfig, folder: Path, backend: object = None) -> Manifest:
    run_dir = RunDirectory.open(folder, config, "teacher-budgets", resume=True)
    return run(config, run_dir, backend or ScriptedBackend(reply))  # type: ignore[arg-type]


def test_budgets_follow_the_pass_rates_and_the_table_adds_up(config: TeacherBudgetsConfig, tmp_path: Path) -> None:
    manifest = run_stage(config, tmp_path / "run")
    budgets = {b.problem_id: b for b in read_records(tmp_path / "run/records/budgets.jsonl", TeacherBudget)}
    assert {name: b.teacher_ratio for name, b in budgets.items()} == {
        "easy": 0.2,
        "hard": 0.5,
        "hopeless": None,
    }
    assert budgets["hard"].pass_rates == {"0.20": 0.0, "0.50": 1.0, "1.00": 1.0}
    # "a b c d e f" in bytes and merged spaces: the reference counts the model's tokens, not words
    assert budgets["easy"].n_reference_think_tokens == 11
    assert budgets["easy"].n_samples == 2
    assert manifest.counts == {"problems": 3, "skipped": 1, "solved": 2}
    table = {k: v for k, v in manifest.summary.items() if k.startswith("n_teacher_ratio")}
    assert table == {
        "n_teacher_ratio_0.20": 1,
        "n_teacher_ratio_0.50": 1,
        "n_teacher_ratio_1.00": 0,
        "n_teacher_ratio_none": 1,
    }
    assert manifest.summary["pass_rate_0.20"] == pytest.approx(1 / 3)
    assert manifest.summary["mean_teacher_ratio"] == pytest.approx(0.35)


def test_a_problem_without_a_reference_length_is_skipped_and_counted(
    config: TeacherBudgetsConfig, tmp_path: Path
) -> None:
    run_stage(config, tmp_path / "run")
    skipped = [row for _, row in read_jsonl(tmp_path / "run/records/skipped.jsonl")]
    assert [row["problem_id"] for row in skipped] == ["thoughtless"]


def test_every_sample_is_kept_when_asked_for(config: TeacherBudgetsConfig, tmp_path: Path) -> None:
    run_stage(config, tmp_path / "run")
    samples = list(read_records(tmp_path / "run/records/samples.jsonl", Score))
    assert len(samples) == 4 * 3 * 2
    assert {(s.target_ratio, s.chosen_ratio) for s in samples} == {(0.2, 0.2), (0.5, 0.5), (1.0, 1.0)}


class FailingBackend(ScriptedBackend):
    """Breaks down at its second call, as a kill would."""

    n_calls = 0

    def generate(self, *args: object, **kwargs: object) -> list[Generation]:
        self.n_calls += 1
        if self.n_calls == 2:
            raise KeyboardInterrupt
        return super().generate(*args, **kwargs)  # type: ignore[arg-type]


def test_a_killed_run_resumes_to_the_same_records(config: TeacherBudgetsConfig, tmp_path: Path) -> None:
    run_stage(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_stage(config, tmp_path / "broken", FailingBackend(reply))
    samples = tmp_path / "broken/records/samples.jsonl"
    with samples.open("a") as file:  # a kill between the samples of a chunk and its budgets
        file.write(samples.read_text().splitlines()[0].replace('"easy"', '"hopeless"') + "\n")
    asked: list[str] = []

    def asking_reply(prompt: str) -> str:
        asked.append(prompt)
        return reply(prompt)

    run_stage(config, tmp_path / "broken", ScriptedBackend(asking_reply))
    for name in ("budgets.jsonl", "skipped.jsonl", "samples.jsonl"):
        whole, broken = tmp_path / "whole/records" / name, tmp_path / "broken/records" / name
        assert broken.read_text() == whole.read_text()
    assert not any("easy" in prompt for prompt in asked)  # the first chunk is not asked again


def test_a_finished_run_is_a_no_op(config: TeacherBudgetsConfig, tmp_path: Path) -> None:
    first = run_stage(config, tmp_path / "run")
    assert run_stage(config, tmp_path / "run", FailingBackend(reply)) == first


def test_a_model_without_control_tokens_is_refused(
    config: TeacherBudgetsConfig, tiny_model_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="prepare-model"):
        run_stage(config.model_copy(update={"model": str(tiny_model_dir)}), tmp_path / "run")


def test_a_plan_counts_the_completions_and_refuses_what_the_run_would(
    config: TeacherBudgetsConfig, tiny_model_dir: Path, tmp_path: Path
) -> None:
    assert plan(config) == "4 problems x 3 ratios x 2 samples = 24 completions of at most 50 tokens"
    with pytest.raises(ModelError, match="prepare-model"):
        plan(config.model_copy(update={"model": str(tiny_model_dir)}))
    nothing = tmp_path / "nothing.jsonl"
    nothing.write_text("")
    with pytest.raises(DataError, match="nothing.jsonl"):
        plan(config.model_copy(update={"problems": str(nothing)}))


@pytest.mark.parametrize(("max_overrun", "expected"), [(None, 0.2), (1.5, 0.2), (1.0, 0.5)])
def test_a_ratio_that_overspends_its_promise_is_not_reliable(
    config: TeacherBudgetsConfig, tmp_path: Path, max_overrun: float | None, expected: float
) -> None:
    def overspend(prompt: str) -> str:  # at 0.2 as long as at 0.5: 5 of 11 tokens, an actual ratio of 0.45
        return reply(prompt).replace("<think>\na\n", "<think>\na b c\n")

    limited = config.model_copy(update={"max_overrun": max_overrun})
    run_stage(limited, tmp_path / "run", ScriptedBackend(overspend))
    budgets = {b.problem_id: b for b in read_records(tmp_path / "run/records/budgets.jsonl", TeacherBudget)}
    assert budgets["easy"].teacher_ratio == expected
    assert budgets["hopeless"].teacher_ratio is None


def test_budgets_may_be_measured_behind_a_server(
    config: TeacherBudgetsConfig, tmp_path: Path, server: Any, answers: dict[str, Callable[..., Any]]
) -> None:
    server.script = lambda asked, _: answers["completion"](reply(asked.prompt))
    section = {"base_url": server.base_url, "model": "scripted", "api": "completions"}
    values = {**config.model_dump(), "backend": "openai", "server": section}
    asking = TeacherBudgetsConfig.model_validate(values)
    run(asking, RunDirectory.open(tmp_path / "server", asking, "teacher-budgets"))
    run_stage(config, tmp_path / "scripted")
    for name in ("budgets.jsonl", "skipped.jsonl"):
        assert (tmp_path / "server/records" / name).read_text() == (tmp_path / "scripted/records" / name).read_text()
    assert len(server.asked) == 4 * 3 * 2

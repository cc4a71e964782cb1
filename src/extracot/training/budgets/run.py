"""The teacher-budgets stage: problems in, one `TeacherBudget` each out (`records/budgets.jsonl`)."""

import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from extracot.generate.backend import Backend
from extracot.generate.factory import open_backend, render_prompt, tokens_counted_by
from extracot.grading.grader import Grader
from extracot.io.atomic import write_text_atomic
from extracot.io.jsonl import JsonlWriter, read_jsonl, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.prompts import count_tokens
from extracot.problems.read import count_problems, resolve_problems
from extracot.problems.spec import split_spec
from extracot.records.budget import TeacherBudget
from extracot.records.score import Score
from extracot.text.control import control_token
from extracot.text.durations import format_duration
from extracot.training.budgets.config import TeacherBudgetsConfig
from extracot.training.budgets.measure import measure_problems
from extracot.training.model_folder import load_prepared

UNSOLVED = "none"
"""How a missing teacher budget is written in tables."""


def run(config: TeacherBudgetsConfig, run_dir: RunDirectory, backend: Backend | None = None) -> Manifest:
    """Measure problem by problem; a resumed run goes on with those that are missing, with the same result.

    Args:
        config: see its fields.
        run_dir: where records go.
        backend: source of completions; None opens the one that the config names.

    Raises:
        ConfigError, MissingExtraError, StageError: as `open_backend` and `Backend.generate`.
        ModelError: a model without control tokens.
        UsageError: prompt and token limit do not fit the model, or a toy spec that does not parse.
        DataError, MissingFileError: problems that cannot be read.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    problems = resolve_problems(config.problems)[: config.limit]
    knob, tokenizer = load_prepared(config.model)
    budgets_path, skipped_path = run_dir.records("budgets.jsonl"), run_dir.records("skipped.jsonl")
    samples_path = run_dir.records("samples.jsonl")
    done = _done(budgets_path, skipped_path)
    owed = [problem for problem in problems if problem.id not in done]
    if samples_path.exists():
        _drop_unfinished(samples_path, done)
    run_dir.log(
        f"teacher-budgets: {len(problems)} problems x {len(knob.grid)} ratios x {config.n_samples} samples "
        f"by {config.model}; {len(problems) - len(owed)} problems there, {len(owed)} to go; "
        f"tokens counted by {tokens_counted_by(config)}"
    )
    if owed:
        source = backend or open_backend(
            config, config.model, tokenizer, dtype=config.precision, batch_size=config.batch_size
        )
        started = time.perf_counter()
        n_done = 0
        with Grader() as grader, JsonlWriter(budgets_path) as budgets, JsonlWriter(skipped_path) as skipped:
            for start in range(0, len(owed), config.chunk_size):
                chunk = owed[start : start + config.chunk_size]
                measured = measure_problems(
                    chunk,
                    knob.grid,
                    config.n_samples,
                    lambda question, ratio: render_prompt(
                        config, tokenizer, knob.prompt_format, question, control_token(ratio)
                    ),
                    source,
                    config.sampling,
                    grader,
                    lambda text: count_tokens(tokenizer, text),
                )
                if config.keep_samples:
                    with JsonlWriter(samples_path) as samples:
                        for item in measured:
                            for sample in item.samples:
                                samples.write(sample)
                for item in measured:
                    budget = item.budget(config.pass_rate, config.max_overrun)
                    if budget is None:
                        skipped.write({"problem_id": item.problem.id, "reason": "no think tokens at full ratio"})
                    else:
                        budgets.write(budget)
                n_done += len(chunk)
                elapsed_s = time.perf_counter() - started
                run_dir.log(
                    f"teacher-budgets: {n_done}/{len(owed)} problems, {n_done / elapsed_s:.2f} a second, "
                    f"{format_duration(elapsed_s / n_done * (len(owed) - n_done))} left"
                )
    return _finish(config, run_dir, knob.grid)


def plan(config: TeacherBudgetsConfig) -> str:
    """What `run` would do, from the problems and the model's folder, without loading weights.

    Raises:
        ModelError, UsageError, DataError, MissingFileError: as `run`.
    """
    n_problems = count_problems(config.problems, config.limit)
    knob, _ = load_prepared(config.model)
    n_completions = n_problems * len(knob.grid) * config.n_samples
    return (
        f"{n_problems} problems x {len(knob.grid)} ratios x {config.n_samples} samples = {n_completions} completions "
        f"of at most {config.sampling.max_new_tokens} tokens"
    )


def distribution(budgets: Sequence[TeacherBudget], grid: Sequence[float]) -> dict[str, int]:
    """How many problems need each ratio, keyed "0.20", ascending, `UNSOLVED` last."""
    counts = Counter(UNSOLVED if b.teacher_ratio is None else f"{b.teacher_ratio:.2f}" for b in budgets)
    return {key: counts[key] for key in [*(f"{ratio:.2f}" for ratio in sorted(grid)), UNSOLVED]}


def _done(budgets_path: Path, skipped_path: Path) -> set[str]:
    """Ids of the problems that an earlier attempt has measured."""
    done: set[str] = set()
    if budgets_path.exists():
        done |= {budget.problem_id for budget in read_records(budgets_path, TeacherBudget)}
    if skipped_path.exists():
        done |= {str(row["problem_id"]) for _, row in read_jsonl(skipped_path)}
    return done


def _drop_unfinished(samples_path: Path, done: Collection[str]) -> None:
    """Remove samples whose problem was not finished before a kill: they will be drawn again."""
    kept = [sample for sample in read_records(samples_path, Score) if sample.problem_id in done]
    write_text_atomic(samples_path, "".join(sample.model_dump_json() + "\n" for sample in kept))


def _finish(config: TeacherBudgetsConfig, run_dir: RunDirectory, grid: Sequence[float]) -> Manifest:
    path, skipped_path = run_dir.records("budgets.jsonl"), run_dir.records("skipped.jsonl")
    budgets = list(read_records(path, TeacherBudget))
    table = distribution(budgets, grid)
    for key, n in table.items():
        run_dir.log(f"teacher-budgets: r* {key}: {n} problems")
    solved = [budget for budget in budgets if budget.teacher_ratio is not None]
    keys = [f"{ratio:.2f}" for ratio in sorted(grid)]
    return run_dir.finish(
        inputs=[
            item for item in (split_spec(config.problems)[1], config.model) if item is not None and Path(item).exists()
        ],
        outputs=[path, skipped_path, *([run_dir.records("samples.jsonl")] if config.keep_samples else [])],
        counts={
            "problems": len(budgets),
            "skipped": sum(1 for _ in read_jsonl(skipped_path)),
            "solved": len(solved),
        },
        seeds={"sampling": config.sampling.seed},
        **{f"n_teacher_ratio_{key}": n for key, n in table.items()},
        **{
            f"pass_rate_{key}": sum(budget.pass_rates[key] for budget in budgets) / max(1, len(budgets)) for key in keys
        },
        mean_teacher_ratio=sum(b.teacher_ratio or 0.0 for b in solved) / len(solved) if solved else None,
    )

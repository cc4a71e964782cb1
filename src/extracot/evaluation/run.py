"""The evaluate stage: models and problems in, graded completions out (`records/scores.jsonl`)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from extracot.compressor.costs import token_offsets
from extracot.evaluation.arms import Arm, resolve_arms
from extracot.evaluation.config import BASE_ARM, EvaluateConfig
from extracot.evaluation.loop import score_arms
from extracot.evaluation.metrics import RowMetrics, group_rows, row_metrics
from extracot.evaluation.questions import check_problems, keep_problems
from extracot.evaluation.table import describe_mode, render_plain
from extracot.generate.backend import Backend
from extracot.generate.factory import open_backend, render_prompt, tokens_counted_by
from extracot.io.jsonl import read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.control import control_token_ids
from extracot.models.load import load_tokenizer, resolve_model
from extracot.models.prompts import PromptFormat, count_tokens
from extracot.problems.read import count_problems, read_problem_set
from extracot.records.score import Score


def run(config: EvaluateConfig, run_dir: RunDirectory) -> Manifest:
    """Ask every arm in every mode, grade and write; print the table. A resumed run asks for what is missing.

    Raises:
        ConfigError: a mode that a model was not prepared for.
        ModelError: no such model, or one whose vocabulary lacks a control token.
        UsageError: prompt and token limit do not fit a model, or a toy spec that does not parse.
        MissingExtraError, StageError: as `open_backend` and `Backend.generate`.
        DataError, MissingFileError: problems that cannot be read, or others than the run was started or pinned with.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    arms = resolve_arms(config)
    asked = read_problem_set(config.problems)
    problem_set = asked.first(config.limit)
    n_unreadable = check_problems(config, asked, problem_set, run_dir.log)
    problems = problem_set.problems
    for arm in arms:  # all of them first: a wrong folder in the last arm costs no hours
        _check_vocabulary(arm)
    n_modes = sum(len(arm.modes) for arm in arms)
    run_dir.log(
        f"evaluate: {len(problems)} problems x {config.samples_per_problem}, "
        f"{n_modes} modes of {len(arms)} arms; "
        f"tokens counted by {' and '.join(sorted({tokens_counted_by(config, arm.server) for arm in arms}))}"
    )
    if len({arm.prompt_format for arm in arms}) > 1:
        run_dir.log("evaluate: the arms are prompted differently; set prompt_format to prompt them alike")
    problems_path, path = run_dir.records("problems.jsonl"), run_dir.records("scores.jsonl")
    keep_problems(problems_path, problems)
    score_arms(
        arms,
        problems,
        config.sampling,
        config.samples_per_problem,
        # In this process batches are made here; a server or vLLM keeps its own queue full.
        config.batch_size if config.backend == "transformers" else None,
        path,
        lambda arm: _Respondent(config, arm),
        run_dir.log,
    )
    scores = list(read_records(path, Score))
    rows = [row_metrics(group) for group in group_rows(scores).values()]
    print(render_plain(rows))
    folders = [Path(resolve_model(arm.model)) for arm in arms]
    models = [folder for folder in folders if folder.is_dir()]
    problem_files = [] if problem_set.path is None else [Path(problem_set.path)]
    return run_dir.finish(
        inputs=[*problem_files, *dict.fromkeys(models)],
        outputs=[path, problems_path],
        counts={"scores": len(scores), **Counter(score.outcome.value for score in scores)},
        seeds={"sampling": config.sampling.seed},
        problems_sha256=asked.sha256,
        n_unreadable_golds=n_unreadable,
        **_summary(rows),
    )


def plan(config: EvaluateConfig) -> str:
    """One line per arm with its modes.

    Raises:
        ConfigError, ModelError, DataError, MissingFileError, UsageError: as `run`, without loading models.
    """
    n_problems = count_problems(config.problems, config.limit)
    lines = [f"{n_problems} problems x {config.samples_per_problem} for each of:"]
    for arm in resolve_arms(config):
        lines.append(f"{arm.name} ({arm.model}): {', '.join(describe_mode(mode.key) for mode in arm.modes)}")
    return "\n".join(lines)


class _Respondent:
    """The model of one arm, in this process or behind a server."""

    def __init__(self, config: EvaluateConfig, arm: Arm) -> None:
        self._config = config
        self._server = arm.server
        self._tokenizer = load_tokenizer(arm.model)
        self.backend: Backend = open_backend(
            config,
            arm.model,
            self._tokenizer,
            dtype=config.dtype,
            batch_size=config.batch_size,
            server=arm.server,
        )

    def render(self, prompt_format: PromptFormat, question: str, control: str | None) -> str:
        return render_prompt(self._config, self._tokenizer, prompt_format, question, control, self._server)

    def count_tokens(self, text: str) -> int:
        return count_tokens(self._tokenizer, text)

    def token_spans(self, text: str) -> Sequence[tuple[int, int]]:
        return token_offsets(self._tokenizer, [text])[0]


def _check_vocabulary(arm: Arm) -> None:
    controls = [mode.control for mode in arm.modes if mode.control is not None]
    tokenizer = load_tokenizer(arm.model)
    if controls:
        control_token_ids(tokenizer, controls)


def _summary(rows: Sequence[RowMetrics]) -> dict[str, float | int | str | None]:
    """The base model and every policy: what a person looks for first."""
    summary: dict[str, float | int | str | None] = {}
    for row in rows:
        if row.key.arm == BASE_ARM or row.key.mode == "policy":
            summary[f"{row.key.arm}_accuracy"] = row.accuracy
            summary[f"{row.key.arm}_think_tokens"] = row.mean_think_tokens
            if row.key.mode == "policy":
                summary[f"{row.key.arm}_saving"] = row.saving
    return summary

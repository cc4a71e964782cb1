"""The generate stage: problems in, graded traces out (`records/traces.jsonl`)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extracot.errors import ModelError, StageError
from extracot.generate.backend import Backend, FailedRequest, Generation
from extracot.generate.config import GenerateConfig
from extracot.generate.factory import open_backend, render_prompt, tokens_counted_by
from extracot.generate.import_traces import import_traces, plan_import
from extracot.generate.progress import CompletionProgress
from extracot.generate.requests import TraceRequest, trace_requests
from extracot.grading.grader import Grader
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob, prompt_format_of
from extracot.models.load import load_tokenizer, resolve_model
from extracot.models.prompts import count_tokens
from extracot.problems.read import count_problems, resolve_problems
from extracot.problems.spec import split_spec
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.control import control_tokens
from extracot.text.think import split_response, with_opened_think

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RECORDS = "traces.jsonl"
FAILED = "failed.jsonl"


def run(config: GenerateConfig, run_dir: RunDirectory, backend: Backend | None = None) -> Manifest:
    """Ask, grade and write each completion as it comes; a resumed run goes on with what is missing.

    Writes records/traces.jsonl, and records/failed.jsonl with the prompts that a server refuses for good. With
    `traces` nothing is asked: see `import_traces`.

    Args:
        config: see its fields.
        run_dir: where records go.
        backend: source of completions; None opens the one that the config names.

    Raises:
        ModelError: no such model, or one that does not know the control token asked for.
        UsageError: prompt and token limit do not fit the model, or a toy spec that does not parse.
        DataError, MissingFileError: problems that cannot be read.
        ConfigError: no key for the server.
        MissingExtraError: vLLM is not installed.
        StageError: a server that is down or left completions unanswered; what came stays, for a resume.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    if config.traces is not None:
        return import_traces(config, run_dir)
    assert config.problems is not None and config.model is not None, "the config checks this"
    writer = written_by(config, config.model)
    problems = resolve_problems(config.problems)[: config.limit]
    tokenizer = load_tokenizer(config.model)
    control = config.control_token
    if control is not None:
        _check_control(config.model, tokenizer, control)
    prompt_format = config.prompt_format or prompt_format_of(config.model)
    requests = list(
        trace_requests(
            problems,
            lambda question: render_prompt(config, tokenizer, prompt_format, question, control),
            writer,
            config.samples_per_problem,
            config.sampling.seed,
        )
    )
    path = run_dir.records(RECORDS)
    finished = {trace.id for trace in read_records(path, Trace)} if path.exists() else set()
    # Longest first: what does not fit in memory fails at once, and the time left is not underestimated.
    owed = [request for request in requests if request.trace_id not in finished]
    owed.sort(key=lambda request: -len(request.prompt))
    run_dir.log(
        f"generate: {len(problems)} problems x {config.samples_per_problem} by {writer}; "
        f"{len(finished)} traces there, {len(owed)} to go; tokens counted by {tokens_counted_by(config)}"
    )
    n_refused = 0
    if owed:
        source = backend or open_backend(
            config, config.model, tokenizer, dtype=config.dtype, batch_size=config.batch_size
        )
        progress = CompletionProgress(run_dir.log, "generate", len(owed))
        with Grader() as grader, _Intake(run_dir, owed, tokenizer, grader, writer, progress) as intake:
            source.generate(
                [request.prompt for request in owed],
                config.sampling,
                on_done=intake.add,
                seeds=[request.seed for request in owed],
                on_failed=intake.fail,
            )
        intake.check()
        n_refused = intake.n_refused
    return _finish(config, run_dir, path, n_refused)


def plan(config: GenerateConfig) -> str:
    """What `run` would do, from the problems and the model's folder, without loading weights.

    Raises:
        ModelError, UsageError, DataError, MissingFileError: as `run`.
    """
    if config.traces is not None:
        return plan_import(config)
    assert config.problems is not None and config.model is not None, "the config checks this"
    n_problems = count_problems(config.problems, config.limit)
    prompt_format = config.prompt_format or prompt_format_of(config.model)
    tokenizer = load_tokenizer(config.model)  # a hub name that is wrong shows itself here
    if config.control_token is not None:
        _check_control(config.model, tokenizer, config.control_token)
    how = f"in batches of {config.batch_size}"
    if config.server is not None:
        how = f"{config.server.concurrency} at once from {config.server.base_url} as {written_by(config, config.model)}"
    return (
        f"{n_problems} problems x {config.samples_per_problem} by {resolve_model(config.model)}, at most "
        f"{config.sampling.max_new_tokens} tokens each, {how}; control token "
        f"{config.control_token}; system prompt {prompt_format.system!r}, "
        f"instruction {prompt_format.instruction!r}"
    )


def written_by(config: GenerateConfig, model: str) -> str:
    """Who writes the traces: the model, by the name that the server has for it."""
    return model if config.server is None else config.server.served_name(model)


class _Intake:
    """Takes what a backend hands over: grades and writes each completion at once, and keeps account of the rest."""

    def __init__(
        self,
        run_dir: RunDirectory,
        requests: Sequence[TraceRequest],
        tokenizer: "PreTrainedTokenizerBase",
        grader: Grader,
        model: str,
        progress: CompletionProgress,
    ) -> None:
        self._requests = requests
        self._tokenizer = tokenizer
        self._grader = grader
        self._model = model
        self._progress = progress
        self._writer = JsonlWriter(run_dir.records(RECORDS))
        # What failed before is asked again, so it has not failed yet.
        self._failed = JsonlWriter(run_dir.records(FAILED), append=False)
        self._unanswered: list[FailedRequest] = []
        self.n_refused = 0

    def add(self, index: int, generation: Generation) -> None:
        """Grade and write one completion."""
        trace = make_trace(self._requests[index], generation, self._tokenizer, self._grader, self._model)
        self._writer.write(trace)
        self._progress.add(len(generation.token_ids), trace.outcome is Outcome.CORRECT)

    def fail(self, index: int, failed: FailedRequest) -> None:
        """Write down why there is no completion."""
        request = self._requests[index]
        self._failed.write(
            {
                "format": "extracot.failed-request/1",
                "trace_id": request.trace_id,
                "problem_id": request.problem.id,
                "error": failed.error,
                "is_refusal": failed.is_refusal,
            }
        )
        if failed.is_refusal:
            self.n_refused += 1
        else:
            self._unanswered.append(failed)
        self._progress.add_failure()

    def check(self) -> None:
        """See that every prompt was completed, or refused for good.

        Raises:
            StageError: some had no useful answer in time; a resume asks for them again.
        """
        if self._unanswered:
            raise StageError(
                f"{len(self._unanswered)} of {len(self._requests)} completions did not come, the last for: "
                f"{self._unanswered[-1].error}; all others are kept: see that the server answers, then --resume"
            )

    def __enter__(self) -> "_Intake":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._failed.close()


def make_trace(
    request: TraceRequest,
    generation: Generation,
    tokenizer: "PreTrainedTokenizerBase",
    grader: Grader,
    model: str,
) -> Trace:
    """The graded record of one completion.

    A completion that the token limit cut is truncated, even when an answer stands in it already.
    """
    text = with_opened_think(request.prompt, generation.text)
    grade = grader.grade(request.problem.answer, text)
    parts = split_response(text)
    return Trace(
        id=request.trace_id,
        problem_id=request.problem.id,
        question=request.problem.question,
        answer=request.problem.answer,
        level=request.problem.level,
        cot=parts.cot,
        response=parts.visible,
        model=model,
        outcome=Outcome.TRUNCATED if generation.is_truncated else grade.outcome,
        is_closed=parts.is_closed,
        n_think_tokens=count_tokens(tokenizer, parts.cot),
        n_tokens=len(generation.token_ids),
        latency_s=generation.latency_s,
    )


def _check_control(model: str, tokenizer: "PreTrainedTokenizerBase", control: str) -> None:
    control_token_ids(tokenizer, [control])
    knob = Knob.find(model)
    if knob is not None and control not in control_tokens(knob.grid):
        known = ", ".join(str(ratio) for ratio in knob.grid)
        raise ModelError(f"model {model} was not prepared for {control}; its ratios are {known}")


def _finish(config: GenerateConfig, run_dir: RunDirectory, path: Path, n_refused: int) -> Manifest:
    assert config.problems is not None and config.model is not None, "the config checks this"
    traces = list(read_records(path, Trace))
    if not traces:
        raise StageError(f"no completion came back; {run_dir.records(FAILED)} says why; correct that, then --resume")
    counts = Counter(trace.outcome.value for trace in traces)
    source = resolve_model(config.model)
    failed = [run_dir.records(FAILED)] if n_refused else []
    return run_dir.finish(
        inputs=[item for item in (split_spec(config.problems)[1], source) if item is not None and Path(item).exists()],
        outputs=[path, *failed],
        counts={
            "traces": len(traces),
            **{outcome.value: counts[outcome.value] for outcome in Outcome},
            "failed": n_refused,
        },
        seeds={"sampling": config.sampling.seed},
        accuracy=counts[Outcome.CORRECT.value] / len(traces),
        mean_think_tokens=sum(trace.n_think_tokens or 0 for trace in traces) / len(traces),
        mean_tokens=sum(trace.n_tokens or 0 for trace in traces) / len(traces),
        share_truncated=counts[Outcome.TRUNCATED.value] / len(traces),
        tokens_counted_by=tokens_counted_by(config),
    )

"""The generate stage: problems in, graded traces out (`records/traces.jsonl`)."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from extracot.errors import ModelError
from extracot.generate.backend import Backend, Generation, Sampling
from extracot.generate.config import GenerateConfig
from extracot.generate.requests import TraceRequest, trace_requests
from extracot.generate.transformers_backend import TransformersBackend
from extracot.grading.grader import Grader
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob, prompt_format_of
from extracot.models.load import load_causal_lm, load_tokenizer, resolve_model
from extracot.models.prompts import count_tokens
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.control import control_tokens
from extracot.text.think import split_response
from extracot.toy.problems import resolve_problems


def run(config: GenerateConfig, run_dir: RunDirectory) -> Manifest:
    """Sample, grade and write, one batch after the other; a resumed run goes on with what is missing.

    Raises:
        ModelError: no such model, or one that does not know the control token asked for.
        UsageError: prompt and token limit do not fit the model, or a toy spec that does not parse.
        DataError, MissingFileError: problems that cannot be read.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    problems = resolve_problems(config.problems)[: config.limit]
    tokenizer = load_tokenizer(config.model)
    control = config.control_token
    if control is not None:
        _check_control(config.model, tokenizer, control)
    prompt_format = config.prompt_format or prompt_format_of(config.model)
    requests = list(
        trace_requests(
            problems,
            lambda question: prompt_format.render(tokenizer, question, control),
            config.model,
            config.samples_per_problem,
            config.sampling.seed,
        )
    )
    path = run_dir.records("traces.jsonl")
    finished = {trace.id for trace in read_records(path, Trace)} if path.exists() else set()
    # Longest first: what does not fit in memory fails at once, and the time left is not underestimated.
    owed = [request for request in requests if request.trace_id not in finished]
    owed.sort(key=lambda request: -len(request.prompt))
    run_dir.log(
        f"generate: {len(problems)} problems x {config.samples_per_problem} by {config.model}; "
        f"{len(finished)} traces there, {len(owed)} to go"
    )
    if owed:
        model = load_causal_lm(config.model, dtype=config.dtype)
        backend = TransformersBackend(model, tokenizer, config.batch_size)
        with Grader() as grader, JsonlWriter(path) as writer:
            started = time.perf_counter()
            n_tokens = n_correct = n_done = 0
            for start in range(0, len(owed), config.batch_size):
                batch = owed[start : start + config.batch_size]
                for trace in sample_traces(batch, backend, config.sampling, tokenizer, grader, config.model):
                    writer.write(trace)
                    n_tokens += trace.n_tokens or 0
                    n_correct += trace.outcome is Outcome.CORRECT
                n_done += len(batch)
                elapsed_s = time.perf_counter() - started
                left_s = elapsed_s / n_done * (len(owed) - n_done)
                run_dir.log(
                    f"generate: {n_done}/{len(owed)} traces, {n_correct / n_done:.1%} correct, "
                    f"{n_tokens / elapsed_s:.0f} tokens/s, {left_s:.0f} s left"
                )
    return _finish(config, run_dir, path)


def plan(config: GenerateConfig) -> str:
    """What `run` would do, from the problems and the model's folder, without loading weights.

    Raises:
        ModelError, UsageError, DataError, MissingFileError: as `run`.
    """
    n_problems = len(resolve_problems(config.problems)[: config.limit])
    prompt_format = config.prompt_format or prompt_format_of(config.model)
    if config.control_token is not None:
        _check_control(config.model, load_tokenizer(config.model), config.control_token)
    return (
        f"{n_problems} problems x {config.samples_per_problem} by {resolve_model(config.model)}, at most "
        f"{config.sampling.max_new_tokens} tokens each, in batches of {config.batch_size}; control token "
        f"{config.control_token}; system prompt {prompt_format.system!r}, "
        f"instruction {prompt_format.instruction!r}"
    )


def sample_traces(
    requests: Sequence[TraceRequest],
    backend: Backend,
    sampling: Sampling,
    tokenizer: PreTrainedTokenizerBase,
    grader: Grader,
    model: str,
) -> list[Trace]:
    """One graded trace per request, in order.

    A completion that the token limit cut is truncated, even when an answer stands in it already.
    """
    generations = backend.generate(
        [request.prompt for request in requests], sampling, seeds=[request.seed for request in requests]
    )
    answers = [request.problem.answer for request in requests]
    grades = grader.grade_many(zip(answers, [generation.text for generation in generations], strict=True))
    return [
        _trace(
            request,
            generation,
            Outcome.TRUNCATED if generation.is_truncated else grade.outcome,
            tokenizer,
            model,
        )
        for request, generation, grade in zip(requests, generations, grades, strict=True)
    ]


def _trace(
    request: TraceRequest,
    generation: Generation,
    outcome: Outcome,
    tokenizer: PreTrainedTokenizerBase,
    model: str,
) -> Trace:
    parts = split_response(generation.text)
    return Trace(
        id=request.trace_id,
        problem_id=request.problem.id,
        question=request.problem.question,
        answer=request.problem.answer,
        level=request.problem.level,
        cot=parts.cot,
        response=parts.visible,
        model=model,
        outcome=outcome,
        is_closed=parts.is_closed,
        n_think_tokens=count_tokens(tokenizer, parts.cot),
        n_tokens=len(generation.token_ids),
        latency_s=generation.latency_s,
    )


def _check_control(model: str, tokenizer: PreTrainedTokenizerBase, control: str) -> None:
    control_token_ids(tokenizer, [control])
    knob = Knob.find(model)
    if knob is not None and control not in control_tokens(knob.grid):
        known = ", ".join(str(ratio) for ratio in knob.grid)
        raise ModelError(f"model {model} was not prepared for {control}; its ratios are {known}")


def _finish(config: GenerateConfig, run_dir: RunDirectory, path: Path) -> Manifest:
    traces = list(read_records(path, Trace))
    counts = Counter(trace.outcome.value for trace in traces)
    source = resolve_model(config.model)
    return run_dir.finish(
        inputs=[item for item in (config.problems, source) if Path(item).exists()],
        outputs=[path],
        counts={"traces": len(traces), **{outcome.value: counts[outcome.value] for outcome in Outcome}},
        seeds={"sampling": config.sampling.seed},
        accuracy=counts[Outcome.CORRECT.value] / len(traces),
        mean_think_tokens=sum(trace.n_think_tokens or 0 for trace in traces) / len(traces),
        mean_tokens=sum(trace.n_tokens or 0 for trace in traces) / len(traces),
        share_truncated=counts[Outcome.TRUNCATED.value] / len(traces),
    )

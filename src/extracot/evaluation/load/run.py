"""The measure-load stage: the same questions under a stated load, timed (`records/loads.jsonl`), not graded.

Arms, modes and prompts are those of an evaluation, so it can be given that one's config. Prompts are asked in the
order of the problems, every measurement with the same ones; a server that caches prefixes has then seen them.

Not covered: time to the first token, which needs replies that are streamed.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from extracot.evaluation.arms import Arm, ArmMode, resolve_arms
from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.load.config import MeasureLoadConfig
from extracot.evaluation.load.figures import load_figures, render_csv, render_markdown, render_plain
from extracot.evaluation.metrics import RowKey
from extracot.evaluation.table import describe_mode
from extracot.generate.backend import Backend, FailedRequest, Generation, Sampling, request_seed
from extracot.generate.backend_config import ServerConfig
from extracot.generate.factory import open_backend, render_prompt
from extracot.io.atomic import write_text_atomic
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.load import load_tokenizer, resolve_model
from extracot.problems.read import count_problems, read_problem_set
from extracot.records.load import Load, TimedRequest
from extracot.records.problem import Problem


def run(config: MeasureLoadConfig, run_dir: RunDirectory) -> Manifest:
    """Ask every arm in every mode under every load; print the table. A resumed run measures what is missing.

    Raises:
        ConfigError, ModelError, UsageError, DataError, MissingFileError, MissingExtraError: as `evaluate`.
        StageError: a server that no request can be sent to, or where too many in a row fail.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    problem_set = read_problem_set(config.problems).first(config.limit)
    arms = _measured_arms(config)
    path = run_dir.records("loads.jsonl")
    done = {_load_id(load) for load in read_records(path, Load)} if path.exists() else set()
    with JsonlWriter(path) as writer:
        for arm in arms:
            for concurrency in config.concurrency:
                owed = [mode for mode in arm.modes if (mode.key, concurrency) not in done]
                for load in _measure_arm(config, arm, owed, problem_set.problems, concurrency) if owed else ():
                    writer.write(load)
                    figures = load_figures(load)
                    run_dir.log(
                        f"{arm.name} {describe_mode(_load_id(load)[0])}, {concurrency} at once: "
                        f"{figures.requests_per_s:.2f} requests/s, {figures.tokens_per_s:.0f} tokens/s"
                    )
    inputs = [Path(resolve_model(arm.model)) for arm in arms] + [Path(path) for path in (problem_set.path,) if path]
    return _finish(config, run_dir, [one for one in dict.fromkeys(inputs) if one.exists()], path)


def plan(config: MeasureLoadConfig) -> str:
    """One line per arm with its modes, and the load.

    Raises:
        ConfigError, ModelError, DataError, MissingFileError, UsageError: as `run`, without loading models.
    """
    n_requests = count_problems(config.problems, config.limit) * config.samples_per_problem
    at_once = ", ".join(map(str, config.concurrency))
    lines = [f"{n_requests} requests, {at_once} at once, after {config.warmup_requests} that do not count, to each of:"]
    for arm in _measured_arms(config):
        lines.append(f"{arm.name} ({arm.model}): {', '.join(describe_mode(mode.key) for mode in arm.modes)}")
    return "\n".join(lines)


def _measured_arms(config: MeasureLoadConfig) -> list[Arm]:
    """All arms but the controls, whose thinking comes from elsewhere and takes no time."""
    return [arm for arm in resolve_arms(config) if arm.cut is None]


class _Asked(NamedTuple):
    """One request."""

    problem_id: str
    prompt: str
    seed: int


def _measure_arm(
    config: MeasureLoadConfig, arm: Arm, modes: Sequence[ArmMode], problems: Sequence[Problem], concurrency: int
) -> Iterator[Load]:
    """Open the arm's model for this load and measure one mode after the other."""
    tokenizer = load_tokenizer(arm.model)
    given = arm.server or config.server
    # A request that is asked again would count twice: a failure is a failure here.
    server = given and given.model_copy(update={"concurrency": concurrency, "max_attempts": 1})
    backend = open_backend(
        config, arm.model, tokenizer, dtype=config.dtype, batch_size=concurrency, server=server
    )
    for mode in modes:
        asked = []
        for problem in problems:
            prompt = render_prompt(config, tokenizer, arm.prompt_format, problem.question, mode.control, server)
            for sample in range(config.samples_per_problem):
                asked.append(_Asked(problem.id, prompt, request_seed(prompt, config.sampling.seed, sample)))
        duration_s, requests = measure(backend, asked, config.sampling, config.warmup_requests)
        yield Load(
            arm=mode.key.arm,
            mode=mode.key.mode,
            target_ratio=mode.key.target_ratio,
            backend=_describe_backend(config, server),
            concurrency=concurrency,
            requests_per_minute=None if server is None else server.requests_per_minute,
            n_warmup=min(config.warmup_requests, len(asked)),
            duration_s=duration_s,
            requests=requests,
        )


def measure(
    backend: Backend, asked: Sequence[_Asked], sampling: Sampling, n_warmup: int
) -> tuple[float, tuple[TimedRequest, ...]]:
    """Seconds that all requests took together, and each of them; the first `n_warmup` are asked before as well."""
    warmup = asked[:n_warmup]
    if warmup:
        backend.generate(
            [one.prompt for one in warmup],
            sampling,
            seeds=[one.seed for one in warmup],
            on_failed=lambda *_: None,  # it will fail again where it counts
        )
    results: dict[int, Generation | FailedRequest] = {}
    started_s = time.perf_counter()
    backend.generate(
        [one.prompt for one in asked],
        sampling,
        on_done=results.__setitem__,
        seeds=[one.seed for one in asked],
        on_failed=results.__setitem__,
    )
    duration_s = time.perf_counter() - started_s
    return duration_s, tuple(_timed(one.problem_id, results[index]) for index, one in enumerate(asked))


def _timed(problem_id: str, result: Generation | FailedRequest) -> TimedRequest:
    if isinstance(result, FailedRequest):
        return TimedRequest(problem_id=problem_id, latency_s=None, n_tokens=0, error=result.error)
    return TimedRequest(problem_id=problem_id, latency_s=result.latency_s, n_tokens=len(result.token_ids))


def _finish(config: MeasureLoadConfig, run_dir: RunDirectory, inputs: Sequence[Path], path: Path) -> Manifest:
    loads = list(read_records(path, Load))
    print(render_plain(loads))
    markdown_path, csv_path = run_dir.path / "table.md", run_dir.path / "table.csv"
    write_text_atomic(markdown_path, render_markdown(loads))
    write_text_atomic(csv_path, render_csv(loads))
    figures = [(load, load_figures(load)) for load in loads]
    return run_dir.finish(
        inputs=inputs,
        outputs=[path, markdown_path, csv_path],
        counts={"loads": len(loads), "failed": sum(one.n_failed for _, one in figures)},
        seeds={"sampling": config.sampling.seed},
        concurrency=", ".join(map(str, config.concurrency)),
        warmup_requests=config.warmup_requests,
        backend=loads[0].backend,
        **{
            f"{load.arm}_{load.mode}_{load.concurrency}_requests_per_s": one.requests_per_s
            for load, one in figures
            if load.arm == BASE_ARM or load.mode == "policy"
        },
    )


def _load_id(load: Load) -> tuple[RowKey, int]:
    return RowKey(load.arm, load.mode, load.target_ratio), load.concurrency


def _describe_backend(config: MeasureLoadConfig, server: ServerConfig | None) -> str:
    return config.backend if server is None else f"{config.backend} ({server.kind} at {server.base_url})"

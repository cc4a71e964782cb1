"""The `build-sft` stage: traces and their compressions in, the mixed-ratio SFT set and its data card out.

Everything is decided by the inputs and the seed, so an attempt that was cut off is simply made again.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

from extracot.dataset.card import Row, build_card, card_markdown
from extracot.dataset.config import BuildSftConfig, FilterConfig
from extracot.dataset.difficulty import assign_ratios, needed_share
from extracot.dataset.filters import (
    CompressionFilter,
    CompressionLimits,
    MeasuredTrace,
    TraceLimits,
    needed_formulas,
    select_traces,
)
from extracot.dataset.mixing import Pick, pick_fixed, pick_policy, sample_for_policy, write_example
from extracot.dataset.renderings import RenderingSet, collect_renderings
from extracot.errors import ConfigError, DataError, StageError
from extracot.grading.grader import Grader
from extracot.io.atomic import write_json_atomic, write_text_atomic
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.models.prompts import PromptFormat, count_tokens
from extracot.records.annotation import Annotation
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace, iterate_traces
from extracot.text.control import POLICY_TOKEN
from extracot.text.formulas import formula_spans
from extracot.text.repetition import RepetitionLimits
from extracot.toy.problems import TOY_PREFIX, resolve_problems

RECORDS = "sft.jsonl"
_N_GRADED_TOGETHER = 512


def run(config: BuildSftConfig, run_dir: RunDirectory) -> Manifest:
    """Build the SFT set.

    Writes records/sft.jsonl, both queues shuffled together, and records/card.json and card.md, which say
    what every filter took and what came out.

    Raises:
        ConfigError: a grid or prompt format that the model does not have.
        DataError: annotations or compressions that do not belong to the traces.
        StageError: the filters leave nothing for a queue or a ratio; says which filter took most.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    grid, prompt_format = resolve_knob(config)
    tokenizer = load_tokenizer(config.model)

    def count(text: str) -> int:
        return count_tokens(tokenizer, text)

    def render_prompt(question: str) -> str:
        return prompt_format.render(tokenizer, question, POLICY_TOKEN)

    evaluation_questions = [p.question for spec in config.evaluation_problems for p in resolve_problems(spec)]
    with Grader() as grader:
        traces = graded_traces(config.traces, grader)
        kept, trace_counts = select_traces(
            (MeasuredTrace(trace, count, render_prompt) for trace in traces),
            trace_limits(config.filters),
            evaluation_questions,
        )
    n_traces = len(kept) + trace_counts.total()
    if not n_traces:
        raise DataError(f"{config.traces}: holds no traces; give the records of a generate run")
    run_dir.log(f"build-sft: {len(kept)} of {n_traces} traces kept")
    for name, n in trace_counts.most_common():
        run_dir.log(f"build-sft: {name}: {n} traces dropped")
    if not kept:
        worst = max(trace_counts, key=lambda name: trace_counts[name])
        raise StageError(f"no trace of {config.traces} passes the filters; most fail {worst}; loosen it")

    measured = {item.trace.id: item for item in kept}
    annotations = read_annotations(config.annotations, measured)
    needed = {
        trace_id: needed_formulas(
            formula_spans(item.trace.cot), annotations.get(trace_id), config.filters.needed_importance
        )
        for trace_id, item in measured.items()
        if trace_id in annotations
    }
    limits = compression_limits(config.filters)
    renderings = collect_renderings(
        read_records(config.compressions, Compression), measured, needed, grid, limits, count
    )
    for (fault, ratio), n in sorted(renderings.faults.items()):
        action = "counted" if fault in limits.only_counted else "dropped"
        run_dir.log(f"build-sft: {fault} at ratio {ratio:g}: {n} compressions {action}")
    difficulties = {
        trace_id: share
        for trace_id, spans in needed.items()
        for item in [measured[trace_id]]
        if (share := needed_share(item.trace.cot, spans, item.n_think_tokens, count)) is not None
    }

    picks = _pick_fixed(config, grid, renderings)
    picks += _pick_policy(config, grid, renderings, difficulties)
    random.Random(f"{config.seed}/order").shuffle(picks)
    rows: list[Row] = []
    path = run_dir.records(RECORDS)
    with JsonlWriter(path, append=False) as writer:
        for pick in picks:
            rendering = renderings.by_trace[pick.trace_id][pick.ratio]
            trace = measured[pick.trace_id].trace
            example = write_example(pick, trace, rendering.cot, prompt_format, tokenizer)
            writer.write(example)
            rows.append(Row(example, rendering.actual_ratio, difficulties.get(pick.trace_id)))

    card = build_card(
        grid=grid,
        n_traces=n_traces,
        n_kept_traces=len(kept),
        trace_counts=trace_counts,
        compression_counts=renderings.faults,
        n_usable={ratio: renderings.n_usable(ratio) for ratio in grid},
        only_counted=limits.only_counted,
        rows=rows,
    )
    outputs = [path, run_dir.records("card.json"), run_dir.records("card.md")]
    write_json_atomic(outputs[1], card)
    write_text_atomic(outputs[2], card_markdown(card, example_rows(rows)))
    for queue in ("fixed", "policy"):
        shown = ", ".join(f"{key} {own['n']}" for key, own in card[queue].items())
        run_dir.log(f"build-sft: {queue} queue: {shown}")
    optional_inputs = [
        config.annotations,
        *(s for s in config.evaluation_problems if not s.startswith(TOY_PREFIX)),
    ]
    return run_dir.finish(
        inputs=[config.traces, config.compressions, *(path for path in optional_inputs if path)],
        outputs=outputs,
        counts=manifest_counts(card),
        seeds={"seed": config.seed},
        rows=len(rows),
        questions=card["n_questions"],
        longest_row_tokens=card["longest_row_tokens"],
    )


def plan(config: BuildSftConfig) -> str:
    """What `run` would do, from the config and the model's knob alone."""
    grid, prompt_format = resolve_knob(config)
    n_fixed = config.n_fixed_per_ratio or "all possible"
    n_policy = "all possible" if config.n_policy is None else config.n_policy
    return (
        f"build the SFT set from {config.traces} and {config.compressions}: fixed queue of {n_fixed} rows "
        f"at each of {', '.join(f'{ratio:g}' for ratio in grid)}; policy queue of {n_policy} rows; "
        f"system prompt {prompt_format.system!r}, instruction {prompt_format.instruction!r}"
    )


def resolve_knob(config: BuildSftConfig) -> tuple[tuple[float, ...], PromptFormat]:
    """The grid and the prompt format of the set: the config's, else the prepared model's.

    Raises:
        ConfigError: neither has a grid, or the config contradicts the model.
    """
    knob = Knob.find(config.model)
    grid = config.grid or (knob.grid if knob else None)
    if grid is None:
        raise ConfigError(
            f"model {config.model} is not prepared, so the set needs a grid: --set grid=[0.2,0.4,1.0]"
        )
    prompt_format = config.prompt_format or (knob.prompt_format if knob else PromptFormat())
    if knob and not set(grid) <= set(knob.grid):
        raise ConfigError(
            f"grid {list(grid)} has ratios that model {config.model} lacks; it has {list(knob.grid)}"
        )
    if knob and prompt_format != knob.prompt_format:
        raise ConfigError(
            f"prompt_format differs from that of model {config.model}; drop the key, or prepare it again"
        )
    if config.policy_shares is not None and len(config.policy_shares) != len(grid):
        raise ConfigError(
            f"policy_shares has {len(config.policy_shares)} shares for {len(grid)} ratios; give one each"
        )
    return grid, prompt_format


def trace_limits(filters: FilterConfig) -> TraceLimits:
    """The limits of the trace filters."""
    return TraceLimits(
        min_think_tokens=filters.min_think_tokens,
        max_think_tokens=filters.max_think_tokens,
        max_prompt_tokens=filters.max_prompt_tokens,
        requires_box=filters.requires_box,
        repetition=RepetitionLimits(**filters.repetition.model_dump()),
    )


def compression_limits(filters: FilterConfig) -> CompressionLimits:
    """The limits of the compression filters."""
    actions = {
        CompressionFilter.FORMULA_BROKEN: filters.formula_broken,
        CompressionFilter.ANSWER_LOST: filters.answer_lost,
        CompressionFilter.CHAIN_CUT: filters.chain_cut,
    }
    return CompressionLimits(
        ratio_tolerance=filters.ratio_tolerance,
        only_counted=frozenset(name for name, action in actions.items() if action == "keep"),
    )


def graded_traces(path: str, grader: Grader) -> Iterator[Trace]:
    """The traces of a file; those that nobody has graded are graded by their visible text."""
    traces = iterate_traces(path)
    while batch := list(islice(traces, _N_GRADED_TOGETHER)):
        ungraded = [i for i, trace in enumerate(batch) if trace.outcome is Outcome.UNGRADED and trace.answer]
        grades = grader.grade_many((batch[i].answer, batch[i].response) for i in ungraded)
        for i, grade in zip(ungraded, grades, strict=True):
            batch[i] = batch[i].model_copy(update={"outcome": grade.outcome})
        yield from batch


def read_annotations(path: str | None, trace_ids: Collection[str]) -> dict[str, Annotation]:
    """The usable annotations of some traces, by trace id; none without a file.

    Raises:
        DataError: no annotation in the file belongs to these traces, or one trace has two.
    """
    if path is None:
        return {}
    found: dict[str, Annotation] = {}
    for annotation in read_records(path, Annotation):
        if annotation.trace_id not in trace_ids or annotation.outcome != "ok":
            continue
        if annotation.trace_id in found:
            raise DataError(
                f"{path}: trace {annotation.trace_id} is annotated twice; give one annotator's file"
            )
        found[annotation.trace_id] = annotation
    if not found:
        raise DataError(
            f"{path}: holds no annotation of these traces; give the one made from the same traces"
        )
    return found


def _pick_fixed(config: BuildSftConfig, grid: Sequence[float], renderings: RenderingSet) -> list[Pick]:
    picks = pick_fixed(
        renderings.by_trace,
        grid,
        config.n_fixed_per_ratio,
        config.min_ratios,
        config.max_cut_share,
        random.Random(f"{config.seed}/fixed"),
    )
    if not picks:
        scarce = min(grid, key=renderings.n_usable)
        faults = [(n, fault) for (fault, ratio), n in renderings.faults.items() if ratio == scarce]
        reason = f", most fail {max(faults)[1]}" if faults else ""
        raise StageError(
            f"no question is usable at {config.min_ratios or 'all'} ratios; ratio {scarce:g} has "
            f"{renderings.n_usable(scarce)} traces{reason}; loosen the filter, or set min_ratios"
        )
    return picks


def _pick_policy(
    config: BuildSftConfig, grid: Sequence[float], renderings: RenderingSet, difficulties: dict[str, float]
) -> list[Pick]:
    if config.n_policy == 0:
        return []
    trace_ids = sample_for_policy(list(difficulties), config.n_policy, random.Random(f"{config.seed}/policy"))
    ratios = assign_ratios(
        [difficulties[trace_id] for trace_id in trace_ids],
        grid,
        config.policy_shares or [1.0] * len(grid),
        config.policy_jitter,
        random.Random(f"{config.seed}/jitter"),
    )
    picks = pick_policy(
        renderings.by_trace, dict(zip(trace_ids, ratios, strict=True)), config.policy_keeps_chain
    )
    if not picks:
        raise StageError(
            "no trace can enter the policy queue: no annotation has a formula of importance "
            f">= {config.filters.needed_importance:g} and a usable ratio; lower filters.needed_importance, "
            "or leave the queue out with n_policy=0"
        )
    return picks


def example_rows(rows: Sequence[Row]) -> list[Row]:
    """The fixed rows of the first question that has most of them."""
    by_problem: dict[str, list[Row]] = {}
    for row in rows:
        if row.example.queue == "fixed":
            by_problem.setdefault(row.example.problem_id, []).append(row)
    return max(by_problem.values(), key=len, default=[])


def manifest_counts(card: dict[str, Any]) -> dict[str, int]:
    """The card's counts, flat: `trace/<filter>`, `compression/<fault>@<ratio>`, `<queue>@<ratio>`."""
    counts: dict[str, int] = {}
    for name, n in card["dropped_traces"].items():
        counts[f"trace/{name}"] = n
    for name, by_ratio in card["compression_faults"].items():
        counts.update({f"compression/{name}@{key}": n for key, n in by_ratio.items()})
    for queue in ("fixed", "policy"):
        counts.update({f"{queue}@{key}": own["n"] for key, own in card[queue].items()})
    return counts

"""The `build-sft` stage: traces and their compressions in, the mixed-ratio SFT set and its data card out.

Everything is decided by the inputs and the seed, so an attempt that was cut off is simply made again. Files are read a
record at a time and texts put aside on disk: in memory stay a few numbers per trace.
"""

import contextlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from extracot.dataset.card import RowTally, build_card, card_markdown
from extracot.dataset.card_plot import draw_card
from extracot.dataset.cleaning import CleaningLimits
from extracot.dataset.compression_filters import FAULTS, CompressionFilter, CompressionLimits
from extracot.dataset.config import BuildSftConfig, FilterConfig
from extracot.dataset.difficulty import assign_ratios
from extracot.dataset.kept_traces import KeptTraces, balance_lengths, select_traces
from extracot.dataset.labels import Labels, read_labels
from extracot.dataset.mixing import (
    Pick,
    pick_fixed,
    pick_policy,
    renders_alike,
    sample_for_policy,
    write_chat,
    write_example,
)
from extracot.dataset.parquet import ParquetWriter
from extracot.dataset.questions import EvaluationQuestion, EvaluationQuestions, SeenQuestions
from extracot.dataset.rejections import RejectionLog
from extracot.dataset.renderings import RenderingSet, collect_renderings
from extracot.dataset.trace_filters import REMEDIES, MeasuredTrace, TraceFilter, TraceLimits
from extracot.errors import ConfigError, DataError, StageError
from extracot.grading.grader import Grader
from extracot.io.atomic import write_json_atomic, write_text_atomic
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.io.spool import Spool
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.models.prompts import PromptFormat, count_tokens
from extracot.problems.read import resolve_problems
from extracot.problems.spec import split_spec
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace, iterate_traces
from extracot.text.control import POLICY_TOKEN
from extracot.text.repetition import RepetitionLimits

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RECORDS = "sft.jsonl"
CHAT, CHAT_PARQUET = "chat.jsonl", "chat.parquet"
REJECTIONS = "rejections.jsonl"
_N_GRADED_TOGETHER = 512
_N_LEAKS_LOGGED = 5


def run(config: BuildSftConfig, run_dir: RunDirectory) -> Manifest:
    """Build the SFT set.

    Writes records/sft.jsonl, both queues shuffled together; the same rows as turns in chat.jsonl and chat.parquet;
    rejections.jsonl, a row for everything that was dropped; and card.json, card.md and card.svg, which say what every
    filter took and what came out.

    Raises:
        ConfigError: a grid or prompt format that the model does not have.
        DataError: annotations or compressions that do not belong to the traces.
        StageError: the filters leave nothing for a queue or a ratio; says what each filter took.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    grid, prompt_format = resolve_knob(config)
    tokenizer = load_tokenizer(config.model)

    def count(text: str) -> int:
        return count_tokens(tokenizer, text)

    with contextlib.ExitStack() as stack:
        spool = stack.enter_context(Spool(run_dir.path))
        rejections = stack.enter_context(RejectionLog(run_dir.records(REJECTIONS)))
        kept, trace_counts = _select(config, run_dir, prompt_format, tokenizer, spool, rejections)
        labels = read_labels(config.annotations, kept, config.filters.needed_importance, count, spool)
        limits = compression_limits(config.filters)
        renderings = collect_renderings(
            read_records(config.compressions, Compression), kept, labels, grid, limits, count, spool, rejections
        )
        if renderings.n_recounted:
            run_dir.log(
                f"build-sft: warning: {renderings.n_recounted} of {renderings.n_read} compressions were cut to tokens "
                f"of another tokenizer than that of {config.model}, so they miss their ratios; they were counted "
                f"again. Compress with: --tokenizer {config.model}"
            )
        for (fault, ratio), n in sorted(renderings.faults.items()):
            action = "counted" if fault in limits.only_counted else "dropped"
            run_dir.log(f"build-sft: {fault} at ratio {ratio:g}: {n} compressions {action}")

        picks = _pick_fixed(config, grid, renderings)
        picks += _pick_policy(config, grid, renderings, labels.difficulties)
        random.Random(f"{config.seed}/order").shuffle(picks)
        rows = RowTally(grid, _shown_problem(picks, kept))
        outputs = [run_dir.records(name) for name in (RECORDS, CHAT, CHAT_PARQUET)]
        is_alike = _write_rows(outputs, picks, kept, renderings, labels, prompt_format, tokenizer, spool, rows)

    if not is_alike:
        run_dir.log(
            f"build-sft: the chat template of {config.model} does not write the turns of {CHAT} as {RECORDS} has them; "
            f"train on {RECORDS}, or give the model a template that leaves think blocks alone"
        )
    card = build_card(
        grid=grid,
        n_traces=len(kept) + trace_counts.total(),
        n_kept_traces=len(kept),
        trace_counts=trace_counts,
        compression_counts=renderings.faults,
        n_usable={ratio: renderings.n_usable(ratio) for ratio in grid},
        only_counted=limits.only_counted,
        leaks=rejections.leaks,
        chat_renders_alike=is_alike,
        rows=rows,
    )
    card_paths = [run_dir.records(name) for name in ("card.json", "card.md", "card.svg")]
    write_json_atomic(card_paths[0], card)
    write_text_atomic(card_paths[1], card_markdown(card, rows.examples))
    write_text_atomic(card_paths[2], draw_card(card))
    for queue in ("fixed", "policy"):
        shown = ", ".join(f"{key} {own['n']}" for key, own in card[queue].items())
        run_dir.log(f"build-sft: {queue} queue: {shown}")
    optional_inputs = [
        config.annotations,
        *(split_spec(spec)[1] for spec in config.evaluation_problems),
    ]
    return run_dir.finish(
        inputs=[config.traces, config.compressions, *(path for path in optional_inputs if path)],
        outputs=[*outputs, run_dir.records(REJECTIONS), *card_paths],
        counts=manifest_counts(card),
        seeds={"seed": config.seed},
        rows=rows.n_rows,
        questions=card["n_questions"],
        longest_row_tokens=card["longest_row_tokens"],
    )


def _select(
    config: BuildSftConfig,
    run_dir: RunDirectory,
    prompt_format: PromptFormat,
    tokenizer: "PreTrainedTokenizerBase",
    spool: Spool,
    rejections: RejectionLog,
) -> tuple[KeptTraces, Counter[TraceFilter]]:
    """The traces that go on, and how many each filter took."""

    def count(text: str) -> int:
        return count_tokens(tokenizer, text)

    def render_prompt(question: str) -> str:
        return prompt_format.render(tokenizer, question, POLICY_TOKEN)

    filters = config.filters
    evaluation = EvaluationQuestions(
        (
            EvaluationQuestion(problem.question, f"{spec}: {problem.id}")
            for spec in config.evaluation_problems
            for problem in resolve_problems(spec)
        ),
        filters.ngram_words,
        filters.max_evaluation_overlap,
    )
    seen = SeenQuestions(filters.ngram_words, filters.max_seen_overlap)
    with Grader() as grader:
        measured = (MeasuredTrace(trace, count, render_prompt) for trace in graded_traces(config.traces, grader))
        kept, counts = select_traces(measured, trace_limits(filters), evaluation, seen, spool, rejections)
    if not kept and not counts:
        raise DataError(f"{config.traces}: holds no traces; give the records of a generate run")
    if config.n_traces is not None:
        rng = random.Random(f"{config.seed}/lengths")
        for trace_id, place in balance_lengths(kept, config.length_bins, config.n_traces, rng).items():
            kept.drop(trace_id)
            counts[TraceFilter.BEYOND_LENGTH_QUOTA] += 1
            detail = f"its bin of lengths, {place + 1} of {len(config.length_bins) + 1}, has enough"
            rejections.add(trace_id, None, TraceFilter.BEYOND_LENGTH_QUOTA, detail)
    n_traces = len(kept) + counts.total()
    run_dir.log(f"build-sft: {len(kept)} of {n_traces} traces kept")
    for name, n in counts.most_common():
        run_dir.log(f"build-sft: {name}: {n} traces dropped")
    for leak in rejections.leaks[:_N_LEAKS_LOGGED]:
        run_dir.log(f"build-sft: leak: {leak}")
    if not kept:
        taken = "; ".join(f"{name} took {n} ({REMEDIES[name]})" for name, n in counts.most_common())
        raise StageError(f"no trace of {config.traces} passes the filters, of {n_traces}: {taken}")
    return kept, counts


def _write_rows(
    outputs: Sequence[Any],
    picks: Sequence[Pick],
    kept: KeptTraces,
    renderings: RenderingSet,
    labels: Labels,
    prompt_format: PromptFormat,
    tokenizer: "PreTrainedTokenizerBase",
    spool: Spool,
    rows: RowTally,
) -> bool:
    """Write every pick as a rendered row and as turns; whether the first row's turns render alike."""
    is_alike = True
    with (
        JsonlWriter(outputs[0], append=False) as rendered,
        JsonlWriter(outputs[1], append=False) as chats,
        ParquetWriter(outputs[2]) as parquet,
    ):
        for number, pick in enumerate(picks):
            rendering = renderings.by_trace[pick.trace_id][pick.ratio]
            trace = kept.read(pick.trace_id)
            cot = trace.cot if rendering.place is None else spool.get(rendering.place)
            example = write_example(pick, trace, cot, prompt_format, tokenizer)
            chat = write_chat(pick, trace, cot, prompt_format)
            if number == 0:
                is_alike = renders_alike(chat, example, tokenizer)
            rendered.write(example)
            chats.write(chat)
            parquet.write(chat)
            rows.add(
                example, rendering.actual_ratio, rendering.n_tokens, labels.difficulties.get(pick.trace_id)
            )
    return is_alike


def _shown_problem(picks: Sequence[Pick], kept: KeptTraces) -> str | None:
    """The problem of the first trace that has most fixed rows."""
    counts = Counter(pick.trace_id for pick in picks if pick.queue == "fixed")
    return kept.read(max(counts, key=lambda trace_id: counts[trace_id])).problem_id if counts else None


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
        max_row_tokens=filters.max_row_tokens,
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
        cleaning=tuple(CleaningLimits(**row.model_dump()) for row in filters.cleaning),
        monotone_slack=filters.monotone_slack,
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
        faults = {name: renderings.faults[name, scarce] for name in FAULTS if renderings.faults[name, scarce]}
        taken = [f"{name} took {faults[name]}" for name in sorted(faults, key=lambda name: -faults[name])]
        reason = f": {', '.join(taken)}" if taken else ""
        raise StageError(
            f"no question is usable at {config.min_ratios or 'all'} ratios; ratio {scarce:g} has "
            f"{renderings.n_usable(scarce)} traces{reason}; loosen the filter, or set min_ratios"
        )
    return picks


def _pick_policy(
    config: BuildSftConfig, grid: Sequence[float], renderings: RenderingSet, difficulties: Mapping[str, float]
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

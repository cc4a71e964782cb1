"""The `annotate` stage: one annotation per trace, in the order of the traces, resumable by trace id."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Literal

from extracot.annotate.annotator import Annotator, SliceAnnotator
from extracot.annotate.calls import CallLedger
from extracot.annotate.config import AnnotateConfig, LlmConfig
from extracot.annotate.llm import AskSettings, LlmAnnotator
from extracot.errors import DataError, StageError, UsageError
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.records.annotation import Annotation
from extracot.records.trace import Trace, iterate_traces
from extracot.remote.in_order import map_in_order
from extracot.remote.service import Service
from extracot.text.slicing import NEEDED

RECORDS = "annotations.jsonl"
CALLS = "calls.jsonl"
_SECONDS_BETWEEN_REPORTS = 10.0


def run(config: AnnotateConfig, run_dir: RunDirectory) -> Manifest:
    """Annotate a file of traces.

    Writes records/annotations.jsonl: one row per trace. A trace that cannot be annotated gives a failed row
    and is counted. Rows of an earlier attempt are not made again. `annotator: llm` also writes
    records/calls.jsonl: one row per request; what a killed attempt was answered is not asked again. A run in which
    every trace fails is no success: it stops, its rows say why, and a resume tries all of them again.

    Raises:
        ConfigError: the key of a teacher is not in its environment variable.
        StageError: a teacher that no trace can be sent to; what was annotated stays, for a resume. Or no trace could be
            annotated.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    path = run_dir.records(RECORDS)
    tally = Tally()
    cost = Counter(n_traces=0, n_forward_tokens=0)
    ledger: CallLedger | None = None
    with ExitStack() as stack:
        if config.llm is not None:
            config.llm.read_key("llm")  # before anything is written
            ledger = stack.enter_context(CallLedger(run_dir.records(CALLS)))
        annotator = load_annotator(config, ledger, run_dir.log)
        stack.callback(annotator.stop)
        started_s = reported_s = time.monotonic()
        cpu_started_s = time.process_time()
        writer = stack.enter_context(JsonlWriter(path))  # opened first: it removes a torn last line
        for record in read_records(path, Annotation):
            tally.add(record)
        if tally.has_only_failures:
            writer = stack.enter_context(JsonlWriter(path, append=False))
            tally = Tally()
        done = frozenset(tally.trace_ids)
        owed = (trace for trace in islice(iterate_traces(config.traces), config.limit) if trace.id not in done)
        annotated = map_in_order(lambda trace: annotate_trace(annotator, trace), owed, annotator.n_at_once)
        for record, n_forward_tokens in annotated:
            writer.write(record)
            tally.add(record)
            cost.update(n_traces=1, n_forward_tokens=n_forward_tokens)
            if time.monotonic() - reported_s >= _SECONDS_BETWEEN_REPORTS:
                reported_s = time.monotonic()
                rate = cost["n_traces"] / (reported_s - started_s)
                run_dir.log(f"annotated {cost['n_traces']} traces, {rate:.1f} a second")
    summary = tally.summary()
    run_dir.log(
        f"{tally.outcomes['ok']} annotations, {tally.outcomes['failed']} failed; "
        f"needed: {summary['needed_units']} of units, {summary['needed_chars']} of characters"
    )
    if ledger is not None:
        summary |= ledger.summary
        run_dir.log(
            f"{summary['calls_n']} requests, {summary['calls_n_failed']} failed; "
            f"{summary['calls_n_prompt_tokens']} + {summary['calls_n_completion_tokens']} tokens, "
            f"price {summary['calls_price']}"
        )
    if tally.has_only_failures:
        raise StageError(
            f"none of {tally.outcomes['failed']} traces could be annotated, the first for: {tally.first_error}; "
            f"{path} says why of each: correct that, then --resume"
        )
    model_folder = [config.model] if config.model and Path(config.model).is_dir() else []
    return run_dir.finish(
        inputs=[config.traces, *model_folder],
        outputs=[path] if ledger is None else [path, run_dir.records(CALLS)],
        counts={**tally.outcomes, **(ledger.counts if ledger is not None else {})},
        seeds={},
        **summary,
        # Of this attempt alone: what was annotated before was paid for then.
        cost_n_traces=cost["n_traces"],
        cost_cpu_s=round(time.process_time() - cpu_started_s, 3),
        cost_wall_s=round(time.monotonic() - started_s, 3),
        cost_n_forward_tokens=cost["n_forward_tokens"],
    )


def load_annotator(
    config: AnnotateConfig, ledger: CallLedger | None = None, log: Callable[[str], None] = lambda _: None
) -> Annotator:
    """The annotator that a config asks for, its model loaded; `llm` needs a ledger to write its requests to."""
    if config.annotator == "slice":
        return SliceAnnotator(config.prose, config.discount_checks)
    if config.annotator == "llm":
        assert config.llm is not None, "the config checks this"
        if ledger is None:
            raise UsageError("annotator llm needs a ledger: load_annotator(config, CallLedger(path))")
        return _load_llm(config.llm, config.prose, ledger, log)
    from extracot.annotate.attribution import AttributionAnnotator  # torch takes seconds to load
    from extracot.models.knob import prompt_format_of
    from extracot.models.load import load_causal_lm, load_tokenizer

    assert config.model is not None, "the config checks this"
    return AttributionAnnotator(
        load_causal_lm(config.model, dtype=config.dtype, device=config.device),
        load_tokenizer(config.model),
        config.prompt_format or prompt_format_of(config.model),
        method=config.method,
        prose=config.prose,
        influence_cap_nats=config.influence_cap_nats,
        needed_influence=config.needed_influence,
        max_batch_tokens=config.max_batch_tokens,
    )


def _load_llm(
    llm: LlmConfig, prose: Literal["word", "clause"], ledger: CallLedger, log: Callable[[str], None]
) -> Annotator:
    prompt_price, completion_price = llm.prompt_price_per_million, llm.completion_price_per_million
    return LlmAnnotator(
        Service(llm, "chat/completions", model=llm.model, section="llm", asked_for="chains of thought"),
        AskSettings(
            model=llm.model,
            structured=llm.structured,
            max_tokens=llm.max_tokens,
            temperature=llm.temperature,
            retry_temperature=llm.retry_temperature,
            extra_body=llm.extra_body,
            chunk_units=llm.chunk_units,
            chunk_chars=llm.chunk_chars,
            max_attempts=llm.max_attempts,
            prices_per_million=None
            if prompt_price is None or completion_price is None
            else (prompt_price, completion_price),
        ),
        ledger,
        prose=prose,
        n_at_once=llm.concurrency,
        log=log,
    )


def annotate_trace(annotator: Annotator, trace: Trace) -> tuple[Annotation, int]:
    """The record of one trace, failed or not, and the tokens that a model read for it."""
    try:
        graded = annotator.annotate(trace)
    except (DataError, UsageError) as error:
        failed = Annotation(
            trace_id=trace.id,
            annotator=annotator.name,
            spans=[],
            importance=[],
            outcome="failed",
            error=str(error),
        )
        return failed, 0
    record = Annotation(
        trace_id=trace.id,
        annotator=annotator.name,
        spans=[(unit.start, unit.end) for unit in graded.units],
        importance=graded.importance,
        outcome="ok",
        error=None,
    )
    return record, graded.n_forward_tokens


class Tally:
    """Sums over annotations: how many of each outcome, and how much was found needed (the keep-rate)."""

    def __init__(self) -> None:
        self.trace_ids: set[str] = set()
        self.outcomes: Counter[str] = Counter(ok=0, failed=0)
        self.first_error: str | None = None
        self._units: Counter[float] = Counter()
        self._chars: Counter[float] = Counter()

    def add(self, record: Annotation) -> None:
        """Count one record."""
        self.trace_ids.add(record.trace_id)
        self.outcomes[record.outcome] += 1
        self.first_error = self.first_error or record.error
        for (start, end), importance in zip(record.spans, record.importance, strict=True):
            self._units[importance] += 1
            self._chars[importance] += end - start

    @property
    def has_only_failures(self) -> bool:
        """There are records, and none that annotates anything."""
        return self.outcomes["failed"] > 0 and not self.outcomes["ok"]

    def summary(self) -> dict[str, float | None]:
        """Share of units and of characters that are needed, and the share of characters in every tier."""
        n_units, n_chars = sum(self._units.values()), sum(self._chars.values())
        values: dict[str, float | None] = {
            "needed_units": round(self._units[NEEDED] / n_units, 4) if n_units else None,
            "needed_chars": round(self._chars[NEEDED] / n_chars, 4) if n_chars else None,
        }
        for tier, count in sorted(self._chars.items()):
            values[f"chars@{tier:g}"] = round(count / n_chars, 4)
        return values

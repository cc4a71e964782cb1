"""The `compress` stage: reads traces one batch at a time, writes every trace at every ratio."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from extracot.compressor.compressed import CompressedText
from extracot.compressor.compressor import Compressor
from extracot.compressor.config import CompressConfig
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.tally import Tally
from extracot.errors import DataError
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.load import load_tokenizer
from extracot.records.compression import Compression
from extracot.records.trace import Trace, iterate_traces

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

RECORDS = "compressions.jsonl"
_SECONDS_BETWEEN_REPORTS = 10.0

T = TypeVar("T")


class BatchCompressor(Protocol):
    """What this stage needs; `Compressor` and `GenericCompressor` both are one."""

    def compress_many(
        self, passages: Sequence[Passage], ratios: Sequence[float], tokenizer: "PreTrainedTokenizerBase"
    ) -> list[list[CompressedText]]:
        """[N][R]; DataError when any passage cannot be compressed."""
        ...


def run(config: CompressConfig, run_dir: RunDirectory) -> Manifest:
    """Compress a file of traces.

    Writes records/compressions.jsonl: one row per trace and ratio. A trace that cannot be compressed gives
    failed rows and is counted. Rows that an earlier attempt wrote are not made again.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    tokenizer = load_tokenizer(config.tokenizer)
    compressor = load_compressor(config)
    path = run_dir.records(RECORDS)
    tally = Tally()
    done: dict[str, set[float]] = {}
    with JsonlWriter(path) as writer:  # opened first: it removes a torn last line
        for record in read_records(path, Compression):
            done.setdefault(record.trace_id, set()).add(record.target_ratio)
            tally.add(record)
        owed = (
            trace
            for trace in islice(iterate_traces(config.traces), config.limit)
            if not done.get(trace.id, set()).issuperset(config.ratios)
        )
        reporter = Reporter(run_dir)
        for batch in batched(owed, config.batch_size):
            for trace, result in zip(batch, compress_batch(batch, config, compressor, tokenizer), strict=True):
                for record in to_records(trace, result, config):
                    if record.target_ratio not in done.get(trace.id, set()):
                        writer.write(record)
                        tally.add(record)
            reporter.advance(batch)
    for line in tally.lines():
        run_dir.log(line)
    return run_dir.finish(
        inputs=[config.traces, *(name for name in [config.compressor] if name and Path(name).exists())],
        outputs=[path],
        counts=dict(tally.outcomes),
        seeds={"random": config.seed},
        **tally.summary(),
    )


def load_compressor(config: CompressConfig) -> BatchCompressor:
    """The compressor that a config asks for, its model loaded."""
    if config.scorer == "encoder":
        assert config.compressor is not None, "the config checks this"
        return Compressor.from_pretrained(
            config.compressor, prose=config.prose, resolution=config.resolution, device=config.device
        )
    if config.scorer == "generic":
        from extracot.compressor.scorers.generic import GenericCompressor  # torch takes seconds to load

        return GenericCompressor.from_pretrained(config.language_model or config.tokenizer, device=config.device)
    if config.scorer == "slice":
        from extracot.compressor.scorers.slicing import SliceScorer

        return Compressor(SliceScorer(), prose=config.prose, resolution=config.resolution)
    # Rounding random scores would favour the left end of the text among equals.
    return Compressor(RandomScorer(config.seed), prose=config.prose, resolution=0)


def compress_batch(
    traces: Sequence[Trace],
    config: CompressConfig,
    compressor: BatchCompressor,
    tokenizer: "PreTrainedTokenizerBase",
) -> list[list[CompressedText] | DataError]:
    """Every trace at every ratio, or why not: one that cannot be compressed does not take the others with
    it."""
    passages = [
        Passage(trace.question if config.with_question else "", trace.cot, trace.answer or None) for trace in traces
    ]
    try:
        return list(compressor.compress_many(passages, config.ratios, tokenizer))
    except DataError:
        results: list[list[CompressedText] | DataError] = []
        for passage in passages:
            try:
                results += compressor.compress_many([passage], config.ratios, tokenizer)
            except DataError as error:
                results.append(error)
        return results


def to_records(trace: Trace, result: list[CompressedText] | DataError, config: CompressConfig) -> Iterator[Compression]:
    """One record per ratio."""
    if isinstance(result, DataError):
        for ratio in config.ratios:
            yield Compression(
                trace_id=trace.id,
                problem_id=trace.problem_id,
                scorer=config.scorer,
                target_ratio=ratio,
                actual_ratio=0.0,
                n_tokens=0,
                n_original_tokens=0,
                text="",
                kept=[],
                n_formulas=0,
                n_formulas_kept=0,
                keeps_answer=None,
                outcome="failed",
                error=str(result),
            )
        return
    for compressed in result:
        yield Compression(
            trace_id=trace.id,
            problem_id=trace.problem_id,
            scorer=config.scorer,
            target_ratio=compressed.target_ratio,
            actual_ratio=compressed.actual_ratio,
            n_tokens=compressed.n_tokens,
            n_original_tokens=compressed.n_original_tokens,
            text=compressed.text,
            kept=list(compressed.kept),
            n_formulas=compressed.n_formulas,
            n_formulas_kept=compressed.n_formulas_kept,
            keeps_answer=compressed.keeps_answer,
            outcome="ok",
            error=None,
        )


class Reporter:
    """Says now and then how far the stage has come."""

    def __init__(self, run_dir: RunDirectory) -> None:
        self._run_dir = run_dir
        self._started = self._reported = time.monotonic()
        self._n_traces = 0

    def advance(self, traces: Sequence[Trace]) -> None:
        """These traces are done."""
        self._n_traces += len(traces)
        now = time.monotonic()
        if now - self._reported >= _SECONDS_BETWEEN_REPORTS:
            self._reported = now
            self._run_dir.log(
                f"compressed {self._n_traces} traces, {self._n_traces / (now - self._started):.1f} a second"
            )


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one maybe shorter; reads no further ahead than that."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch

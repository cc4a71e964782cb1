"""The `compress` stage: reads traces one batch at a time, writes every trace at every ratio."""

import contextlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from extracot.compressor.config import CompressConfig
from extracot.compressor.progress import Progress
from extracot.compressor.tally import Tally
from extracot.compressor.workers import batched, cut_batches
from extracot.errors import UsageError
from extracot.io.jsonl import STDIN, JsonlWriter, count_rows, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.records.compression import Compression
from extracot.records.trace import BadTrace, Trace, scan_traces
from extracot.records.unit_scores import UnitScores

RECORDS = "compressions.jsonl"
UNIT_SCORES = "unit-scores.jsonl"

Target = tuple[float | None, float | None]
"""Ratio or threshold."""


def run(config: CompressConfig, run_dir: RunDirectory) -> Manifest:
    """Compress a file of traces.

    Writes records/compressions.jsonl: one row per trace and ratio; and, where asked for, records/unit-scores.jsonl,
    one row per trace. A trace that cannot be compressed, or a line that is no trace, gives failed rows and is counted.
    Rows that an earlier attempt wrote are not made again.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    if config.traces == STDIN:
        raise UsageError(
            "a run of compress needs a file of traces; from stdin it writes to stdout: extracot compress -"
        )
    outputs = [run_dir.records(RECORDS), *([run_dir.records(UNIT_SCORES)] if config.scores else [])]
    tally = Tally()
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(JsonlWriter(path)) for path in outputs]  # removes torn last lines
        done: dict[str, set[Target]] = {}
        for record in read_records(outputs[0], Compression):
            done.setdefault(record.trace_id, set()).add((record.target_ratio, record.threshold))
            tally.add(record)
        scored = {row.trace_id for path in outputs[1:] for row in read_records(path, UnitScores)}
        whole = {trace_id for trace_id, targets in done.items() if targets.issuperset(config.targets)}
        if config.scores:
            whole &= scored
        owed = (row for row in _rows(config) if row.id not in whole)
        n_traces = count_rows(config.traces)
        progress = Progress(run_dir.log, min(n_traces, config.limit or n_traces) - len(whole))
        results = cut_batches(batched(owed, config.batch_size), config)
        stack.enter_context(contextlib.closing(results))  # ends the workers, whatever happens
        for result in results:
            for cuts in result:
                if cuts.unit_scores is not None and cuts.unit_scores.trace_id not in scored:
                    writers[1].write(cuts.unit_scores)
                for record in cuts.records:
                    if (record.target_ratio, record.threshold) not in done.get(record.trace_id, set()):
                        writers[0].write(record)
                        tally.add(record)
            progress.advance(len(result))
    for line in tally.lines():
        run_dir.log(line)
    return run_dir.finish(
        inputs=[config.traces, *(name for name in [config.compressor] if name and Path(name).exists())],
        outputs=outputs,
        counts=dict(tally.outcomes),
        seeds={"random": config.seed},
        **tally.summary(),
    )


def _rows(config: CompressConfig) -> Iterator[Trace | BadTrace]:
    return islice(scan_traces(config.traces, needs_question=config.with_question), config.limit)

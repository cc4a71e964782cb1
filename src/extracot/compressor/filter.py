"""`compress` without a run directory: traces from stdin to records on stdout, or one plain text to another."""

import contextlib
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import IO

from extracot.compressor.config import CompressConfig
from extracot.compressor.cutting import TraceCutter
from extracot.compressor.progress import Progress
from extracot.compressor.tally import Tally
from extracot.compressor.workers import batched, cut_batches
from extracot.errors import DataError, MissingFileError, UsageError
from extracot.io.jsonl import STDIN
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace, scan_traces


def filter_traces(config: CompressConfig, sink: IO[bytes], say: Callable[[str], None]) -> Tally:
    """Compress the traces that come in on stdin; a trace's records go out with its batch.

    A line that is no trace gives failed records, as a trace does that cannot be compressed.

    Args:
        config: its `traces` is not read, `scores` must be off.
        sink: takes one record per line.
        say: takes what a person wants to know.

    Returns:
        The count over all records written.

    Raises:
        DataError: no line is a trace.
        KeyboardInterrupt: says how far it came.
    """
    tally = Tally()
    progress = Progress(say)
    n_traces = 0
    traces = islice(scan_traces(STDIN, needs_question=config.with_question), config.limit)
    with contextlib.closing(cut_batches(batched(traces, config.batch_size), config)) as results:
        try:
            for result in results:
                records = [record for cuts in result for record in cuts.records]
                sink.write(b"".join(record.model_dump_json().encode() + b"\n" for record in records))
                sink.flush()
                for record in records:
                    tally.add(record)
                n_traces += len(result)
                progress.advance(len(result))
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(f"the records of {n_traces} traces have been written") from error
    return tally


def filter_text(config: CompressConfig, question: str, answer: str | None) -> Compression:
    """Compress one plain text, from the file that `config.traces` names or from stdin.

    Raises:
        UsageError: more than one ratio.
        MissingFileError: no such file.
        DataError: it cannot be read or compressed.
    """
    if len(config.targets) != 1:
        raise UsageError(f"--text writes one text, not {len(config.targets)}; give one ratio, as in --ratios 0.2")
    name = "stdin" if config.traces == STDIN else config.traces
    if config.traces != STDIN and not Path(config.traces).is_file():
        raise MissingFileError(f"text file {name} does not exist")
    content = sys.stdin.buffer.read() if config.traces == STDIN else Path(config.traces).read_bytes()
    try:
        cot = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not UTF-8 at byte {error.start}; convert it first") from error
    trace = Trace(
        id=name,
        problem_id=name,
        question=question,
        answer=answer or "",
        level=None,
        cot=cot,
        response="",
        model="unknown",
        outcome=Outcome.UNGRADED,
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )
    [cuts] = TraceCutter(config).cut([trace])
    [record] = cuts.records
    if record.outcome == "failed":
        raise DataError(f"{name}: {record.error}")
    return record

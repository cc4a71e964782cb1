"""Compressions together with the traces that they were cut from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extracot.compressor.alignment import Span
from extracot.errors import DataError, MissingFileError, UsageError
from extracot.io.jsonl import read_records
from extracot.records.compression import Compression
from extracot.records.trace import Trace, scan_traces


@dataclass(frozen=True, slots=True)
class ViewedTrace:
    """One trace with what is left of it."""

    trace: Trace
    compressions: list[Compression]
    """In the order of the file."""


def collect_views(
    run_or_file: str, traces: str | None = None, ids: Sequence[str] = (), limit: int = 10
) -> list[ViewedTrace]:
    """The first compressed traces of a run of `compress`, or those that are asked for.

    Args:
        run_or_file: a run directory, finished or not, or a `.jsonl` of compressions.
        traces: the file of traces; None takes the one that the run's config names.
        ids: of traces; empty takes the first `limit`.
        limit: most traces.

    Raises:
        MissingFileError: no such run or file, or the traces are not where the run's config says.
        UsageError: a file that lies in no run, and no `traces`.
        DataError: no compression to show, an id that there is not, or other traces than were compressed.
    """
    records, config = _find(Path(run_or_file))
    source = traces or _traces_of(config, run_or_file)
    if not Path(source).is_file():
        raise MissingFileError(f"the traces {source} do not exist; say where they are with --traces")
    wanted = list(dict.fromkeys(ids))
    found: dict[str, list[Compression]] = {}
    for record in read_records(records, Compression):
        if wanted and record.trace_id not in wanted:
            continue
        if record.trace_id not in found and len(found) == (len(wanted) or limit):
            break  # the compressions of a trace stand together
        found.setdefault(record.trace_id, []).append(record)
    missing = [trace_id for trace_id in wanted if trace_id not in found]
    if missing or not found:
        is_unfinished = config.is_file() and not (config.parent / "manifest.json").is_file()
        raise DataError(
            f"{records}: holds no compression"
            + (f" of trace {missing[0]}" if missing else "")
            + (" yet; the run is not finished, go on with it by --resume" if is_unfinished else "")
        )
    views: dict[str, ViewedTrace] = {}
    for trace in scan_traces(source, needs_question=False):
        if isinstance(trace, Trace) and trace.id in found:
            views[trace.id] = ViewedTrace(trace, found[trace.id])
            _check_fit(views[trace.id], source)
            if len(views) == len(found):
                break
    absent = [trace_id for trace_id in (wanted or found) if trace_id not in views]
    for trace_id in absent:
        failed = [record.error for record in found[trace_id] if record.outcome == "failed"]
        if not failed or wanted or not views:  # a line that is no trace cannot be shown
            reason = failed[0] if failed else "give the traces that were compressed with --traces"
            raise DataError(f"{source}: holds no trace {trace_id}; {reason}")
    return [views[trace_id] for trace_id in (wanted or found) if trace_id in views]


def stretches(length: int, rows: Sequence[Sequence[Span]]) -> list[tuple[int, int, tuple[bool, ...]]]:
    """Cut a text wherever any row of spans begins or ends.

    Args:
        length: of the text.
        rows: [R] ascending spans each.

    Returns:
        (start, end, [R] whether it lies in a span of the row), tiling the text.
    """
    bounds = sorted({0, length, *(bound for row in rows for span in row for bound in span)})
    positions = [0] * len(rows)
    pieces = []
    for start, end in zip(bounds, bounds[1:], strict=False):
        inside = []
        for number, row in enumerate(rows):
            while positions[number] < len(row) and row[positions[number]][1] <= start:
                positions[number] += 1
            position = positions[number]
            inside.append(position < len(row) and row[position][0] <= start)
        pieces.append((start, end, tuple(inside)))
    return pieces


def describe_target(record: Compression) -> str:
    """What was asked for: `0.2`, or `score ≥ 0.5`."""
    return f"{record.target_ratio:g}" if record.target_ratio is not None else f"score ≥ {record.threshold:g}"


def describe_outcome(record: Compression) -> str:
    """What came of it, in one line."""
    if record.outcome == "failed":
        return f"failed: {record.error}"
    answer = {True: "; the answer stays", False: "; the answer is lost", None: ""}[record.keeps_answer]
    return (
        f"{record.n_tokens} of {record.n_original_tokens} tokens ({record.actual_ratio:.3f}); "
        f"{record.n_formulas_kept} of {record.n_formulas} formulas{answer}"
    )


def _find(path: Path) -> tuple[Path, Path]:
    """The file of compressions, and where the config of its run would be."""
    if path.is_dir():
        records = path / "records" / "compressions.jsonl"
        if not records.is_file():
            raise MissingFileError(f"{path} holds no records/compressions.jsonl; name a run of compress")
        return records, path / "config.json"
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist; name a run of compress, or a .jsonl of compressions")
    return path, path.parent.parent / "config.json"


def _traces_of(config: Path, run_or_file: str) -> str:
    if not config.is_file():
        raise UsageError(f"{run_or_file} lies in no run; name its traces with --traces")
    try:
        value = json.loads(config.read_bytes()).get("traces")
    except (ValueError, AttributeError) as error:
        raise DataError(f"{config}: not a config: {error}; name the traces with --traces") from error
    if not isinstance(value, str):
        raise DataError(f"{config}: names no traces; is it a run of compress? else name them with --traces")
    return value


def _check_fit(view: ViewedTrace, source: str) -> None:
    for record in view.compressions:
        if record.kept and record.kept[-1][1] > len(view.trace.cot):
            raise DataError(
                f"{source}: trace {view.trace.id} is shorter than its compression says; "
                "give the traces that were compressed with --traces"
            )

"""JSON lines, one record per line, plain or gzipped.

A process may be killed in the middle of a write. What it leaves is a last line without a line end that does
not parse: such a torn line is work still owed, so the reader passes over it (with a warning) and the writer
removes it. A line that does not parse anywhere else is an error.
"""

import gzip
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ValidationError

from extracot.errors import DataError, MissingFileError, UsageError

STDIN = "-"
"""Instead of a path: what comes in on standard input."""

_logger = logging.getLogger("extracot")

RecordT = TypeVar("RecordT", bound=BaseModel)


def read_jsonl(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of a `.jsonl` or `.jsonl.gz` file, or of `STDIN`; blank lines are passed over.

    Raises:
        MissingFileError: no such file, at the first step of the iteration.
        DataError: a line that is no JSON object, or a gzip file that ends too early.
    """
    for number, row in scan_jsonl(path):
        if isinstance(row, DataError):
            raise row
        yield number, row


def scan_jsonl(path: str | Path) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    """`read_jsonl` for those who count bad lines: one that is no JSON object comes as its error, and reading goes on.

    Raises:
        MissingFileError: see `read_jsonl`.
        DataError: a gzip file that ends too early.
    """
    if path == STDIN:
        yield from _parse_lines(sys.stdin.buffer, "stdin")
        return
    source = Path(path)
    with _open(source) as file:
        yield from _parse_lines(file, str(source))


def _open(source: Path) -> IO[bytes] | gzip.GzipFile:
    if not source.is_file():
        what = "is a folder; name a .jsonl file in it" if source.is_dir() else "does not exist"
        raise MissingFileError(f"{source} {what}")
    return gzip.open(source, "rb") if source.suffix == ".gz" else open(source, "rb")


def _parse_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
                if not line.endswith(b"\n"):
                    _logger.warning("%s:%d: passing over a torn last line", name, number)
                    return
                yield number, DataError(f"{name}:{number}: not JSON: {error}")
                continue
            if isinstance(value, dict):
                yield number, value
            else:
                yield number, DataError(f"{name}:{number}: expected a JSON object, found {_kind(value)}")
    except (EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{name}:{number + 1}: broken gzip file: {error}; copy it again") from error


def count_rows(path: str | Path) -> int:
    """Rows of a `.jsonl` or `.jsonl.gz` file, blank lines aside, without parsing them.

    Raises:
        MissingFileError: no such file.
    """
    source = Path(path)
    with _open(source) as file:
        return sum(1 for line in file if line.strip())


def read_records(path: str | Path, record_type: type[RecordT]) -> Iterator[RecordT]:
    """Yield the records of a file that holds one record type and nothing else.

    Rows of a format that the record names as an older one of its own are read too.

    Raises:
        DataError: a row of another or no `format`, or one that does not fit the record; names path and line.
    """
    known = record_type.model_fields["format"].default
    older: frozenset[str] = getattr(record_type, "older_formats", frozenset())
    for number, row in read_jsonl(path):
        found = row.get("format")
        if found != known and found not in older:
            says = "has no format" if found is None else f"has format {found!r}"
            raise DataError(f"{path}:{number}: row {says}; this version reads {known!r} here")
        yield parse_record(row, record_type, f"{path}:{number}")


def parse_record(row: Mapping[str, Any], record_type: type[RecordT], where: str) -> RecordT:
    """Make a record of a row; `where` starts the message of the DataError that a bad row raises."""
    try:
        return record_type.model_validate(row)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or record_type.__name__}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise DataError(f"{where}: {problems}") from error


class JsonlWriter:
    """Appends one line per record and flushes it, so that a kill loses the line being written and no other.

    Use as a context manager. Opening for append repairs the end of the file: a torn last line is removed, a
    whole last line without a line end gets one.
    """

    def __init__(self, path: str | Path, append: bool = True) -> None:
        self.path = Path(path)
        if self.path.suffix == ".gz":
            raise UsageError(f"{self.path}: records are written plain; name a .jsonl file")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if append and self.path.exists():
            _repair_last_line(self.path)
        self._file: IO[str] = open(self.path, "a" if append else "w", encoding="utf-8", newline="\n")  # noqa: SIM115

    def write(self, record: BaseModel | Mapping[str, Any]) -> None:
        """Write one line: a pydantic record, or a mapping whose values are plain JSON (NaN is refused)."""
        if isinstance(record, BaseModel):
            line = record.model_dump_json()
        else:
            line = json.dumps(record, ensure_ascii=False, allow_nan=False)
        self._file.write(line + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "JsonlWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _repair_last_line(path: Path) -> None:
    with open(path, "rb+") as file:
        tail = b""
        position = file.seek(0, 2)
        while position > 0 and b"\n" not in tail:
            step = min(65536, position)
            position = file.seek(position - step)
            tail = file.read(step) + tail
        last_line = tail[tail.rfind(b"\n") + 1 :]
        if not last_line:
            return
        try:
            json.loads(last_line)
        except ValueError:
            file.seek(-len(last_line), 2)
            file.truncate()
        else:
            file.seek(0, 2)
            file.write(b"\n")


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", type(None): "null"}.get(
        type(value), f"a {type(value).__name__}"
    )

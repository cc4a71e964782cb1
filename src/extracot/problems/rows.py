"""The rows of a benchmark, from the Hub or from a file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extracot.errors import DataError, MissingFileError
from extracot.io.jsonl import read_jsonl
from extracot.problems.benchmark import Benchmark

Rows = Iterator[tuple[str, Mapping[str, Any]]]
"""Each row's place, for messages, and the row."""


def hub_rows(benchmark: Benchmark) -> Rows:
    """The rows of a benchmark's pinned revision; `datasets` keeps them on disk, so later runs need no network.

    Raises:
        MissingFileError: the Hub cannot be reached or has no such data; says how to do without it.
    """
    import datasets
    import datasets.exceptions

    try:
        rows = datasets.load_dataset(
            benchmark.repository, benchmark.config, split=benchmark.split, revision=benchmark.revision
        )
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:  # what comes from below is an OSError
        says = " ".join(str(error).split())
        raise MissingFileError(
            f"{benchmark.name}: {benchmark.repository} could not be read from the Hub: {says[:300]}; "
            f"with a file of its rows no network is needed: problems={benchmark.name}:FILE.jsonl"
        ) from error
    for number, row in enumerate(rows):
        yield f"{benchmark.repository} row {number}", row


def file_rows(path: str) -> Rows:
    """The rows of a `.jsonl`, `.jsonl.gz` or `.parquet` file.

    Raises:
        MissingFileError: no such file.
        DataError: a line that is no JSON object, or a broken file.
    """
    if path.endswith(".parquet"):
        yield from _parquet_rows(path)
        return
    for number, row in read_jsonl(path):
        yield f"{path}:{number}", row


def _parquet_rows(path: str) -> Rows:
    import pyarrow
    import pyarrow.parquet

    if not Path(path).is_file():
        raise MissingFileError(f"{path} does not exist")
    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(f"{path}: no Parquet file: {' '.join(str(error).split())}") from error
    for number, row in enumerate(rows):
        yield f"{path} row {number}", row

"""Chat rows as Parquet, written a thousand at a time."""

from pathlib import Path
from types import TracebackType
from typing import Any

from extracot.records.chat_example import ChatExample

_GROUP_ROWS = 1000


class ParquetWriter:
    """Writes chat rows in the order given. Use as a context manager: the file is whole when it is left."""

    def __init__(self, path: str | Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        turns = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
        texts = ("format", "id", "problem_id", "queue")
        self._schema = pa.schema(
            [*((name, pa.string()) for name in texts), ("target_ratio", pa.float64()), ("prompt", turns)]
            + [("completion", turns)]
        )
        self._make_table = pa.Table.from_pylist
        self._writer = pq.ParquetWriter(str(path), self._schema)
        self._rows: list[dict[str, Any]] = []

    def write(self, row: ChatExample) -> None:
        """Add a row."""
        self._rows.append(row.model_dump())
        if len(self._rows) == _GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._make_table(self._rows, schema=self._schema))
            self._rows = []

    def __enter__(self) -> "ParquetWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._writer.close()

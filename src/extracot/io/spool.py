"""JSON values put aside on disk, to be read back in any order: what a stage need not hold in memory."""

import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any


class Spool:
    """A file without a name, gone when it is closed or the process ends. Use as a context manager."""

    def __init__(self, folder: str | Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._end = 0

    def put(self, value: Any) -> int:
        """Put a value of plain JSON away; gives its place."""
        place = self._end
        line = json.dumps(value).encode("ascii") + b"\n"
        self._file.seek(place)
        self._file.write(line)
        self._end = place + len(line)
        return place

    def get(self, place: int) -> Any:
        """The value at a place that `put` gave; tuples come back as lists."""
        self._file.seek(place)
        return json.loads(self._file.readline())

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""The list of everything that was not learnt from, and why."""

from pathlib import Path
from types import TracebackType

from extracot.dataset.trace_filters import TraceFilter
from extracot.io.jsonl import JsonlWriter
from extracot.records.rejection import Rejection


class RejectionLog:
    """Writes a row for every rejection. Use as a context manager; without a path it writes nothing."""

    def __init__(self, path: str | Path | None) -> None:
        self._writer = None if path is None else JsonlWriter(path, append=False)
        self.leaks: list[str] = []
        """The traces whose questions are in an evaluation set, each with the evaluation problem that it gives away."""

    def add(self, trace_id: str, target_ratio: float | None, filter: str, detail: str) -> None:
        """One trace, or one rendering of it, was taken by a filter."""
        if filter in (TraceFilter.IN_EVALUATION_SET, TraceFilter.NEAR_EVALUATION_SET):
            self.leaks.append(f"{trace_id}: {detail}")
        if self._writer is not None:
            row = Rejection(trace_id=trace_id, target_ratio=target_ratio, filter=str(filter), detail=detail)
            self._writer.write(row)

    def __enter__(self) -> "RejectionLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

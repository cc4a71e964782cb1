"""The ledger of requests to a teacher: what was asked, what it cost, and what need not be asked again."""

import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from extracot.io.jsonl import JsonlWriter, read_records
from extracot.records.teacher_call import CallOutcome, TeacherCall


class CallLedger:
    """Appends to `calls.jsonl` from any thread; sums over all attempts of the run.

    Use as a context manager. After the end of it nothing is written: a request still in flight is then lost.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._writer: JsonlWriter | None = JsonlWriter(path)  # opened first: it removes a torn last line
        self._outcomes: Counter[CallOutcome] = Counter()
        self._tokens = Counter(prompt=0, completion=0, without_usage=0)
        self._price: float | None = None
        self._latency_s = 0.0
        self._n_outside = 0
        self._answers: dict[str, list[tuple[int, int]]] = {}
        for call in read_records(path, TeacherCall):
            self._count(call)

    def add(self, call: TeacherCall) -> None:
        """Write one request and count it."""
        with self._lock:
            if self._writer is not None:
                self._writer.write(call)
                self._count(call)

    def answer(self, digest: str) -> list[tuple[int, int]] | None:
        """What an equal request was answered, in this attempt or one before; None if none was."""
        with self._lock:
            return self._answers.get(digest)

    @property
    def counts(self) -> Mapping[str, int]:
        """Requests by outcome, as `calls/ok`."""
        return {f"calls/{outcome}": count for outcome, count in sorted(self._outcomes.items())}

    @property
    def summary(self) -> dict[str, float | int | None]:
        """Sums for the manifest; `price` is None where no request had one."""
        n_calls = sum(self._outcomes.values())
        return {
            "calls_n": n_calls,
            "calls_n_failed": n_calls - self._outcomes[CallOutcome.OK],
            "calls_n_without_usage": self._tokens["without_usage"],
            "calls_n_prompt_tokens": self._tokens["prompt"],
            "calls_n_completion_tokens": self._tokens["completion"],
            "calls_n_ranges_outside": self._n_outside,
            "calls_latency_s": round(self._latency_s / n_calls, 3) if n_calls else None,
            "calls_price": None if self._price is None else round(self._price, 6),
        }

    def close(self) -> None:
        """Write nothing further."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __enter__(self) -> "CallLedger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _count(self, call: TeacherCall) -> None:
        self._outcomes[call.outcome] += 1
        self._latency_s += call.latency_s
        self._n_outside += call.n_outside
        if call.n_prompt_tokens is None or call.n_completion_tokens is None:
            self._tokens["without_usage"] += 1
        self._tokens["prompt"] += call.n_prompt_tokens or 0
        self._tokens["completion"] += call.n_completion_tokens or 0
        if call.price is not None:
            self._price = (self._price or 0.0) + call.price
        if call.outcome is CallOutcome.OK:
            self._answers[call.digest] = call.keep

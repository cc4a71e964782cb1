"""Grade a completion against the gold answer.

Three steps, from cheap to dear: find the last balanced `\\boxed{…}` after the think block; decide what rules decide
(`compare`); ask math-verify about the rest, in a process that is killed when it takes too long. It does not look for
answers outside of a box, and does not know whether a text was cut off: the caller does.
"""

import atexit
import math
import multiprocessing
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from numbers import Real
from types import TracebackType
from typing import TYPE_CHECKING

from extracot.errors import StageError, UsageError
from extracot.grading.as_text import answer_text, completion_text
from extracot.grading.compare import compare_answers
from extracot.grading.worker import compare_symbolically, warm_up
from extracot.records.outcome import Outcome
from extracot.text.answers import last_boxed
from extracot.text.think import split_response

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool


MAX_SYMBOLIC_CHARS = 400
"""Longer answers that rules leave open are wrong, unless the gold answer is half as long: they are no final answers,
and math-verify would spend its whole time limit on them."""
_BROKEN_POOL = (
    "the grading processes do not start; put the script's code under `if __name__ == '__main__':` "
    "and check that math-verify imports"
)


class GradeMethod(StrEnum):
    """How a grade came about."""

    NO_BOX = "no_box"
    """There is no box after the think block, or an empty one."""
    NO_GOLD = "no_gold"
    """There is no gold answer to compare with."""
    EXACT = "exact"
    """Rules decided."""
    SYMBOLIC = "symbolic"
    """math-verify decided, or could not read the gold."""
    TIMED_OUT = "timed_out"
    """The comparison was killed after `timeout_s`, or with its batch after `batch_timeout_s`."""
    CRASHED = "crashed"
    """The comparison took its process down, or raised."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What became of one completion."""

    outcome: Outcome
    """correct | wrong | no_answer, or ungraded where the comparison could not be decided; never truncated."""
    predicted: str | None
    """The content of the box; None without one."""
    method: GradeMethod
    """Which step decided."""


class Grader:
    """Grades completions; safe to share between threads.

    The processes start at the first comparison that needs them (spawned, so torch threads are no danger) and
    are warmed before their first task, so an import never counts against `timeout_s`. Use as a context
    manager, or call `close`. A script that makes a Grader needs the `if __name__ == "__main__":` guard, as
    all spawning does.
    """

    def __init__(self, timeout_s: float = 10.0, n_workers: int = 2, batch_timeout_s: float | None = None) -> None:
        """
        Args:
            timeout_s: seconds by the clock before a symbolic comparison's process is killed and replaced.
                Honest ones take well under one on a free machine; the default leaves room for a busy one.
            n_workers: symbolic comparisons at a time.
            batch_timeout_s: seconds by the clock for all symbolic comparisons of one `grade_many`; what is open then
                stays ungraded. The first start of the processes does not count, that of replacements does. None waits
                for each: n hostile answers may take n x timeout_s / n_workers.

        Raises:
            UsageError: one of them is not positive.
        """
        if timeout_s <= 0 or n_workers < 1 or (batch_timeout_s is not None and batch_timeout_s <= 0):
            raise UsageError(
                "a grader needs timeout_s > 0, n_workers >= 1 and batch_timeout_s > 0 or None, not "
                f"{timeout_s}, {n_workers} and {batch_timeout_s}"
            )
        self._timeout_s = timeout_s
        self._n_workers = n_workers
        self._batch_timeout_s = batch_timeout_s
        self._lock = threading.Lock()
        self._pool: ProcessPool | None = None
        self._started: ProcessFuture[int] | None = None
        self._is_closed = False

    def grade(self, gold: str, text: str) -> Grade:
        """Grade one completion, see `grade_many`."""
        return self.grade_many([(gold, text)])[0]

    def grade_many(self, pairs: Iterable[tuple[str, str]]) -> list[Grade]:
        """Grade completions, in order; symbolic comparisons run side by side, equal ones once.

        Args:
            pairs: (gold answer, text) each. The gold is plain text or LaTeX, with or without `$` or a box.
                The text is a whole completion or its visible part: a think block at its start is passed
                over, and all of an unclosed one, so a box inside of it is no answer.

        Raises:
            StageError: the processes cannot be started.
        """
        golds_and_predictions = [(_clean_gold(gold), _boxed_answer(text)) for gold, text in pairs]
        grades = [_grade_without_pool(gold, predicted) for gold, predicted in golds_and_predictions]
        settled = self._compare_all(
            (gold, predicted or "")
            for (gold, predicted), grade in zip(golds_and_predictions, grades, strict=True)
            if grade is None
        )
        return [
            grade if grade is not None else settled[gold, predicted or ""]
            for (gold, predicted), grade in zip(golds_and_predictions, grades, strict=True)
        ]

    def close(self) -> None:
        """End the processes; what is still being compared is dropped. A closed grader grades no more."""
        with self._lock:
            pool, self._pool, self._is_closed = self._pool, None, True
        if pool is not None:
            pool.stop()
            pool.join()

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _compare_all(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Grade]:
        """Compare each (gold, predicted) once, as many at a time as there are processes, while the batch has time."""
        # Short ones first: they are the honest ones more often, should the batch's time run out.
        in_order = sorted(dict.fromkeys(pairs), key=lambda pair: len(pair[1]))
        if not in_order:
            return {}
        deadline = None
        if self._batch_timeout_s is not None:
            self._wait_for_start()
            deadline = time.monotonic() + self._batch_timeout_s

        def compare(pair: tuple[str, str]) -> Grade:
            left_s = math.inf if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                return Grade(Outcome.UNGRADED, pair[1], GradeMethod.TIMED_OUT)
            return _collect(self._schedule(*pair, timeout_s=min(self._timeout_s, left_s)), pair[1])

        with ThreadPoolExecutor(self._n_workers) as waiting:
            return dict(zip(in_order, waiting.map(compare, in_order), strict=True))

    def _schedule(self, gold: str, predicted: str, timeout_s: float) -> "ProcessFuture[bool | None]":
        with self._lock:
            try:
                return self._open_pool().schedule(compare_symbolically, (gold, predicted), timeout=timeout_s)
            except RuntimeError as error:  # the pool broke down in an earlier call
                raise StageError(_BROKEN_POOL) from error

    def _wait_for_start(self) -> None:
        """Return once a process has started and is warm; at once where one has been before."""
        with self._lock:
            if self._started is None:
                self._started = self._open_pool().schedule(os.getpid)
            started = self._started
        try:
            started.result()
        except BrokenProcessPool as error:
            raise StageError(_BROKEN_POOL) from error

    def _open_pool(self) -> "ProcessPool":
        """The processes, which start at the first call; the lock is held."""
        from pebble import ProcessPool

        if self._is_closed:
            raise UsageError("this grader is closed; make a new one")
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPool(self._n_workers, initializer=warm_up, context=context)
        return self._pool


def grade(completion: str, gold: str | float | Real) -> Grade:
    """Grade one completion by a grader that the whole process shares and that is closed at its end.

    Args:
        completion: a whole completion or its visible part, with its answer in a box.
        gold: the gold answer, plain text or LaTeX, or a number.

    For many completions `Grader.grade_many` is faster: it compares side by side.

    Raises:
        UsageError: a completion that is no text, or a gold answer that is neither text nor a finite number.
    """
    return _shared_grader().grade(answer_text(gold, "gold answer"), completion_text(completion))


@lru_cache(maxsize=1)
def _shared_grader() -> Grader:
    grader = Grader()
    atexit.register(grader.close)
    return grader


def _clean_gold(gold: str) -> str:
    boxed = last_boxed(gold)
    return boxed if boxed is not None else gold.strip()


def _boxed_answer(text: str) -> str | None:
    return last_boxed(split_response(text).visible) or None


def _grade_without_pool(gold: str, predicted: str | None) -> Grade | None:
    """The grade, where no symbolic comparison is needed."""
    if not gold:
        return Grade(Outcome.UNGRADED, predicted, GradeMethod.NO_GOLD)
    if predicted is None:
        return Grade(Outcome.NO_ANSWER, None, GradeMethod.NO_BOX)
    is_equal = compare_answers(gold, predicted)
    if is_equal is None and len(predicted) > max(MAX_SYMBOLIC_CHARS, 2 * len(gold)):
        is_equal = False
    if is_equal is None:
        return None
    return Grade(Outcome.CORRECT if is_equal else Outcome.WRONG, predicted, GradeMethod.EXACT)


def _collect(future: "ProcessFuture[bool | None]", predicted: str) -> Grade:
    """Wait for a comparison; the pool's kill bounds the wait."""
    outcomes = {True: Outcome.CORRECT, False: Outcome.WRONG, None: Outcome.UNGRADED}
    try:
        return Grade(outcomes[future.result()], predicted, GradeMethod.SYMBOLIC)
    except TimeoutError:
        return Grade(Outcome.UNGRADED, predicted, GradeMethod.TIMED_OUT)
    except BrokenProcessPool as error:
        raise StageError(_BROKEN_POOL) from error
    except Exception:  # math-verify raises many kinds on odd input, and a killed process raises ProcessExpired
        return Grade(Outcome.UNGRADED, predicted, GradeMethod.CRASHED)

"""A sampled chain of thought with its answer, and how to read files of them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from extracot.errors import DataError
from extracot.io.jsonl import STDIN, parse_record, scan_jsonl
from extracot.records.outcome import Outcome
from extracot.records.problem import parse_level, problem_id, required_text
from extracot.records.record import Record


class Trace(Record):
    """One reasoning of one model about one problem."""

    format: Literal["extracot.trace/1"] = "extracot.trace/1"
    """Rides on every line, so a file copied out of its run still says what it is."""
    id: str
    """Unique in its file; the same problem may have several traces."""
    problem_id: str
    """The problem that it answers."""
    question: str
    """The question alone: no instruction, no control token."""
    answer: str
    """Gold answer; "" where a foreign file has none, and then `outcome` is ungraded."""
    level: int | None
    """Difficulty of the problem, larger is harder; None where the source is silent."""
    cot: str
    """What stands inside the think block, without the tags and the line ends next to them."""
    response: str
    """The visible text after the think block, as generated; "" where there is none."""
    model: str
    """Who wrote it: a hub name or a folder; "unknown" where a foreign file is silent."""
    outcome: Outcome
    """How `response` compares to `answer`."""
    is_closed: bool
    """The think block was closed by the model itself."""
    n_think_tokens: int | None = Field(ge=0)
    """Tokens inside the think block, even an unclosed one, in the model's tokenizer; None: not counted."""
    n_tokens: int | None = Field(ge=0)
    """All tokens generated, think block and response; None: not counted."""
    latency_s: float | None = Field(ge=0)
    """Seconds from request to end; None: not measured."""


@dataclass(frozen=True, slots=True)
class BadTrace:
    """A row of a file that is no trace."""

    id: str
    """Where it stands, as `traces.jsonl:7` or `stdin:7`; what it says of itself cannot be relied on."""
    error: str
    """What is wrong with it; begins with `id`."""


_MOST_LEADING = 100


def load_traces(path: str | Path) -> list[Trace]:
    """All traces of a file, see `iterate_traces`.

    Raises:
        DataError: also when the file holds no traces.
    """
    traces = list(iterate_traces(path))
    if not traces:
        raise DataError(f"{path}: holds no traces")
    return traces


def iterate_traces(path: str | Path) -> Iterator[Trace]:
    """Yield the traces of a `.jsonl` or `.jsonl.gz`, or of stdin (`-`), ours or plain `{question, cot, ...}` rows.

    A foreign row needs `question` and `cot`. `answer`, `response`, `id`, `problem_id`, `level`, `model` and
    `correct` (a bool) are used where present, other keys ignored. Its think block counts as closed.

    Raises:
        MissingFileError: no such file.
        DataError: a row without question or cot, or an id that occurs twice or is no Unicode; names path and line.
    """
    for row in _scan(path, needs_question=True):
        if isinstance(row, BadTrace):
            raise DataError(row.error)
        yield row


def scan_traces(path: str | Path, *, needs_question: bool = True) -> Iterator[Trace | BadTrace]:
    """`iterate_traces` for those who count bad rows: one that is no trace comes as what is wrong, and reading goes on.

    Args:
        path: as there.
        needs_question: False takes foreign rows without a question too; it is then "".

    Raises:
        MissingFileError: no such file.
        DataError: a broken gzip file; or no row is a trace, of all of them or of the first 100, which is a file of
            another kind. Says what is wrong with the first.
    """
    leading: list[BadTrace] | None = []
    for row in _scan(path, needs_question):
        if leading is None:
            yield row
        elif isinstance(row, BadTrace):
            leading.append(row)
            if len(leading) == _MOST_LEADING:
                break
        else:
            yield from leading
            yield row
            leading = None
    if leading:
        raise DataError(leading[0].error)


def _scan(path: str | Path, needs_question: bool) -> Iterator[Trace | BadTrace]:
    lines_by_id: dict[str, int] = {}
    for number, row in scan_jsonl(path):
        where = f"{'stdin' if path == STDIN else path}:{number}"
        try:
            if isinstance(row, DataError):
                raise row
            trace = parse_record(row, Trace, where) if "format" in row else _foreign_trace(row, where, needs_question)
            if not _is_unicode(trace.id + trace.problem_id):
                raise DataError(f"{where}: the id or problem_id holds half of a surrogate pair; give it another one")
            if trace.id in lines_by_id:
                raise DataError(
                    f"{where}: id {trace.id!r} is already on line {lines_by_id[trace.id]}; drop one of them"
                )
        except DataError as error:
            # A key of the row may be no Unicode either.
            yield BadTrace(where, str(error).encode(errors="backslashreplace").decode())
            continue
        lines_by_id[trace.id] = number
        yield trace


def _foreign_trace(row: Mapping[str, Any], where: str, needs_question: bool) -> Trace:
    question = required_text(row, "question", where) if needs_question else _text_or(row, "question", "")
    # An empty chain of thought is one bad trace, which a stage counts; a missing one is a file of another kind.
    cot = "" if row.get("cot") == "" else required_text(row, "cot", where)
    answer = required_text(row, "answer", where) if row.get("answer") not in (None, "") else ""
    found_id = row.get("id")
    digest = hashlib.sha256(f"{question}\x1f{cot}".encode(errors="surrogatepass")).hexdigest()[:16]
    return Trace(
        id=found_id if isinstance(found_id, str) and found_id else f"t-{digest}",
        problem_id=_text_or(row, "problem_id", problem_id(question, answer)),
        question=question,
        answer=answer,
        level=parse_level(row.get("level")),
        cot=cot,
        response=_text_or(row, "response", ""),
        model=_text_or(row, "model", "unknown"),
        outcome={True: Outcome.CORRECT, False: Outcome.WRONG}.get(row.get("correct"), Outcome.UNGRADED),  # type: ignore[arg-type]
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text_or(row: Mapping[str, Any], key: str, default: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else default

"""A question with its gold answer, and how to read files of them."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from extracot.errors import DataError
from extracot.io.jsonl import parse_record, read_jsonl
from extracot.records.record import Record


class Problem(Record):
    """One question and its gold answer."""

    older_formats: ClassVar[frozenset[str]] = frozenset({"extracot.problem/1"})

    format: Literal["extracot.problem/2"] = "extracot.problem/2"
    """Rides on every line, so a file copied out of its run still says what it is."""
    id: str
    """Stable across machines and row order; `problem_id` makes one, a foreign file may bring its own."""
    question: str
    """The question alone: no instruction, no control token."""
    answer: str
    """Gold answer, plain text or LaTeX, without `$` or `\\boxed`."""
    level: int | None
    """Difficulty as the source states it, larger is harder; None where the source is silent."""
    subject: str | None = None
    """Field as the source names it, as "algebra"; None where the source is silent. New in /2."""
    source: str
    """Where it comes from: a data set, a file name, a generator with its seed."""

    @model_validator(mode="before")
    @classmethod
    def _read_older_rows(cls, row: Any) -> Any:
        """A row of /1 has no subject."""
        if isinstance(row, Mapping) and row.get("format") == "extracot.problem/1":
            return {**row, "format": "extracot.problem/2"}
        return row


def problem_id(question: str, answer: str) -> str:
    """Name a problem by its content: `p-` and 16 hex digits; surrounding white space does not count."""
    digest = hashlib.sha256(f"{question.strip()}\x1f{answer.strip()}".encode(errors="surrogatepass")).hexdigest()
    return f"p-{digest[:16]}"


def load_problems(path: str | Path) -> list[Problem]:
    """Read problems from `.jsonl` or `.jsonl.gz`, ours or plain `{question, answer, ...}` rows.

    Of a foreign row `question`, `answer`, `id`, `level`, `subject` and `source` are used, all other keys ignored.
    A worked GSM8K answer (`... #### 72`) is cut to what follows the mark.

    Raises:
        MissingFileError: no such file.
        DataError: no rows, a row without question or answer, or an id that occurs twice; names path and line.
    """
    return [problem for _, problem in read_problems(path)]


def read_problems(path: str | Path) -> Iterator[tuple[int, Problem]]:
    """`load_problems` with the line of every problem, one by one.

    Raises:
        MissingFileError, DataError: as `load_problems`, on the way.
    """
    lines_by_id: dict[str, int] = {}
    for number, row in read_jsonl(path):
        where = f"{path}:{number}"
        problem = parse_record(row, Problem, where) if "format" in row else _foreign_problem(row, where, path)
        if problem.id in lines_by_id:
            raise DataError(
                f"{where}: id {problem.id!r} is already on line {lines_by_id[problem.id]}; drop one of them"
            )
        lines_by_id[problem.id] = number
        yield number, problem
    if not lines_by_id:
        raise DataError(f"{path}: holds no problems")


def _foreign_problem(row: Mapping[str, Any], where: str, path: str | Path) -> Problem:
    question = required_text(row, "question", where)
    answer = required_text(row, "answer", where).rpartition("\n####")[2].strip()
    found_id, source, subject = row.get("id"), row.get("source"), row.get("subject")
    return Problem(
        id=found_id if isinstance(found_id, str) and found_id else problem_id(question, answer),
        question=question,
        answer=answer,
        level=parse_level(row.get("level")),
        subject=subject if isinstance(subject, str) and subject else None,
        source=source if isinstance(source, str) else Path(path).name,
    )


def required_text(row: Mapping[str, Any], key: str, where: str) -> str:
    """The non-empty text of a foreign row's key; a number counts as its text.

    Raises:
        DataError: the key is missing, empty or of another type; names the keys that are there.
    """
    value = row.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        keys = ", ".join(sorted(row)) or "none"
        raise DataError(f"{where}: needs a text under {key!r}; found the keys: {keys}; rename the one that holds it")
    return value


def parse_level(value: Any) -> int | None:
    """A foreign level as an int: 3, "3" and "Level 3" are 3; anything else is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    match = re.fullmatch(r"(?:[Ll]evel\s*)?(\d+)", value.strip()) if isinstance(value, str) else None
    return int(match[1]) if match else None

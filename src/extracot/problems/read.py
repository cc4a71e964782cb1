"""The one place where the value of a `problems` key becomes problems."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from extracot.errors import DataError, MissingFileError
from extracot.io.nearest import did_you_mean
from extracot.problems.benchmark import Benchmark
from extracot.problems.catalogue import BENCHMARKS
from extracot.problems.rows import file_rows, hub_rows
from extracot.problems.spec import split_spec
from extracot.records.problem import Problem, problem_id, read_problems
from extracot.toy.problems import resolve_problems as resolve_toy_problems


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """Problems with distinct ids, and what a reader of the run should know of them."""

    problems: Sequence[Problem]
    places: Sequence[str]
    """Of each problem: file and line, or repository and row."""
    path: str | None = None
    """The file that they were read from, if any."""
    notes: Sequence[str] = ()
    """Lines worth telling: a part of a benchmark, rows that repeat others."""

    def first(self, limit: int | None) -> "ProblemSet":
        """Only the first so many."""
        return replace(self, problems=self.problems[:limit], places=self.places[:limit])

    @property
    def sha256(self) -> str:
        """Of what is asked: ids, questions, gold answers, levels and subjects, in order. Not of where they come from,
        so a benchmark has one whether it is read from the Hub or from a file."""
        digest = hashlib.sha256()
        for problem in self.problems:
            row = (problem.id, problem.question, problem.answer, problem.level, problem.subject)
            digest.update(json.dumps(row).encode() + b"\n")
        return digest.hexdigest()


def read_problem_set(spec: str) -> ProblemSet:
    """The problems that a config's `problems` value means.

    Args:
        spec: a benchmark's name (`gsm8k`), the same with a file of its rows (`gsm8k:test.jsonl`), a toy spec
            (`toy:<split>:<n>[:seed=<s>]`), or the path of a problems file.

    Raises:
        UsageError: a toy spec that does not parse; says which part.
        MissingFileError: no such file, or a benchmark that the Hub does not give.
        DataError: rows that are no problems, or an id twice in a file; names path and line.
    """
    benchmark, path = split_spec(spec)
    if benchmark is not None:
        return _benchmark_problems(benchmark, path)
    if path is None:
        toy = resolve_toy_problems(spec)
        return ProblemSet(toy, [f"{spec} problem {number}" for number in range(len(toy))])
    try:
        numbered = list(read_problems(path))
    except MissingFileError as error:
        near = "" if "." in path else did_you_mean(path, BENCHMARKS, what="the benchmark")
        raise MissingFileError(f"{error}{near}") from error
    return ProblemSet([problem for _, problem in numbered], [f"{path}:{number}" for number, _ in numbered], path)


def resolve_problems(spec: str) -> list[Problem]:
    """As `read_problem_set`, the problems alone."""
    return list(read_problem_set(spec).problems)


def count_problems(spec: str, limit: int | None = None) -> int:
    """How many problems a value means, without fetching anything: of a benchmark on the Hub, as many as it states.

    Raises:
        UsageError, MissingFileError, DataError: as `read_problem_set`.
    """
    benchmark, path = split_spec(spec)
    on_hub = benchmark is not None and path is None
    n = benchmark.n_rows if benchmark is not None and on_hub else len(read_problem_set(spec).problems)
    return n if limit is None else min(n, limit)


def _benchmark_problems(benchmark: Benchmark, path: str | None) -> ProblemSet:
    """Named by content alone, so that ids do not depend on where the rows came from.

    A benchmark may hold the same question twice: the second then gets an id of its own, so that none is lost.
    """
    problems: list[Problem] = []
    places: list[str] = []
    n_seen: Counter[str] = Counter()
    repeats: list[str] = []
    for place, row in hub_rows(benchmark) if path is None else file_rows(path):
        found = benchmark.read_row(row, place)
        if found is None:
            continue
        content_id = problem_id(found.question, found.answer)
        n_seen[content_id] += 1
        if n_seen[content_id] > 1:
            repeats.append(place)
        problems.append(
            Problem(
                id=content_id if n_seen[content_id] == 1 else f"{content_id}-{n_seen[content_id]}",
                question=found.question,
                answer=found.answer,
                level=found.level,
                subject=found.subject,
                source=benchmark.name,
            )
        )
        places.append(place)
    if not problems:
        raise DataError(f"{path or benchmark.repository}: holds no problems of {benchmark.name}")
    return ProblemSet(problems, places, path, _notes(benchmark, len(problems), repeats))


def _notes(benchmark: Benchmark, n_problems: int, repeats: Sequence[str]) -> list[str]:
    notes = []
    if n_problems != benchmark.n_rows:
        notes.append(f"{benchmark.name}: {n_problems} problems, not the {benchmark.n_rows} of the whole benchmark")
    if repeats:
        shown = ", ".join(repeats[:5]) + (", ..." if len(repeats) > 5 else "")
        notes.append(f"{benchmark.name}: {len(repeats)} rows repeat an earlier one and are asked again: {shown}")
    return notes

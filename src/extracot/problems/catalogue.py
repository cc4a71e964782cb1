"""The benchmarks that have a name here, and how each of them spells its rows.

A row may come from the Hub or from a file of the user's, so a reader knows the spellings of both: `problem` or
`question`, a worked answer or a bare one. Both give the same problem.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from extracot.errors import DataError
from extracot.problems.benchmark import Benchmark, BenchmarkRow
from extracot.records.problem import parse_level, required_text
from extracot.text.answers import last_boxed

_NUMBER = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_LETTERS: Final = "ABCDEFGHIJ"
_MMLU_STEM: Final = frozenset(
    {
        "abstract_algebra", "anatomy", "astronomy", "college_biology", "college_chemistry", "college_computer_science",
        "college_mathematics", "college_physics", "computer_security", "conceptual_physics", "electrical_engineering",
        "elementary_mathematics", "high_school_biology", "high_school_chemistry", "high_school_computer_science",
        "high_school_mathematics", "high_school_physics", "high_school_statistics", "machine_learning",
    }
)  # fmt: skip
"""The subjects that MMLU's authors file under STEM, and anatomy, as its common harness does: 3,153 questions."""


def plain_number(answer: str) -> str:
    """A number in one spelling: `1,234` is 1234, `027` 27, `27.0` 27; any other text without surrounding blanks."""
    text = answer.strip()
    if not _NUMBER.fullmatch(text):
        return text
    whole, _, decimals = text.replace(",", "").partition(".")
    return f"{int(whole)}" if not decimals.strip("0") else f"{whole}.{decimals}"


def _question(row: Mapping[str, Any], where: str) -> str:
    return required_text(row, "problem" if "problem" in row and "question" not in row else "question", where).strip()


def _worked_number(row: Mapping[str, Any], where: str) -> BenchmarkRow:
    """GSM8K: the number behind the mark of a worked answer, or a bare one."""
    answer = required_text(row, "answer", where).rpartition("####")[2]
    return BenchmarkRow(_question(row, where), plain_number(answer))


def _number(row: Mapping[str, Any], where: str) -> BenchmarkRow:
    """AMC and AIME: a whole number, bare or in the box of a solution; a degree sign is left out."""
    key = "answer" if "answer" in row else "solution"
    text = required_text(row, key, where)
    boxed = last_boxed(text)
    if key == "solution" and boxed is None:
        raise DataError(f"{where}: has no `answer`, and no \\boxed{{...}} in its `solution`; add an answer")
    answer = re.sub(r"\^\{?\\circ\}?|\$", "", boxed or text)
    return BenchmarkRow(_question(row, where), plain_number(answer))


def _latex(row: Mapping[str, Any], where: str) -> BenchmarkRow:
    """MATH: LaTeX as it stands, with the level and the subject of the source."""
    answer = required_text(row, "answer", where).strip()
    return BenchmarkRow(_question(row, where), answer, parse_level(row.get("level")), _subject(row))


def _choice(row: Mapping[str, Any], where: str) -> BenchmarkRow | None:
    """MMLU: the question with its options below, lettered; the gold is a letter. Other subjects are left out."""
    subject = _subject(row)
    if subject is not None and subject not in _MMLU_STEM:
        return None
    question, gold, choices = _question(row, where), row.get("answer"), row.get("choices")
    if choices is None:  # a row that was lettered before
        return BenchmarkRow(question, required_text(row, "answer", where).strip(), subject=subject)
    if not isinstance(choices, list | tuple) or not 2 <= len(choices) <= len(_LETTERS):
        raise DataError(f"{where}: `choices` must be a list of 2 to {len(_LETTERS)} options")
    letter = _LETTERS[gold] if isinstance(gold, int) and 0 <= gold < len(choices) else str(gold).strip().upper()
    if letter not in _LETTERS[: len(choices)] or len(letter) != 1:
        raise DataError(f"{where}: answer {gold!r} is none of its {len(choices)} options; give 0, 1 or A, B")
    options = "\n".join(f"{name}. {str(text).strip()}" for name, text in zip(_LETTERS, choices, strict=False))
    return BenchmarkRow(f"{question}\n{options}\nAnswer with the letter of the right option.", letter, subject=subject)


def _subject(row: Mapping[str, Any]) -> str | None:
    subject = row.get("subject")
    return subject if isinstance(subject, str) and subject else None


_LISTED = (
    Benchmark(
        "gsm8k", "grade-school word problems, test split", "openai/gsm8k", "main", "test",
        "740312add88f781978c0658806c59bc2815b9866", "MIT", 1319, _worked_number,
    ),
    Benchmark(
        "math500", "500 competition problems of MATH's test split", "HuggingFaceH4/MATH-500", None, "test",
        "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be", "MIT, as MATH", 500, _latex,
    ),
    Benchmark(
        "amc23", "40 problems of AMC 12A and 12B of 2023", "math-ai/amc23", None, "test",
        "80815d37005feb82cd7f8fbc6901d5d3eff43057", "Apache-2.0; problems by the MAA", 40, _number,
    ),
    Benchmark(
        "aime24", "AIME I and II of 2024", "math-ai/aime24", None, "test",
        "83a7f387baaa524a8bda0022eac0541582297103", "Apache-2.0; problems by the MAA", 30, _number,
    ),
    Benchmark(
        "aime25", "AIME I and II of 2025", "math-ai/aime25", None, "test",
        "563bb8404243c5f09de6ec262f2db674fe5bce9b", "Apache-2.0; problems by the MAA", 30, _number,
    ),
    Benchmark(
        "mmlu-stem", "the 19 STEM subjects of MMLU's test split", "cais/mmlu", "all", "test",
        "c30699e8356da336a370243923dbaf21066bb9fe", "MIT", 3153, _choice,
    ),
)  # fmt: skip

BENCHMARKS: Final = {benchmark.name: benchmark for benchmark in _LISTED}
"""By name. Numbers of rows are those that the sources state; no benchmark has a checksum here, since none of them was
at hand in full when this was written: a run writes down what it read, and `problems_sha256` pins it."""

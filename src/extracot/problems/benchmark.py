"""What a benchmark is: where its rows are, whose they are, and how a row becomes a problem."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """What of a row becomes a problem."""

    question: str
    answer: str
    """Gold, in one spelling: whole numbers without commas, leading zeros and `.0`."""
    level: int | None = None
    subject: str | None = None


ReadRow = Callable[[Mapping[str, Any], str], BenchmarkRow | None]
"""Makes it from a row as the Hub or a file has it, and the row's place for errors; None for a row that does not belong
to the benchmark. Raises DataError for one without question or answer."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark of the field."""

    name: str
    """As `problems` takes it."""
    about: str
    """In a few words."""
    repository: str
    """Of its data set on the Hub."""
    config: str | None
    split: str
    revision: str
    """Commit of that repository, so that a run means the same rows tomorrow."""
    licence: str
    """As its source states it."""
    n_rows: int
    """Problems in the whole of it."""
    read_row: ReadRow

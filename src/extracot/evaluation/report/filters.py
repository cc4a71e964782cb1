"""What the data factory's filters took, from the runs of `build-sft`."""

from dataclasses import dataclass
from itertools import islice

from pydantic import BaseModel, ValidationError

from extracot.errors import DataError
from extracot.evaluation.report.collect import StageRun
from extracot.io.jsonl import read_records
from extracot.records.rejection import Rejection

_N_REJECTIONS_READ = 50_000
"""Rejections that are looked through for instances."""


class _Card(BaseModel):
    """What is read of a data card, which holds more."""

    n_traces: int
    n_traces_kept: int
    faults_only_counted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FilterCount:
    """One filter that took something."""

    name: str
    n_by_ratio: dict[str, int]
    """Renderings per target ratio, as "0.20"; whole traces under ""."""
    is_only_counted: bool
    """It drops nothing: what it found is used all the same."""
    instance: str
    """What it found the first time, in its own words; "" where no list of rejections was kept."""


@dataclass(frozen=True, slots=True)
class FilterReport:
    """The filters of one run of `build-sft`."""

    run: StageRun
    n_traces: int | None
    """Traces that were looked at; None where the run has no data card."""
    n_traces_kept: int | None
    took: list[FilterCount]
    """In the order in which they were asked."""
    took_nothing: list[str]
    """Names of the others."""


def read_filters(run: StageRun) -> FilterReport | None:
    """What the filters of a run took; None for a run of another stage.

    Raises:
        DataError: a data card or a list of rejections that cannot be read.
    """
    if run.manifest.stage != "build-sft":
        return None
    by_name: dict[str, dict[str, int]] = {}
    for key, n in run.manifest.counts.items():
        kind, _, rest = key.partition("/")
        if kind in ("trace", "compression") and rest:
            name, _, ratio = rest.partition("@")
            by_name.setdefault(name, {})[ratio] = n
    card = _read_card(run)
    instances = _read_instances(run)
    return FilterReport(
        run=run,
        n_traces=None if card is None else card.n_traces,
        n_traces_kept=None if card is None else card.n_traces_kept,
        took=[
            FilterCount(name, counts, card is not None and name in card.faults_only_counted, instances.get(name, ""))
            for name, counts in by_name.items()
            if any(counts.values())
        ],
        took_nothing=[name for name, counts in by_name.items() if not any(counts.values())],
    )


def is_filter_count(key: str) -> bool:
    """Whether a count in a manifest is one of a filter's."""
    return key.startswith(("trace/", "compression/"))


def _read_card(run: StageRun) -> _Card | None:
    path = run.path / "records" / "card.json"
    if not path.is_file():
        return None
    try:
        return _Card.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: not a data card: {error.errors(include_url=False)[0]['msg']}") from error


def _read_instances(run: StageRun) -> dict[str, str]:
    """The first finding of each filter."""
    path = run.path / "records" / "rejections.jsonl"
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for rejection in islice(read_records(path, Rejection), _N_REJECTIONS_READ):
        found.setdefault(rejection.filter, rejection.detail)
    return found

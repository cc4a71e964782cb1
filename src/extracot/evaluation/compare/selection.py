"""Which rows of which runs are compared: `RUN`, `RUN:arm` or `RUN:arm@mode`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from extracot.errors import DataError, MissingFileError, UsageError
from extracot.evaluation.metrics import RowKey, group_rows
from extracot.evaluation.report.collect import EvaluationRun, read_evaluation
from extracot.evaluation.table import describe_mode
from extracot.io.nearest import did_you_mean
from extracot.records.score import Score


@dataclass(frozen=True, slots=True)
class Selection:
    """Some rows of one finished evaluation."""

    run: EvaluationRun
    rows: dict[RowKey, list[Score]]
    """Those that were named, all where none were; at least one."""

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.run.run.path


def read_selection(text: str) -> Selection:
    """Read a run and pick the rows that a text names.

    Args:
        text: `RUN`, `RUN:arm` or `RUN:arm@mode`; a mode is `base`, `policy` or a ratio. A name that holds ":" or "@"
            itself is taken as it stands where there is such a folder or arm.

    Raises:
        MissingFileError: no such folder, or a run that is not finished.
        DataError: not a run of evaluate, or one of another format.
        UsageError: no such row; names those that are there.
    """
    folder, wanted = _split(text)
    run = read_evaluation(folder)
    rows = group_rows(run.scores)
    return Selection(run, rows if wanted is None else _pick(rows, wanted, text))


def pair_rows(first: Selection, second: Selection) -> list[tuple[RowKey, RowKey]]:
    """Which row is compared with which: a single row with every one of the other side, else equal names.

    Raises:
        DataError: no row is named alike; says how to name rows.
    """
    if len(first.rows) == 1 or len(second.rows) == 1:
        return [(one, other) for one in first.rows for other in second.rows]
    pairs = [(key, key) for key in first.rows if key in second.rows]
    if not pairs:
        raise DataError(
            f"{first.path} and {second.path} have no row of one name; name the rows, as RUN:arm@mode. "
            f"There are {_list(first.rows)} and {_list(second.rows)}"
        )
    return pairs


def row_name(key: RowKey) -> str:
    """A row as one would name it: `extracot@policy`."""
    return f"{key.arm}@{describe_mode(key)}"


def _split(text: str) -> tuple[Path, str | None]:
    """The folder, and what stands behind its colon."""
    if Path(text).is_dir():
        return Path(text), None
    for place in (place for place, character in enumerate(text) if character == ":"):
        if Path(text[:place]).is_dir():
            return Path(text[:place]), text[place + 1 :]
    raise MissingFileError(f"no run at {text}; give the folder of a finished evaluate, or RUN:arm@mode")


def _pick(rows: dict[RowKey, list[Score]], wanted: str, text: str) -> dict[RowKey, list[Score]]:
    arm, _, mode = wanted.rpartition("@")
    names = {key: row_name(key) for key in rows}
    picked = {
        key: scores
        for key, scores in rows.items()
        if key.arm == wanted or (key.arm == arm and _is_mode(key, mode))
    }
    if not picked:
        near = did_you_mean(wanted, [*names.values(), *(key.arm for key in rows)])
        raise UsageError(f"{text}: no such row{near or '; rows: ' + _list(list(rows))}")
    return picked


def _is_mode(key: RowKey, mode: str) -> bool:
    if mode == key.mode:
        return True
    try:
        return key.target_ratio is not None and abs(float(mode) - key.target_ratio) < 1e-6
    except ValueError:
        return False


def _list(rows: Sequence[RowKey] | dict[RowKey, list[Score]]) -> str:
    return ", ".join(row_name(key) for key in rows)

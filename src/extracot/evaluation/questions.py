"""The problems of an evaluation: checked before any model runs, and written down so that a resume asks the same."""

from collections.abc import Callable, Sequence
from pathlib import Path

from extracot.errors import DataError
from extracot.evaluation.config import EvaluateConfig
from extracot.grading.grader import Grader
from extracot.io.atomic import write_text_atomic
from extracot.io.jsonl import read_records
from extracot.problems.golds import unreadable_golds
from extracot.problems.read import ProblemSet
from extracot.records.problem import Problem

_N_TOLD = 20
"""Unreadable gold answers that are told one by one; the rest are counted."""


def check_problems(
    config: EvaluateConfig, whole: ProblemSet, asked: ProblemSet, log: Callable[[str], None]
) -> int:
    """See that these are the problems that were meant, and tell which cannot be graded.

    Args:
        config: says which checksum to insist on, and whether to stop.
        whole: as read.
        asked: the part of it that is asked.
        log: told what a reader of the run should know.

    Returns:
        Gold answers that the grader cannot read.

    Raises:
        DataError: another checksum than the config has, or unreadable gold answers where it says stop.
    """
    for note in whole.notes:
        log(f"evaluate: {note}")
    if config.problems_sha256 not in (None, whole.sha256):
        raise DataError(
            f"{config.problems}: its {len(whole.problems)} problems have the checksum {whole.sha256}, not "
            f"{config.problems_sha256}: questions or gold answers changed; get the old data, or correct problems_sha256"
        )
    with Grader() as grader:
        unreadable = unreadable_golds(asked.problems, grader)
    for index in unreadable[:_N_TOLD]:
        log(f"evaluate: {asked.places[index]}: gold answer {asked.problems[index].answer[:80]!r} cannot be read")
    if unreadable:
        counted = (
            f"{len(unreadable)} of {len(asked.problems)} gold answers cannot be read by the grader, "
            f"the first at {asked.places[unreadable[0]]}"
        )
        if config.unreadable_golds == "stop":
            raise DataError(f"{counted}; correct them, or count them as wrong with unreadable_golds=keep")
        log(f"evaluate: {counted}; they are asked and count as wrong")
    return len(unreadable)


def keep_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write the problems of a run down, or see that they are those that it was started with.

    Raises:
        DataError: they have changed since; says where they begin to differ.
    """
    if not path.is_file():
        write_text_atomic(path, "".join(f"{problem.model_dump_json()}\n" for problem in problems))
        return
    before = list(read_records(path, Problem))
    if before == list(problems):
        return
    n_same = next(
        (number for number, pair in enumerate(zip(before, problems, strict=False)) if pair[0] != pair[1]),
        min(len(before), len(problems)),
    )
    raise DataError(
        f"the problems have changed since this run was started: then {len(before)}, now {len(problems)}, different "
        f"from number {n_same + 1} on; start a new run, with problems={path} if it is to ask the old ones"
    )

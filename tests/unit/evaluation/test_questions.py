"""The problems of an evaluation are checked before any model runs, and a resume asks the same ones."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from extracot.errors import DataError
from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.questions import check_problems, keep_problems
from extracot.problems.read import read_problem_set


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


ROWS = [{"question": "1 + 1?", "answer": "2"}, {"question": "A half?", "answer": "\\frac{1"}]


def check(path: Path, **changes: object) -> tuple[int, list[str]]:
    config = EvaluateConfig.model_validate({"problems": str(path), "base_model": "toy", **changes})
    whole = read_problem_set(config.problems)
    said: list[str] = []
    n = check_problems(config, whole, whole.first(config.limit), said.append)
    return n, said


def test_gold_answers_that_cannot_be_read_are_told_by_line_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", ROWS)
    assert check(path) == (
        1,
        [
            f"evaluate: {path}:2: gold answer '\\\\frac{{1' cannot be read",
            f"evaluate: 1 of 2 gold answers cannot be read by the grader, the first at {path}:2; "
            "they are asked and count as wrong",
        ],
    )
    assert check(path, limit=1) == (0, [])
    with pytest.raises(DataError, match=r"1 of 2 gold answers cannot .*p\.jsonl:2; correct them"):
        check(path, unreadable_golds="stop")


def test_a_pinned_checksum_refuses_any_other_problems(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", ROWS[:1])
    pinned = read_problem_set(str(path)).sha256
    assert check(path, problems_sha256=pinned) == (0, [])
    write(path, [{"question": "1 + 1?", "answer": "3"}])
    with pytest.raises(DataError, match=f"its 1 problems have the checksum .*, not {pinned}"):
        check(path, problems_sha256=pinned)


def test_a_part_of_a_benchmark_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", ROWS[:1])
    _, said = check(Path(f"gsm8k:{path}"))
    assert said == ["evaluate: gsm8k: 1 problems, not the 1319 of the whole benchmark"]


def test_problems_that_changed_since_the_start_stop_a_resume(tmp_path: Path) -> None:
    path, kept = tmp_path / "p.jsonl", tmp_path / "kept.jsonl"
    write(path, ROWS[:1])
    keep_problems(kept, read_problem_set(str(path)).problems)
    before = kept.read_text()
    keep_problems(kept, read_problem_set(str(path)).problems)
    write(path, [{"question": "1 + 1?", "answer": "3"}])
    with pytest.raises(DataError, match="changed since this run .* then 1, now 1, different from number 1 on"):
        keep_problems(kept, read_problem_set(str(path)).problems)
    write(path, ROWS)
    with pytest.raises(DataError, match="then 1, now 2, different from number 2 on"):
        keep_problems(kept, read_problem_set(str(path)).problems)
    assert kept.read_text() == before
    # What was asked is itself a file of problems, with the same names.
    old, new = read_problem_set(str(kept)).problems, read_problem_set(str(path)).problems
    assert [problem.id for problem in old] == [new[0].id]

"""A `problems` value: a toy spec or a file."""

import json
from pathlib import Path

import pytest

from extracot.errors import MissingFileError, UsageError
from extracot.toy.problems import resolve_problems


def test_a_toy_spec_gives_that_many_distinct_problems() -> None:
    problems = resolve_problems("toy:heldout:50:seed=4")
    assert len({problem.id for problem in problems}) == 50
    assert all(problem.source == "toy:heldout:seed=4" for problem in problems)


def test_a_longer_spec_begins_with_the_shorter_one() -> None:
    assert resolve_problems("toy:train:30")[:10] == resolve_problems("toy:train:10")


@pytest.mark.parametrize("spec", ["toy:train", "toy:dev:5", "toy:train:0", "toy:train:5:seed=x", "toy:train:5:1:2"])
def test_a_bad_spec_says_how_to_write_one(spec: str) -> None:
    with pytest.raises(UsageError, match="write toy:train:800"):
        resolve_problems(spec)


def test_anything_else_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"question": "1 + 1?", "answer": "2"}) + "\n")
    assert [problem.answer for problem in resolve_problems(str(path))] == ["2"]
    with pytest.raises(MissingFileError):
        resolve_problems(str(tmp_path / "absent.jsonl"))

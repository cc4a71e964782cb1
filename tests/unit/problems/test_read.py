"""One value, many sources: benchmarks from the Hub and from files, the toy world, files of one's own."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import DataError, MissingFileError
from extracot.problems import read as reading
from extracot.problems.catalogue import BENCHMARKS
from extracot.problems.read import ProblemSet, count_problems, read_problem_set, resolve_problems
from extracot.problems.rows import hub_rows
from extracot.problems.spec import split_spec, without_benchmark
from extracot.records.problem import Problem, problem_id

ROWS = [
    {"question": "How many?", "answer": "1 + 1 = <<1+1=2>>2\n#### 2"},
    {"question": "How much?", "answer": "It is 1,000.\n#### 1,000"},
]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GSM8K's repository, as a folder that `datasets` reads by the very same call."""
    folder = tmp_path / "hub" / "gsm8k"
    write_rows(folder / "test.jsonl", ROWS)
    benchmark = replace(BENCHMARKS["gsm8k"], repository=str(folder), config=None, n_rows=2)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(reading, "split_spec", lambda spec: (benchmark, split_spec(spec)[1]))
    return folder


def test_a_benchmark_is_the_same_from_the_hub_and_from_files(hub: Path, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    from_hub = read_problem_set("gsm8k")
    assert [(problem.question, problem.answer) for problem in from_hub.problems] == [
        ("How many?", "2"),
        ("How much?", "1000"),
    ]
    assert from_hub.problems[0].id == problem_id("How many?", "2") and not from_hub.notes
    lines = write_rows(tmp_path / "mine.jsonl", ROWS)
    bare = write_rows(tmp_path / "bare.jsonl", [{"id": "x", "question": "How many?", "answer": 2},
                                                {"id": "x", "question": "How much?", "answer": "1000"}])  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "mine.parquet")
    for path in (lines, bare, tmp_path / "mine.parquet"):
        from_file = read_problem_set(f"gsm8k:{path}")
        assert from_file.problems == from_hub.problems
        assert from_file.sha256 == from_hub.sha256
        assert from_file.path == str(path)
    kept = write_rows(tmp_path / "kept.jsonl", [problem.model_dump() for problem in from_hub.problems])
    assert read_problem_set(f"gsm8k:{kept}").problems == from_hub.problems


def test_without_the_hub_the_message_says_how_to_give_a_file() -> None:
    with pytest.raises(MissingFileError, match="gsm8k: openai/gsm8k could not be read .*problems=gsm8k:FILE.jsonl"):
        list(hub_rows(BENCHMARKS["gsm8k"]))


def test_a_part_and_repeated_rows_are_told_and_nothing_is_lost(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [*ROWS, ROWS[0]])
    found = read_problem_set(f"gsm8k:{path}")
    assert [problem.id for problem in found.problems][::2] == [
        problem_id("How many?", "2"),
        problem_id("How many?", "2") + "-2",
    ]
    assert found.notes == [
        "gsm8k: 3 problems, not the 1319 of the whole benchmark",
        f"gsm8k: 1 rows repeat an earlier one and are asked again: {path}:3",
    ]


def test_rows_that_are_no_problems_say_path_and_line(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [ROWS[0], {"question": "How many?"}])
    with pytest.raises(DataError, match=r"rows\.jsonl:2: needs a text under 'answer'"):
        read_problem_set(f"gsm8k:{path}")
    empty = write_rows(tmp_path / "empty.jsonl", [])
    with pytest.raises(DataError, match="holds no problems of gsm8k"):
        read_problem_set(f"gsm8k:{empty}")
    with pytest.raises(MissingFileError, match="absent.parquet does not exist"):
        read_problem_set(f"gsm8k:{tmp_path / 'absent.parquet'}")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="broken.parquet: no Parquet file"):
        read_problem_set(f"gsm8k:{broken}")


def test_files_and_toy_specs_go_on_working(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", [{"question": "1 + 1?", "answer": "2"}, {"question": "q", "answer": "3"}])
    found = read_problem_set(str(path))
    assert [problem.answer for problem in found.problems] == ["2", "3"]
    assert resolve_problems(str(path)) == found.problems
    assert found.places == [f"{path}:1", f"{path}:2"] and found.path == str(path)
    assert found.first(1).problems == found.problems[:1] and found.first(1).places == found.places[:1]
    toy = read_problem_set("toy:train:3:seed=1")
    assert len(toy.problems) == len(toy.places) == 3 and toy.path is None
    with pytest.raises(MissingFileError, match="gsm8 does not exist; did you mean the benchmark 'gsm8k'"):
        read_problem_set("gsm8")


def test_the_checksum_tells_every_change_of_what_is_asked() -> None:
    problem = Problem(id="p", question="q", answer="1", level=1, source="s")
    original = ProblemSet([problem], ["here"]).sha256
    for change in ({"question": "r"}, {"answer": "2"}, {"level": 2}, {"subject": "algebra"}, {"id": "o"}):
        assert ProblemSet([problem.model_copy(update=change)], ["here"]).sha256 != original
    elsewhere = problem.model_copy(update={"source": "t"})
    assert ProblemSet([elsewhere], ["there"]).sha256 == original


def test_a_value_is_taken_apart_without_reading_anything() -> None:
    def named(spec: str) -> tuple[str | None, str | None]:
        benchmark, path = split_spec(spec)
        return (benchmark.name if benchmark else None, path)

    assert named("gsm8k") == named("GSM8K") == ("gsm8k", None)
    assert named("MATH-500") == ("math500", None) and named("mmlu_stem:a.jsonl") == ("mmlu-stem", "a.jsonl")
    assert named("toy:train:8") == (None, None)
    assert named("data/gsm8k.jsonl") == (None, "data/gsm8k.jsonl")
    assert without_benchmark("gsm8k:a.jsonl") == "a.jsonl"
    assert all(without_benchmark(text) == text for text in ("gsm8k", "a.jsonl", "toy:train:8"))


def test_counting_fetches_nothing(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", ROWS)
    assert count_problems("gsm8k") == 1319 and count_problems("gsm8k", limit=5) == 5
    assert count_problems(f"gsm8k:{path}") == 2 and count_problems("toy:train:7", limit=9) == 7


SHARED = Path(os.environ.get("EXTRACOT_SHARED_DATA", "absent"))


@pytest.mark.parametrize(
    ("name", "file", "n", "first_answer"),
    [
        ("gsm8k", "gsm8k_test_dev.jsonl", 660, "18"),
        ("math500", "math500_dev.jsonl", 250, "\\frac{14}{3}"),
        ("amc23", "amc23_dev.jsonl", 20, "36"),
        ("aime24", "aime24_dev.jsonl", 15, "204"),
    ],
)
def test_parts_of_the_real_benchmarks_are_read_whole_and_can_be_graded(
    name: str, file: str, n: int, first_answer: str
) -> None:
    if not (SHARED / file).is_file():
        pytest.skip(f"EXTRACOT_SHARED_DATA names no folder with {file}")
    from extracot.grading import Grader
    from extracot.problems.golds import unreadable_golds

    found = read_problem_set(f"{name}:{SHARED / file}")
    assert len(found.problems) == n == len({problem.id for problem in found.problems})
    assert found.problems[0].answer == first_answer
    assert all(problem.level and problem.subject for problem in found.problems) == (name == "math500")
    with Grader() as grader:
        assert unreadable_golds(found.problems, grader) == []


def test_stages_that_take_problems_look_for_the_file_behind_a_benchmark() -> None:
    from extracot.dataset.config import BuildSftConfig
    from extracot.evaluation.config import EvaluateConfig
    from extracot.generate.config import GenerateConfig
    from extracot.training.budgets.config import TeacherBudgetsConfig

    spec, model = "math500:data/m.jsonl", "org/model"
    assert GenerateConfig(problems=spec, model=model).input_paths() == ["data/m.jsonl"]
    assert TeacherBudgetsConfig(problems=spec, model=model).input_paths() == ["data/m.jsonl"]
    assert EvaluateConfig(problems=spec, base_model=model).input_paths() == ["data/m.jsonl"]
    assert EvaluateConfig(problems="gsm8k", base_model=model).input_paths() == []
    build = BuildSftConfig(
        traces="t.jsonl",
        annotations="a.jsonl",
        compressions="c.jsonl",
        model=model,
        evaluation_problems=(spec, "gsm8k"),
    )
    assert sorted(build.input_paths()) == ["a.jsonl", "c.jsonl", "data/m.jsonl", "t.jsonl"]

from pathlib import Path

import pytest

from extracot.errors import DataError, MissingFileError
from extracot.records import Problem, load_problems, problem_id


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_id_depends_on_content_and_not_on_surrounding_space() -> None:
    assert problem_id("q", "a") == problem_id(" q\n", "a ")
    assert problem_id("q", "a") != problem_id("qa", "")
    assert problem_id("q", "a") != problem_id("a", "q")
    assert len(problem_id("q", "a")) == len("p-") + 16


def test_our_own_rows_come_back_as_they_are(tmp_path: Path) -> None:
    problem = Problem(id="mine", question="q", answer="a", level=2, source="s")
    path = write(tmp_path / "p.jsonl", problem.model_dump_json())
    assert load_problems(path) == [problem]


def test_a_row_of_the_first_format_is_read_without_subject(tmp_path: Path) -> None:
    row = '{"format": "extracot.problem/1", "id": "p", "question": "q", "answer": "a", "level": 2, "source": "s"}'
    path = write(tmp_path / "old.jsonl", row)
    assert load_problems(path) == [Problem(id="p", question="q", answer="a", level=2, source="s")]


def test_a_plain_row_gets_an_id_a_level_and_a_source(tmp_path: Path) -> None:
    path = write(
        tmp_path / "math.jsonl",
        '{"question": "q", "answer": 72, "level": "Level 5", "subject": "algebra", "else": "ignored"}',
        '{"question": "r", "answer": "3.5", "id": "kept", "level": "unknown", "source": "here"}',
    )
    assert load_problems(path) == [
        Problem(id=problem_id("q", "72"), question="q", answer="72", level=5, subject="algebra", source="math.jsonl"),
        Problem(id="kept", question="r", answer="3.5", level=None, source="here"),
    ]


def test_a_worked_gsm8k_answer_is_cut_to_the_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "g.jsonl", '{"question": "q", "answer": "48/2 = 24\\n48+24 = 72\\n#### 72"}')
    assert load_problems(path)[0].answer == "72"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            '{"problem": "q", "answer": "a"}',
            r"p.jsonl:2: needs a text under 'question'; found the keys: answer, pro",
        ),
        ('{"question": "q"}', r"p.jsonl:2: needs a text under 'answer'"),
        ('{"question": "q", "answer": " "}', r"'answer'"),
        ('{"question": "q", "answer": true}', r"'answer'"),
        ('{"question": "first", "answer": "1"}', r"p.jsonl:2: id 'p-\w+' is already on line 1"),
        ('{"format": "extracot.problem/9", "question": "q"}', r"p.jsonl:2: .*format"),
    ],
)
def test_a_bad_row_is_named_by_path_and_line(tmp_path: Path, row: str, says: str) -> None:
    path = write(tmp_path / "p.jsonl", '{"question": "first", "answer": "1"}', row)
    with pytest.raises(DataError, match=says):
        load_problems(path)


def test_a_file_without_problems_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no problems"):
        load_problems(write(tmp_path / "p.jsonl"))
    with pytest.raises(MissingFileError):
        load_problems(tmp_path / "none.jsonl")

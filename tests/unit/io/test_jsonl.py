import gzip
import logging
from pathlib import Path

import pytest

from extracot.errors import DataError, MissingFileError, UsageError
from extracot.io.jsonl import JsonlWriter, read_jsonl, read_records
from extracot.records import Problem, TeacherBudget


def test_lines_are_numbered_as_an_editor_numbers_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}')
    assert list(read_jsonl(path)) == [(1, {"a": 1}), (3, {"a": 2})]


def test_a_gzipped_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress('{"a": "é"}\n'.encode()))
    assert list(read_jsonl(path)) == [(1, {"a": "é"})]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"a": 1}\n{"a": \n', r"rows.jsonl:2: not JSON"),
        (b'{"a": 1}\n[1]\n', r"rows.jsonl:2: expected a JSON object, found an array"),
        (b'{"a": "\xff"}\n', r"rows.jsonl:1: not JSON"),
        (b"null\n", r"found null"),
    ],
)
def test_a_bad_line_is_named_by_path_and_number(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        list(read_jsonl(path))


def test_half_a_gzip_file_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-20])
    with pytest.raises(DataError, match="broken gzip"):
        list(read_jsonl(path))


def test_a_missing_file_and_a_folder_are_missing_files(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        list(read_jsonl(tmp_path / "no.jsonl"))
    with pytest.raises(MissingFileError, match="is a folder"):
        list(read_jsonl(tmp_path))


def test_a_torn_last_line_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": ')
    with caplog.at_level(logging.WARNING, logger="extracot"):
        assert list(read_jsonl(path)) == [(1, {"a": 1})]
    assert "rows.jsonl:2: passing over a torn last line" in caplog.text


@pytest.mark.parametrize(
    ("left_behind", "then"),
    [
        ('{"a": 1}\n{"a": ', '{"a": 1}\n{"a": 3}\n'),  # torn: removed
        ('{"a": 1}\n{"a": 2}', '{"a": 1}\n{"a": 2}\n{"a": 3}\n'),  # whole, only its end is missing
        ('{"a": ', '{"a": 3}\n'),
        ("", '{"a": 3}\n'),
        ('{"a": "' + "x" * 200_000, '{"a": 3}\n'),  # a torn line longer than what is read at once
        ('{"a": 1}\n{"a": "' + "x" * 200_000, '{"a": 1}\n{"a": 3}\n'),
    ],
)
def test_opening_for_append_repairs_the_end_of_the_file(tmp_path: Path, left_behind: str, then: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(left_behind)
    with JsonlWriter(path) as writer:
        writer.write({"a": 3})
    assert path.read_text() == then


def test_every_record_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    with JsonlWriter(path) as writer:
        writer.write({"a": 1})
        assert path.read_text() == '{"a": 1}\n'


def test_without_append_the_file_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n')
    with JsonlWriter(path, append=False):
        pass
    assert path.read_text() == ""


def test_a_number_that_json_cannot_say_is_refused(tmp_path: Path) -> None:
    with JsonlWriter(tmp_path / "rows.jsonl") as writer, pytest.raises(ValueError, match="Out of range"):
        writer.write({"loss": float("inf")})


def test_a_gzipped_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a .jsonl file"):
        JsonlWriter(tmp_path / "rows.jsonl.gz")


def test_another_format_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    problem = Problem(id="p", question="q", answer="a", level=None, source="s")
    with JsonlWriter(path) as writer:
        writer.write(problem)
    assert list(read_records(path, Problem)) == [problem]
    with pytest.raises(
        DataError, match=r"rows.jsonl:1: row has format 'extracot.problem/2'; this version reads"
    ):
        list(read_records(path, TeacherBudget))
    path.write_text('{"question": "q"}\n')
    with pytest.raises(DataError, match="row has no format"):
        list(read_records(path, Problem))


def test_a_row_that_does_not_fit_names_its_field(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"format": "extracot.problem/1", "id": "p", "question": "q", "answer": 5, "extra": 1}\n')
    with pytest.raises(DataError, match=r"rows.jsonl:1: .*answer: .*string.*extra: Extra inputs"):
        list(read_records(path, Problem))

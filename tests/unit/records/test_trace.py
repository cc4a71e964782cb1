import json
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import DataError
from extracot.records import BadTrace, Outcome, Trace, load_traces, problem_id, scan_traces


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_foreign_row_needs_only_question_and_cot(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"question": "q", "cot": "think"})
    (trace,) = load_traces(path)
    assert trace.answer == "" and trace.response == "" and trace.model == "unknown"
    assert trace.outcome is Outcome.UNGRADED
    assert trace.n_think_tokens is None and trace.n_tokens is None and trace.latency_s is None
    assert trace.id.startswith("t-") and trace.problem_id == problem_id("q", "")


def test_a_foreign_row_keeps_what_it_knows(tmp_path: Path) -> None:
    row = {
        "id": "cot-1",
        "question": "q",
        "answer": "4",
        "cot": "think",
        "response": "\\boxed{4}",
        "model": "m",
        "correct": False,
        "level": 3,
        "chunks": [],
    }
    (trace,) = load_traces(write(tmp_path / "t.jsonl", row))
    assert (trace.id, trace.answer, trace.response, trace.model) == ("cot-1", "4", "\\boxed{4}", "m")
    assert trace.outcome is Outcome.WRONG and trace.level == 3 and trace.is_closed


def test_our_own_rows_come_back_as_they_are(tmp_path: Path) -> None:
    (trace,) = load_traces(write(tmp_path / "foreign.jsonl", {"question": "q", "cot": "c", "answer": "a"}))
    path = tmp_path / "ours.jsonl"
    path.write_text(trace.model_dump_json() + "\n")
    assert load_traces(path) == [trace]
    assert isinstance(trace, Trace)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"question": "q", "response": "r"}, r"t.jsonl:2: needs a text under 'cot'; found the keys"),
        ({"question": "q", "cot": "c"}, r"t.jsonl:2: id 't-\w+' is already on line 1"),
        ({"format": "extracot.score/1"}, r"t.jsonl:2: .*format"),
    ],
)
def test_a_bad_row_is_named_by_path_and_line(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    path = write(tmp_path / "t.jsonl", {"question": "q", "cot": "c"}, row)
    with pytest.raises(DataError, match=says):
        load_traces(path)


def test_a_file_without_traces_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no traces"):
        load_traces(write(tmp_path / "t.jsonl"))


def test_a_scan_goes_on_behind_bad_rows_and_says_where_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('[1]\n{"question": "q", "cot": "c"}\nno\n{"cot": "c", "\\ud800": 1}\n', encoding="utf-8")
    first, trace, third, fourth = scan_traces(path)
    assert isinstance(trace, Trace)
    assert all(isinstance(row, BadTrace) for row in (first, third, fourth))
    assert [row.id for row in (first, third, fourth)] == [f"{path}:{line}" for line in (1, 3, 4)]
    assert fourth == BadTrace(
        f"{path}:4",
        f"{path}:4: needs a text under 'question'; found the keys: cot, \\ud800; rename the one that holds it",
    )


@pytest.mark.parametrize("n_rows", [1, 5000])
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, n_rows: int) -> None:
    path = write(tmp_path / "t.jsonl", *[{"text": "c"}] * n_rows)
    with pytest.raises(DataError, match=r"t.jsonl:1: needs a text under 'question'; found the keys: text"):
        list(scan_traces(path))

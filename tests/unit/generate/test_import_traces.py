"""Taking over traces that somebody else's tools have written."""

import json
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import MissingFileError, StageError
from extracot.generate.config import GenerateConfig
from extracot.generate.import_traces import Rejection, RowRejected, read_foreign
from extracot.generate.run import plan, run
from extracot.io.jsonl import read_jsonl, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace

USER = {"role": "user", "content": "What is 4 + 5?"}


def chat(said: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": "Think."}, USER, {"role": "assistant", "content": said}], **more}


def plain(**more: Any) -> dict[str, Any]:
    return {"question": "What is 4 + 5?", "cot": "4 + 5 = 9", **more}


def take_over(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> tuple[Manifest, list[Trace]]:
    folder.mkdir(exist_ok=True)
    file = folder / "foreign.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = GenerateConfig.model_validate({"traces": str(file), **changes})
    run_dir = RunDirectory.open(folder / "run", config, "generate", resume=True)
    manifest = run(config, run_dir)
    return manifest, list(read_records(run_dir.records("traces.jsonl"), Trace))


RIGHT = "<think>\n4 + 5 = 9\n</think>\n\nSo \\boxed{9}."


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (chat(RIGHT, gold="9"), Outcome.CORRECT),
        (chat(RIGHT, answer=9), Outcome.CORRECT),
        (chat(RIGHT, answer="8"), Outcome.WRONG),
        (chat(RIGHT), Outcome.UNGRADED),
        (chat("<think>\n4 + 5 = 9\n</think>\n\nNine.", gold="9"), Outcome.NO_ANSWER),
        (chat("<think>\n4 + 5, so \\boxed{9}", gold="9"), Outcome.NO_ANSWER),
        (chat("<think>\n4 + 5", gold="9", finish_reason="length"), Outcome.TRUNCATED),
        (plain(answer="9", response="\n\nSo \\boxed{9}."), Outcome.CORRECT),
        (plain(answer="9", response="\n\nSo \\boxed{8}."), Outcome.WRONG),
        (plain(answer="nine", gold="9", response="\n\nSo \\boxed{9}."), Outcome.CORRECT),
        (plain(answer="9", gold="9"), Outcome.CORRECT),
        (plain(answer="8", gold="9"), Outcome.WRONG),
        (plain(answer="So \\boxed{9}.", gold="9"), Outcome.CORRECT),
        (plain(answer="I think\nit is 9", gold="9"), Outcome.NO_ANSWER),
        (plain(answer="9"), Outcome.UNGRADED),
        ({**plain(answer="9"), "cot": "4 + 5 = \\boxed{9}"}, Outcome.CORRECT),
        ({**plain(answer="9"), "cot": "4 + 5 = \\boxed{8}"}, Outcome.WRONG),
        ({**plain(answer="9"), "cot": RIGHT}, Outcome.CORRECT),
        (plain(), Outcome.UNGRADED),
    ],
)
def test_a_row_is_graded_against_its_gold_answer(tmp_path: Path, row: dict[str, Any], outcome: Outcome) -> None:
    manifest, [trace] = take_over(tmp_path / "in", [row])
    assert trace.outcome is outcome
    assert manifest.counts[outcome.value] == manifest.counts["traces"] == 1
    assert trace.question == "What is 4 + 5?" and trace.cot.startswith("4 + 5")


def test_a_bare_answer_is_put_into_a_box(tmp_path: Path) -> None:
    _, [trace] = take_over(tmp_path / "in", [plain(answer=" 9 ", gold="9")])
    assert trace.response == "\n\n\\boxed{9}"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_think_block_may_stand_in_a_field_of_its_own(tmp_path: Path, field: str) -> None:
    row = chat("So \\boxed{9}.", gold="9")
    row["messages"][-1][field] = "\n4 + 5 = 9\n"
    _, [trace] = take_over(tmp_path / "in", [row])
    assert (trace.cot, trace.is_closed, trace.outcome) == ("4 + 5 = 9", True, Outcome.CORRECT)


def test_a_gold_answer_is_looked_up_by_id_and_by_question(tmp_path: Path) -> None:
    problems = tmp_path / "problems.jsonl"
    rows = [
        {"id": "sum", "question": "What is\n4 + 5?", "answer": "9", "level": 3},
        {"id": "other", "question": "Another?", "answer": "8", "level": 5},
    ]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    foreign = [chat(RIGHT, id="a"), chat(RIGHT, id="b", problem_id="other"), plain(id="c", answer="9")]
    _, traces = take_over(tmp_path / "in", foreign, problems=str(problems))
    assert [(t.id, t.problem_id, t.answer, t.level, t.outcome.value) for t in traces] == [
        ("a", "sum", "9", 3, "correct"),
        ("b", "other", "8", 5, "wrong"),
        ("c", "sum", "9", 3, "correct"),
    ]


def test_think_tokens_are_counted_where_a_tokenizer_is_named(tmp_path: Path, tiny_model_dir: Path) -> None:
    from transformers import AutoTokenizer

    _, [uncounted] = take_over(tmp_path / "none", [plain(answer="9", model="R1")])
    assert uncounted.n_think_tokens is None and uncounted.model == "R1"
    manifest, [counted] = take_over(tmp_path / "tiny", [plain(answer="9")], model=str(tiny_model_dir))
    n_tokens = len(AutoTokenizer.from_pretrained(tiny_model_dir).encode("4 + 5 = 9"))
    assert counted.n_think_tokens == manifest.summary["mean_think_tokens"] == n_tokens
    assert counted.model == "unknown"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"cot": "a"}, Rejection.NO_QUESTION),
        ({"question": " ", "cot": "a"}, Rejection.NO_QUESTION),
        ({"question": "q"}, Rejection.NO_REASONING),
        ({"question": "q", "cot": "", "answer": "9"}, Rejection.NO_REASONING),
        ({"question": "q", "cot": " ", "response": "So \\boxed{9}."}, Rejection.NO_REASONING),
        (chat("So \\boxed{9}.", gold="9"), Rejection.NO_REASONING),
        (chat("<think>\n\n</think>\n\nSo \\boxed{9}.", gold="9"), Rejection.NO_REASONING),
        ({"messages": "hello"}, Rejection.NO_QUESTION),
        ({"messages": [USER]}, Rejection.NO_REASONING),
        ({"messages": [USER, {"role": "assistant", "content": None}]}, Rejection.NO_REASONING),
        ({"messages": [USER, USER, {"role": "assistant", "content": "a"}]}, Rejection.SEVERAL_TURNS),
    ],
)
def test_a_row_without_its_parts_is_rejected(row: dict[str, Any], reason: Rejection) -> None:
    with pytest.raises(RowRejected) as caught:
        read_foreign(row)
    assert caught.value.reason is reason


def test_rejected_rows_are_counted_and_listed_by_line(tmp_path: Path) -> None:
    rows = [chat(RIGHT, gold="9"), {"text": "no trace"}, chat(RIGHT, gold="9"), plain(answer="9", id="\ud800")]
    manifest, traces = take_over(tmp_path / "in", rows)
    assert len(traces) == 1
    listed = [(row["line"], row["reason"]) for _, row in read_jsonl(tmp_path / "in/run/records/rejected.jsonl")]
    assert listed == [(2, "no_question"), (3, "duplicate"), (4, "no_unicode")]
    assert manifest.counts["rejected_duplicate"] == manifest.counts["rejected_no_unicode"] == 1
    assert [item.path for item in manifest.outputs] == ["records/traces.jsonl", "records/rejected.jsonl"]


def test_a_line_that_is_no_json_object_is_rejected_by_line_and_stops_nothing(tmp_path: Path) -> None:
    file = tmp_path / "foreign.jsonl"
    file.write_text(f'{json.dumps(chat(RIGHT, gold="9"))}\n{{"messages": [\n[1]\n{json.dumps(plain(answer="9"))}\n')
    config = GenerateConfig(traces=str(file))
    run_dir = RunDirectory.open(tmp_path / "run", config, "generate")
    manifest = run(config, run_dir)
    assert manifest.counts["traces"] == 2 and manifest.counts["rejected_not_json"] == 2
    listed = [(row["line"], row["reason"]) for _, row in read_jsonl(run_dir.records("rejected.jsonl"))]
    assert listed == [(2, "not_json"), (3, "not_json")]
    assert "1 chats, 2 lines that are no JSON objects, 1 plain rows" in plan(config)


def test_a_resumed_import_tells_of_the_rows_of_this_attempt_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take_over(tmp_path / "in", [chat(RIGHT, gold="9", id=f"t{n}") for n in range(4)])
    path = tmp_path / "in/run/records/traces.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    (tmp_path / "in/run/manifest.json").unlink()
    capsys.readouterr()
    take_over(tmp_path / "in", [chat(RIGHT, gold="9", id=f"t{n}") for n in range(4)])
    assert "import: 1/1, 100.0% correct" in capsys.readouterr().err


def test_a_killed_import_goes_on_with_the_rows_that_are_missing(tmp_path: Path) -> None:
    rows = [chat(RIGHT, gold="9", id=f"t{n}") for n in range(6)]
    _, whole = take_over(tmp_path / "in", rows)
    folder = tmp_path / "in/run"
    (folder / "manifest.json").unlink()
    path = folder / "records/traces.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:40])
    manifest, again = take_over(tmp_path / "in", rows)
    assert again == whole and manifest.n_attempts == 2


def test_a_file_without_any_trace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no row gives a trace; .*rejected.jsonl says why"):
        take_over(tmp_path / "in", [{"text": "a"}])


def test_a_missing_file_is_an_error_and_a_plan_counts(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        plan(GenerateConfig(traces=str(tmp_path / "nowhere.jsonl")))
    file = tmp_path / "some.jsonl"
    file.write_text(json.dumps(chat(RIGHT)) + "\n" + json.dumps(plain()) + "\n")
    assert "2 traces of" in plan(GenerateConfig(traces=str(file)))
    assert "1 chats, 1 plain rows" in plan(GenerateConfig(traces=str(file)))


def test_either_traces_or_problems_and_a_model_are_needed() -> None:
    with pytest.raises(ValueError, match="'problems' is missing.*--set traces="):
        GenerateConfig(model="toy")
    with pytest.raises(ValueError, match="'model' is missing"):
        GenerateConfig(problems="toy:train:3:seed=1")
    with pytest.raises(ValueError, match="without asking a model; drop backend"):
        GenerateConfig(traces="t.jsonl", control="policy")

"""`compress` from stdin to stdout."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.compressor.conftest import COT, QUESTION

from extracot.cli.main import main
from extracot.io.jsonl import read_records
from extracot.records.compression import Compression

ROWS = [
    {"id": "a", "question": QUESTION, "cot": COT, "answer": "9"},
    {"id": "b", "question": QUESTION, "cot": "", "answer": "9"},
    {"id": "c", "question": "?", "cot": "So $x=1$. Then $y=2$. Done.", "answer": 2},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def feed(monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def records_in(text: str, tmp_path: Path) -> list[Compression]:
    path = tmp_path / "out.jsonl"
    path.write_text(text, encoding="utf-8")
    return list(read_records(path, Compression))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_records_go_to_stdout_and_the_count_to_stderr_and_nothing_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    feed(monkeypatch, LINES)
    assert main(["compress", "-", "--ratios", "0.3", "1.0", "--scorer", "slice", "--set", "batch_size=2"]) == 0
    said = capsys.readouterr()
    records = records_in(said.out, tmp_path)
    assert [(r.trace_id, r.target_ratio, r.outcome) for r in records] == [
        (trace_id, ratio, "failed" if trace_id == "b" else "ok") for trace_id in "abc" for ratio in (0.3, 1.0)
    ]
    assert "4 compressions, 2 failed" in said.err
    assert list(Path().iterdir()) == []


def test_a_filter_writes_the_records_of_a_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("t.jsonl").write_text(LINES)
    assert main(["compress", "t.jsonl", "--ratios", "0.3", "--scorer", "slice", "--out", "run"]) == 0
    capsys.readouterr()
    feed(monkeypatch, LINES)
    assert main(["compress", "-", "--ratios", "0.3", "--scorer", "slice"]) == 0
    assert capsys.readouterr().out == Path("run/records/compressions.jsonl").read_text(encoding="utf-8")


def test_a_bad_line_is_one_failed_record_in_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first, *others = LINES.splitlines(keepends=True)
    feed(monkeypatch, first + '{"question": "?"}\n{"id": "x"\n' + "".join(others) + first)
    assert main(["compress", "-", "--ratios", "0.3", "--scorer", "slice"]) == 0
    said = capsys.readouterr()
    records = records_in(said.out, tmp_path)
    assert [(r.trace_id, r.outcome) for r in records] == [
        ("a", "ok"),
        ("stdin:2", "failed"),
        ("stdin:3", "failed"),
        ("b", "failed"),
        ("c", "ok"),
        ("stdin:6", "failed"),
    ]
    assert str(records[1].error).startswith("stdin:2: needs a text under 'cot'; found the keys: question; ")
    assert str(records[2].error).startswith("stdin:3: not JSON: ")
    assert records[5].error == "stdin:6: id 'a' is already on line 1; drop one of them"
    assert "2 compressions, 4 failed\nfailed: stdin:2: needs a text under 'cot'; " in said.err
    assert "failed: b: the chain of thought is empty" in said.err and "stdin:6" not in said.err


def test_without_the_question_rows_need_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    feed(monkeypatch, json.dumps({"cot": COT}) + "\n")
    assert main(["compress", "-", "--ratios", "0.3", "--scorer", "slice", "--set", "with_question=false"]) == 0
    [record] = records_in(capsys.readouterr().out, tmp_path)
    assert record.outcome == "ok"


def test_where_no_answer_is_told_the_response_tells_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    feed(monkeypatch, json.dumps({"question": QUESTION, "cot": COT, "response": "So it is \\boxed{9}."}) + "\n")
    assert main(["compress", "-", "--ratios", "0.1", "--scorer", "random"]) == 0
    [record] = records_in(capsys.readouterr().out, tmp_path)
    assert record.keeps_answer is True


def test_one_text_becomes_one_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    feed(monkeypatch, COT)
    assert main(["compress", "-", "--text", "--question", QUESTION, "--ratios", "0.2", "--scorer", "slice"]) == 0
    piped = capsys.readouterr()
    assert piped.out.endswith("$ Ola = 4 + 5 = 9 $.\n") and len(piped.out) < len(COT) / 2
    assert " tokens (0." in piped.err and " of 3 formulas" in piped.err
    Path("cot.txt").write_text(COT)
    assert main(["compress", "cot.txt", "--text", "--question", QUESTION, "--ratios", "0.2", "--scorer", "slice"]) == 0
    assert capsys.readouterr().out == piped.out


@pytest.mark.parametrize(
    ("arguments", "content", "says"),
    [
        ("- --text --ratios 0.2", b"", "stdin: the chain of thought is empty"),
        ("- --text --ratios 0.2", b"\xff", "stdin: not UTF-8 at byte 0"),
        ("- --text", b"x", "--text writes one text, not 5; give one ratio"),
        ("no.txt --text --ratios 0.2", b"", "text file no.txt does not exist"),
        ("--text --ratios 0.2", b"", "--text needs a file, or - for stdin"),
        ("- --question why --ratios 0.2", b"", "--question and --answer go with --text"),
        ("- --ratios 0.2 --out x", b"", "--out needs a run directory"),
        ("- --ratios 0.2 --scores", b"", "--scores needs a run directory"),
        ("- --ratios 0.2 --threshold 0.5", b"", "not allowed with argument"),
        ("- --threshold 2", b"", "threshold 2.0 is outside [0, 1]"),
        ("- --workers 0", b"", "workers: Input should be greater than or equal to 1"),
        ("- --ratios 0.2", b"nonsense\n", "stdin:1: not JSON"),
        ("- --ratios 0.2", b'{"question": "?", "cot": "a\0b"}\n', "stdin:1: not JSON: Invalid control character"),
        ("- --ratios 0.2", b'{"id": "\\ud800", "question": "?", "cot": "x"}\n', "stdin:1: the id or problem_id"),
        ("- --ratios 0.2", b'{"cot": "x"}\n', "stdin:1: needs a text under 'question'"),
    ],
)
def test_an_error_is_one_line(
    arguments: str,
    content: bytes,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    feed(monkeypatch, content)
    assert main(["compress", *arguments.split(), "--set", "scorer=slice"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("extracot: error: ") and says in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("cot", "outcome"),
    [("NUL \\u0000 here, $x=1$. So \\u0000.", "ok"), ("half \\ud800 of a pair", "failed"), ("\\u0000", "ok")],
)
def test_odd_characters_cost_no_other_trace(
    cot: str,
    outcome: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    feed(monkeypatch, LINES + f'{{"id": "d", "question": "?", "cot": "{cot}"}}\n')
    assert main(["compress", "-", "--ratios", "0.3", "--scorer", "slice"]) == 0
    records = records_in(capsys.readouterr().out, tmp_path)
    assert [record.trace_id for record in records] == list("abcd")
    assert records[-1].outcome == outcome


def test_a_dry_run_reads_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    feed(monkeypatch, "nonsense\n")
    assert main(["compress", "-", "--ratios", "0.2", "--scorer", "slice", "--dry-run"]) == 0
    assert "would run compress from stdin to stdout; nothing was written" in capsys.readouterr().out


@pytest.mark.slow
def test_a_reader_that_goes_away_and_an_interrupt_end_it_cleanly() -> None:
    command = [
        sys.executable,
        "-m",
        "extracot",
        *["compress", "-", "--ratios", "0.3", "--scorer", "slice", "--set", "batch_size=1"],
    ]
    piped = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdin and piped.stdout and piped.stderr
    piped.stdin.write(json.dumps(ROWS[0]).encode() + b"\n")
    piped.stdin.flush()
    assert piped.stdout.readline().startswith(b'{"format"')
    piped.stdout.close()
    piped.stdin.write(json.dumps({**ROWS[0], "id": "z"}).encode() + b"\n")
    piped.stdin.close()
    assert piped.wait(120) == 0
    assert b"Traceback" not in piped.stderr.read()

    stopped = subprocess.Popen(
        [*command, "--workers", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores it
    )
    assert stopped.stdin and stopped.stdout and stopped.stderr
    for number in range(6):
        stopped.stdin.write(json.dumps({**ROWS[0], "id": str(number)}).encode() + b"\n")
    stopped.stdin.flush()
    assert stopped.stdout.readline().startswith(b'{"format"')
    time.sleep(0.2)
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(120) == 130
    errors = stopped.stderr.read()
    assert b"extracot: error: interrupted; the records of " in errors and b"Traceback" not in errors
    for pipe in (piped.stderr, stopped.stdin, stopped.stdout, stopped.stderr):
        pipe.close()

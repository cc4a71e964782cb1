"""What `extracot compress` says to an argument that holds no traces."""

from pathlib import Path

import pytest

from extracot.cli.main import main

TRACE = '{"question": "q", "cot": "4 + 5 = 9", "answer": "9"}'


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("traces.json", f"[{TRACE}]", "traces.json is one JSON array; compress takes one object a line: jq -c '.[]'"),
        ("traces.json", f"{TRACE}\n{TRACE}\n", "traces.json holds one object a line; name it traces.jsonl"),
        ("traces.json", TRACE, "name it traces.jsonl"),
        ("traces.parquet", "PAR1", "compress takes traces as .jsonl or .jsonl.gz"),
        ("run/records/traces.jsonl", TRACE, "run is a folder; compress takes one file of traces, as run/records/tr"),
        ("run/mine.jsonl.gz", "", "as run/mine.jsonl.gz"),
        ("run/other.txt", "", "a .jsonl or .jsonl.gz, and there is none in it"),
    ],
)
def test_it_says_what_it_is_and_what_to_give_instead(
    name: str, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    assert main(["compress", Path(name).parts[0]]) == 2
    assert says in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_config_in_json_is_still_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.json").write_text('{"stage": "compress", "traces": "./gone.jsonl", "ratios": [0.2]}')
    assert main(["compress", "mine.json"]) == 2
    assert "./gone.jsonl does not exist" in capsys.readouterr().err


def test_the_generic_scorer_asks_for_a_language_model(capsys: pytest.CaptureFixture[str]) -> None:
    Path("traces.jsonl").write_text(TRACE + "\n")
    assert main(["compress", "traces.jsonl", "--scorer", "generic"]) == 2
    assert "name one with --set language_model=NAME" in capsys.readouterr().err

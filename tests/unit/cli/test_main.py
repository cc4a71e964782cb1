"""The command line against one small stage that is registered for these tests only."""

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

import extracot
from extracot.cli import config_command, stage_command
from extracot.cli.main import main
from extracot.errors import DataError, StageError
from extracot.io import config as config_module
from extracot.io.config import StageConfig
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.pipeline.stages import STAGES, Stage


class SampleConfig(StageConfig):
    traces: str = "toy"
    ratios: list[float] = [0.5]
    scorer: str = "slicing"
    tokenizer: str = "toy"
    compressor: str | None = None
    fails: str = ""


def run(config: SampleConfig, run_dir: RunDirectory) -> Manifest:
    if config.fails == "stage":
        raise StageError("the loss is not finite; lower learning_rate")
    if config.fails == "input":
        raise DataError("traces.jsonl:3: not JSON")
    if config.fails == "input after work":
        run_dir.records("some.jsonl").write_text("{}")
        raise DataError("traces.jsonl:3: not JSON")
    if config.fails == "bug":
        raise KeyError("oops")
    if config.fails == "interrupt":
        raise KeyboardInterrupt
    return run_dir.finish([], [], {}, {})


def plan(config: SampleConfig) -> str:
    return f"would cut {config.traces}"


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sample", "compress"):
        stage = Stage(name, f"{__name__}:SampleConfig", f"{__name__}:run", "a stage for tests")
        monkeypatch.setitem(STAGES, name, stage)
    presets = tmp_path / "presets"
    presets.mkdir()
    (presets / "toy-sample.yaml").write_text("# toy-sample: a try\nstage: sample\nscorer: random\n")
    monkeypatch.setattr(config_module, "PRESETS_FOLDER", presets)
    monkeypatch.setattr(config_command, "PRESETS_FOLDER", presets)
    monkeypatch.chdir(tmp_path)


def config_of(folder: str) -> dict[str, object]:
    config = json.loads(Path(folder, "config.json").read_text())
    assert isinstance(config, dict)
    return config


def test_stdout_carries_the_run_path_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "toy-sample", "--set", "ratios=[0.2]", "scorer=x"]) == 0
    assert capsys.readouterr().out == "runs/toy-sample\n"
    assert config_of("runs/toy-sample")["ratios"] == [0.2]
    assert config_of("runs/toy-sample")["scorer"] == "x"


def test_the_default_run_is_named_after_the_preset_the_file_or_the_stage() -> None:
    Path("mine.yaml").write_text("scorer: y\n")
    assert main(["sample"]) == main(["sample", "mine.yaml"]) == 0
    assert Path("runs/sample/manifest.json").exists() and Path("runs/mine/manifest.json").exists()
    assert main(["sample", "runs/mine/config.json", "--out", "again"]) == 0
    assert config_of("again") == config_of("runs/mine")


def test_a_finished_run_needs_resume_or_overwrite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "--out", "here"]) == 0
    assert main(["sample", "--out", "here"]) == 2
    assert "already holds a finished run" in capsys.readouterr().err
    assert main(["sample", "--out", "here", "--resume"]) == 0
    assert capsys.readouterr().err == "here is already complete; nothing to do\n"
    assert main(["sample", "--out", "here", "--overwrite", "--set", "scorer=z"]) == 0
    assert config_of("here")["scorer"] == "z"


def test_a_dry_run_prints_config_and_plan_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(["sample", "toy-sample", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "stage: sample\n" in out and "scorer: random\n" in out and "compressor: null\n" in out
    assert "would cut toy" in out and "would run sample in runs/toy-sample; nothing was written" in out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_wrong_input_leaves_no_run_that_the_corrected_command_would_meet() -> None:
    assert main(["sample", "--out", "here", "--set", "fails=input"]) == 2
    assert not Path("here").exists()
    assert main(["sample", "--out", "here"]) == 0


@pytest.mark.parametrize("fails", ["input after work", "stage", "bug"])
def test_a_run_that_did_something_or_broke_down_stays(fails: str) -> None:
    assert main(["sample", "--out", "here", "--set", f"fails={fails}"]) != 0
    assert Path("here/logs/attempt-1.log").read_text()


@pytest.mark.parametrize(
    ("preset", "name"), [("qwen3-1.7b", "qwen3-1.7b"), ("mine.v2.yaml", "mine.v2"), ("runs/a/config.json", "a")]
)
def test_a_run_is_named_after_its_preset_dots_and_all(preset: str, name: str) -> None:
    assert stage_command._default_name(preset, STAGES["sample"]) == name


def test_a_dry_run_says_what_would_become_of_an_earlier_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "--out", "here"]) == 0
    capsys.readouterr()
    assert main(["sample", "--out", "here", "--dry-run", "--resume"]) == 0
    assert "in here, but it is complete and there is nothing to do" in capsys.readouterr().out
    assert main(["sample", "--out", "here", "--dry-run", "--overwrite"]) == 0
    assert "in here, and delete the run there first; nothing was written" in capsys.readouterr().out
    assert main(["sample", "--out", "here", "--dry-run", "--resume", "--set", "scorer=other"]) == 2
    assert "scorer" in capsys.readouterr().err
    assert main(["sample", "--out", "here", "--dry-run"]) == 2
    assert "here already holds a finished run" in capsys.readouterr().err
    assert Path("here/manifest.json").is_file()


def test_compress_takes_a_file_of_traces_and_short_flags() -> None:
    Path("t.jsonl").write_text("{}\n")
    arguments = "compress t.jsonl --ratios 0.2 0.4 --scorer encoder --tokenizer Qwen/Qwen3-1.7B --model toy"
    assert main([*arguments.split(), "--set", "scorer=wins"]) == 0
    assert config_of("runs/compress") == {
        "stage": "compress",
        "traces": "t.jsonl",
        "ratios": [0.2, 0.4],
        "scorer": "wins",  # --set is the last word
        "tokenizer": "Qwen/Qwen3-1.7B",
        "compressor": "toy",
        "fails": "",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ("smple", 2, "no command is called 'smple'; did you mean 'sample'?"),
        ("sample toy-smple", 2, "no preset is called 'toy-smple'; did you mean 'toy-sample'?"),
        ("sample nowhere.yaml", 2, "config file nowhere.yaml does not exist"),
        ("sample no/where", 2, "config file no/where does not exist"),
        ("sample t.jsonl", 2, "t.jsonl is no config; sample takes a preset or a .yaml file"),
        ("compress t.jsonl", 2, "traces file t.jsonl does not exist"),
        ("compress cot.txt", 2, "cot.txt is plain text: add --text"),
        ("compress --ratios many", 2, "invalid float value: 'many'"),
        ("sample --set scorr=1", 2, "unknown key 'scorr'; did you mean 'scorer'?"),
        ("sample --set traces=./no.jsonl", 2, "./no.jsonl does not exist"),
        ("sample --dry-run --set traces=./no.jsonl", 2, "./no.jsonl does not exist"),
        ("sample --resume --overwrite", 2, "not allowed with argument --resume; see: extracot sample --help"),
        ("sample --dry", 2, "unrecognized arguments: --dry"),
        ("sample --set fails=stage", 1, "the loss is not finite; lower learning_rate"),
        ("sample --set fails=bug", 1, "KeyError: 'oops' (run again with --debug for the traceback)"),
        ("sample --set fails=interrupt", 130, "interrupted; go on with --resume"),
        ("config", 2, "action"),
        ("config show nope", 2, "no preset is called 'nope'"),
        ("config check toy-smple.yaml", 2, "does not exist"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    arguments: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("extracot: error: ") and says in said.err
    assert said.err.count("\n") == 1


def test_debug_brings_the_traceback_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "--set", "fails=bug", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_log_of_a_failed_run_holds_the_traceback() -> None:
    assert main(["sample", "--set", "fails=bug", "--out", "here"]) == 1
    assert "Traceback" in Path("here/logs/attempt-1.log").read_text()


def test_a_bad_argument_leaves_no_run_directory_behind() -> None:
    assert main(["sample", "--set", "traces=./no.jsonl"]) == 2
    assert not Path("runs").exists()


def test_presets_are_listed_shown_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "list"]) == 0
    assert capsys.readouterr().out == "toy-sample  sample  a try\n"
    assert main(["config", "show", "toy-sample"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("stage: sample\n") and "scorer: random\n" in shown and "traces: toy\n" in shown
    Path("shown.yaml").write_text(shown)
    assert main(["config", "check", "shown.yaml"]) == 0
    assert capsys.readouterr().out == "shown.yaml: a valid config of sample\n"
    Path("stageless.yaml").write_text("scorer: x\n")
    assert main(["config", "check", "stageless.yaml"]) == 2
    assert "does not say its stage" in capsys.readouterr().err


def test_help_and_version_succeed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"extracot {extracot.__version__}\n"
    assert main(["--help"]) == main(["sample", "--help"]) == main(["config", "show", "--help"]) == 0
    assert main([]) == 2


def test_help_answers_at_once_because_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from extracot.cli.main import main; main(['--help']);"
        "heavy = {'torch', 'transformers', 'trl', 'matplotlib', 'pydantic', 'yaml'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - started < 10  # far above the usual 0.1 s: it must hold on a busy machine


def test_only_the_libraries_talk_of_coming_versions_is_hushed() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        stage_command._hush_libraries()
        for module in ("transformers.training_args", "extracot.cli.main"):
            warnings.warn_explicit("will be removed", FutureWarning, "a.py", 1, module=module)
        warnings.warn_explicit("a NaN", UserWarning, "a.py", 1, module="transformers.trainer")
    assert [str(one.message) for one in shown] == ["will be removed", "a NaN"]


def test_the_benchmarks_are_listed_with_rows_and_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "benchmarks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["gsm8k", "1319", "MIT"] and "openai/gsm8k" in line for line in lines)

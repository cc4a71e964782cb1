"""Every block of code that the READMEs and docs/ show is one that works: commands, Python, YAML and JSON.

A page's blocks run in their order, in a folder that holds what the reader is asked to bring (`BROUGHT`). Commands that
take long run dry; that what an earlier one would have made is missing, or a model of the Hub, is the only error they
may end with. Programs that are not ours (`vllm`, `curl`, ...) are looked at, not run.
"""

import argparse
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from extracot.cli.main import main
from extracot.io.config import load_config
from extracot.models.load import TOY, resolve_model
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.run import resolve_steps
from extracot.pipeline.stages import STAGES, find_stage

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "recipes/verl/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

SHELL = ("console", "bash", "sh")
NOT_CODE = ("text",)

RUNS_DRY = {*STAGES, "demo"} - {"compress"}
"""Commands that take long; the others run as shown."""
MAY_BE_MISSING = re.compile(
    r"extracot: error: .*((\bruns/\S+|\S+\.jsonl(\.gz)?) does not exist.*"
    r"|cannot load the tokenizer of [\w.-]+/[\w.-]+: We couldn't connect to .*)"
)
"""What a reader has and a test has not: runs, files, models of the Hub."""

COT = "Gus has 4 shells, so $ Gus = 4 $. Next, $ Ola = 4 + 5 = 9 $. So Ola has 9. The answer is \\boxed{9}."
QUESTION = "Gus has 4 shells. Ola has 5 more. How many shells does Ola have?"
ROW = json.dumps({"question": QUESTION, "cot": COT, "answer": "9"}) + "\n"
BROUGHT = {
    "traces.jsonl": ROW,
    "problems.jsonl": json.dumps({"question": QUESTION, "answer": "9"}) + "\n",
    "heldout.jsonl": json.dumps({"question": "What is 2 + 3?", "answer": "5"}) + "\n",
    "chats.jsonl": ROW,
    "cot.txt": COT,
    "evaluate.yaml": "stage: evaluate\nproblems: problems.jsonl\nbase_model: toy\n",
    "my-chrpo.yaml": "stage: chrpo\nmodel: toy\nbudgets: runs/budgets/records/budgets.jsonl\n",
}
EVALUATIONS = ("runs/before", "runs/after", "runs/demo/17-evaluation")
"""Runs that lie there, finished, where a page compares some."""


class Block(NamedTuple):
    """A fenced block."""

    line: int
    language: str
    text: str


class Command(NamedTuple):
    """One program of a line: what stands before it is left out, what goes in and out is named."""

    words: list[str]
    stdin: str | None
    stdout: str | None


def blocks_of(markdown: str) -> list[Block]:
    """The fenced blocks of a page, indented ones too, with the line on which each starts."""
    found = re.finditer(r"^([ ]*)```(\w*)[^\n]*\n(.*?)^\1```$", markdown, flags=re.DOTALL | re.MULTILINE)
    return [Block(markdown.count("\n", 0, one.start()) + 1, one[2], one[3]) for one in found]


def commands_of(text: str) -> Iterator[Command]:
    """The programs of a shell block, in order; those inside `$(...)` come before the one they are part of."""
    pending = ""
    for line in text.replace("\\\n", " ").splitlines():
        pending = f"{pending}\n{line}" if pending else line
        try:
            shlex.split(pending, comments=True)
        except ValueError:  # a quotation that goes on in the next line
            continue
        for inner in re.findall(r"\$\(([^()]*)\)", pending):
            yield from commands_of(inner)
        lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "SUBSTITUTED", pending), posix=True, punctuation_chars="|<>&;")
        lexer.whitespace_split = True
        yield from _programs(list(lexer))
        pending = ""
    assert not pending, f"a quotation is not closed: {pending}"


def _programs(tokens: list[str]) -> Iterator[Command]:
    words: list[str] = []
    ends: dict[str, str] = {}
    rest = iter(tokens)
    for token in rest:
        if token in ("<", ">"):
            ends[token] = next(rest)
        elif token in ("|", "&&", ";"):
            yield _command(words, ends)
            words, ends = [], {}
        else:
            words.append(token)
    if words:
        yield _command(words, ends)


def _command(words: list[str], ends: dict[str, str]) -> Command:
    while words and re.fullmatch(r"[A-Z_0-9]+=\S*", words[0]):  # the environment of one command
        words = words[1:]
    if "-m" in words[1:] and words[words.index("-m") + 1] == "extracot":  # torchrun, accelerate launch
        words = ["extracot", *words[words.index("-m") + 2 :]]
    words = [words[0].removeprefix(".venv/bin/"), *words[1:]] if words else []
    return Command(words, ends.get("<"), ends.get(">"))


# What is done with each program


def run_extracot(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = command.words[1:]
    if arguments[0] in RUNS_DRY and not {"--help", "-h", "--dry-run"} & set(arguments):
        arguments.append("--dry-run")
    fed = Path(command.stdin).read_bytes() if command.stdin else ROW.encode()
    said = io.StringIO()
    printed = io.BytesIO()
    stdout = io.TextIOWrapper(printed, write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(fed)))
        patch.setattr(sys, "stdout", stdout)
        patch.setattr(sys, "stderr", said)
        code = main(arguments)
    assert code == 0 or MAY_BE_MISSING.fullmatch(said.getvalue().strip()), said.getvalue() or printed.getvalue()
    if command.stdout:
        Path(command.stdout).write_bytes(printed.getvalue())


def run_make(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(["make", "-n", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


class _Parsed(Exception):
    """A script has understood its arguments."""


def run_python(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-c` runs; of a script of ours, what reads its arguments; a module of others is not ours to run."""
    words = command.words[1:]
    if words[0] == "-c":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stderr
        if command.stdout:
            Path(command.stdout).write_text(done.stdout)
        return
    if words[0] == "-m":
        assert words[1] in ("venv", "pytest", "sglang.launch_server"), f"an unknown module {words[1]}"
        return
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser: argparse.ArgumentParser, *rest: object) -> None:
        parse(parser)
        raise _Parsed

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        patch.setattr(sys, "argv", [str(ROOT / words[0]), *words[1:]])
        try:
            with pytest.raises(_Parsed):
                runpy.run_path(str(ROOT / words[0]), run_name="__main__")
        except SystemExit as error:
            raise AssertionError(f"{words[0]} does not take {' '.join(words[1:])}") from error


def read_pip(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for word in command.words[1:]:
        if match := re.fullmatch(r"\.\[(.*)\]", word):
            assert set(match[1].split(",")) <= set(known), f"no such extra: {word}"
        elif word.endswith(".txt"):
            assert (ROOT / word).is_file(), f"no such file: {word}"


def read_curl(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.loads(command.words[command.words.index("-d") + 1])
    assert body["messages"] and set(body.get("chat_template_kwargs", {})) <= {"comp_ratio", "reasoning_effort"}


def read_script(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    script = ROOT / command.words[0]
    assert os.access(script, os.X_OK), f"{script} cannot be run"
    assert subprocess.run(["bash", "-n", script], timeout=60).returncode == 0


def read_server(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.words[1] == "serve" and not command.words[2].startswith("-")


def nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell's own, or a program whose doing is in what it is given."""


PROGRAMS: dict[str, Callable[[Command, pytest.MonkeyPatch], None]] = {
    "extracot": run_extracot,
    "make": run_make,
    "python": run_python,
    "python3.12": run_python,
    "pip": read_pip,
    "curl": read_curl,
    "vllm": read_server,
    "transformers": read_server,
    "source": nothing,
    "eval": nothing,
    "cat": nothing,
}


def check_shell(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in commands_of(text):
        name = command.words[0]
        what = read_script if name.endswith(".sh") else PROGRAMS.get(name)
        assert what is not None, f"no test knows the program {name!r}; add it to PROGRAMS"
        what(command, monkeypatch)


class _Client:
    """Stands in for `openai.OpenAI()`: refuses what that would not take, and answers."""

    def __init__(self) -> None:
        self.chat = types.SimpleNamespace(completions=self)

    def create(self, *, model: str, messages: list[dict[str, str]], extra_body: dict[str, object]) -> object:
        assert messages and set(extra_body) == {"chat_template_kwargs"}
        return types.SimpleNamespace(choices=[types.SimpleNamespace(message=types.SimpleNamespace(content=model))])


def check_python(text: str) -> None:
    """Run it; a reader has a question, its chain of thought and a client."""
    exec(compile(text, "block", "exec"), {"question": QUESTION, "cot": COT, "client": _Client()})


def check_yaml(text: str) -> None:
    """A config file, whole."""
    Path("block.yaml").write_text(text, encoding="utf-8")
    stage = find_stage(yaml.safe_load(text)["stage"])
    config = load_config(stage.config_class(), "block.yaml", stage=stage.name)
    if isinstance(config, PipelineConfig):
        resolve_steps(config, Path("runs"))


def inline_commands(markdown: str) -> list[str]:
    """Commands of ours in running text, but for those that are cut short or speak of any stage."""
    outside = re.sub(r"^([ ]*)```.*?^\1```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    spans = [" ".join(span.split()) for span in re.findall(r"`(extracot [^`]+)`", outside)]
    return [span for span in dict.fromkeys(spans) if "…" not in span and "<" not in span and "NAME" not in span]


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished evaluation of three questions, for what compares evaluations."""
    out = tmp_path_factory.mktemp("evaluated") / "run"
    arms = "arms=[{name: extracot, model: toy, modes: [base]}]"
    sets = ["problems=toy:heldout:3", "base_model=toy", "sampling.max_new_tokens=64", arms]
    assert main(["evaluate", "--set", *sets, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_works(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, evaluation: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in BROUGHT.items():
        Path(name).write_text(text, encoding="utf-8")
    Path("MODEL").symlink_to(resolve_model(TOY))
    markdown = page.read_text(encoding="utf-8")
    for run in EVALUATIONS if "\nextracot compare " in markdown else ():
        shutil.copytree(evaluation, run)
    wrong = []
    for block in blocks_of(markdown):
        try:
            if block.language in SHELL:
                check_shell(block.text, monkeypatch)
            elif block.language == "python":
                check_python(block.text)
            elif block.language == "yaml":
                check_yaml(block.text)
            else:
                assert block.language in NOT_CODE, f"no test knows the language {block.language!r}"
        except Exception as error:
            wrong.append(f"{page.name}:{block.line}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_in_the_text_of_a_page_work(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for text in inline_commands(page.read_text(encoding="utf-8")):
        if text != "extracot doctor":  # a block has it
            check_shell(f"{text} --help", monkeypatch)


def test_there_are_blocks_of_every_kind() -> None:
    languages = {block.language for page in PAGES for block in blocks_of(page.read_text(encoding="utf-8"))}
    assert {"console", "python", "yaml"} <= languages


def test_a_block_is_taken_apart_into_its_programs() -> None:
    text = (
        "$(extracot config launch fsdp2)\nA=1 .venv/bin/python -c 'x\ny' > o\n"
        "cat a | extracot b \\\n  'c <d>' < e > f  # g\naccelerate launch --n 2 -m extracot sft x\n"
    )
    assert list(commands_of(text)) == [
        Command(["extracot", "config", "launch", "fsdp2"], None, None),
        Command(["SUBSTITUTED"], None, None),
        Command(["python", "-c", "x\ny"], None, "o"),
        Command(["cat", "a"], None, None),
        Command(["extracot", "b", "c <d>"], "e", "f"),
        Command(["extracot", "sft", "x"], None, None),
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("extracot sft --set learning_rat=1", "did you mean 'learning_rate'"),
        ("extracot compres traces.jsonl", "did you mean 'compress'"),
        ("make dmo", "No rule"),
        ("pip install '.[loora]'", "no such extra"),
        ("python benchmarks/fidelity.py --traces a --bogus", "does not take"),
        ("rm -r runs", "no test knows the program 'rm'"),
        ("curl http://a -d '{\"messages\": [1,]}'", "Illegal trailing comma|Expecting value"),
    ],
)
def test_a_wrong_command_is_found(wrong: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, ValueError), match=says):
        check_shell(wrong, monkeypatch)

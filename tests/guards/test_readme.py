"""Every `extracot` command that the README shows is one that the command line understands."""

import re
import shlex
from pathlib import Path

import pytest

from extracot.cli.main import main

README = Path(__file__).parents[2] / "README.md"

PRINTS_AND_STOPS = {"--help", "-h", "--version", "--dry-run"}
MAY_BE_MISSING = re.compile(r"extracot: error: .*(\bruns/\S+|\S+\.jsonl(\.gz)?) does not exist.*")


def commands_of(markdown: str) -> list[str]:
    """The `extracot ...` lines of fenced console and bash blocks, without prompt, comment and redirection."""
    commands = []
    for block in re.findall(r"^```(?:console|bash|sh)\n(.*?)^```", markdown, flags=re.DOTALL | re.MULTILINE):
        joined = block.replace("\\\n", " ")
        for piped in re.split(r"\n|\s\|\s", joined):
            command = piped.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if command.startswith("extracot "):
                commands.append(" ".join(re.sub(r"\s[#<>].*$", "", command).split()))
    return commands


SHOWN = commands_of(README.read_text(encoding="utf-8")) if README.exists() else []


def test_commands_are_found_in_fenced_blocks_only() -> None:
    markdown = (
        "`extracot no`\n```console\n$ extracot sft a \\\n    --resume   # comment\nmake demo\n```\n"
        "```python\nextracot no\n```\n```bash\n.venv/bin/extracot config list | head\ncat a | extracot b < c > d\n```\n"
    )
    assert commands_of(markdown) == ["extracot sft a --resume", "extracot config list", "extracot b"]


def test_the_readme_shows_commands() -> None:
    assert SHOWN


@pytest.mark.parametrize(
    "command", commands_of(README.read_text(encoding="utf-8")) if README.exists() else []
)
def test_a_command_of_the_readme_runs(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Stages run dry, where what an earlier command makes (runs/) and what the reader brings (.jsonl) is missing."""
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command)[1:]
    if arguments[0] not in ("config", "view") and not PRINTS_AND_STOPS & set(arguments):
        arguments.append("--dry-run")
    code = main(arguments)
    said = capsys.readouterr().err
    assert code == 0 or MAY_BE_MISSING.fullmatch(said.strip()), said

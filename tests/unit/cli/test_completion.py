"""The scripts, asked in real shells what they complete; a shell that is not installed is skipped."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from extracot.cli.completion import completion_script, presets_by_stage
from extracot.cli.main import build_parser, main
from extracot.io.config import list_presets

_ASK_BASH = """
source ./script
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
function=$(complete -p extracot | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" extracot "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def bash(tmp_path: Path) -> Path:
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    (tmp_path / "script").write_text(completion_script(build_parser(), "bash"))
    return tmp_path


def offered(folder: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    asked = _ASK_BASH.format(words=" ".join(shlex.quote(word) for word in words))
    done = subprocess.run(["bash", "-c", asked], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_commands_and_options_are_offered(bash: Path) -> None:
    assert {"demo", "doctor", "compress", "config"} <= offered(bash, "extracot", "")
    assert offered(bash, "extracot", "compl") == {"completion"}
    assert offered(bash, "extracot", "compress", "--rat") == {"--ratios"}
    assert offered(bash, "extracot", "config", "") >= {"list", "show", "check", "launch"}


def test_a_stage_is_offered_its_own_presets_and_files(bash: Path) -> None:
    (bash / "sft-mine.yaml").touch()
    assert offered(bash, "extracot", "sft", "sft") == {"sft-toy", "sft-qwen3-1.7b", "sft-mine.yaml"}
    assert "chrpo-toy" in offered(bash, "extracot", "chrpo-verl", "chrpo")
    assert offered(bash, "extracot", "config", "show", "toy-sm") == {"toy-smoke"}
    assert offered(bash, "extracot", "config", "launch", "") >= {"fsdp2", "zero3"}


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_is_offered_the_same(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(completion_script(build_parser(), "fish"))
    asked = "source ./script; complete -C 'extracot sft sft'; complete -C 'extracot compl'"
    done = subprocess.run(["fish", "-c", asked], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert {line.split("\t")[0] for line in done.stdout.split("\n")} >= {"sft-toy", "sft-qwen3-1.7b", "completion"}


def test_every_preset_is_offered_somewhere() -> None:
    assert {name for names in presets_by_stage().values() for name in names} == set(list_presets())


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_a_script_is_one_that_its_shell_can_read(
    shell: str, check: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "toy-demo" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    done = subprocess.run([shell, check, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")

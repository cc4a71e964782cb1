"""The help of a stage lists every key that `--set` takes."""

import re

import pytest

from extracot.cli.key_help import describe_keys
from extracot.cli.main import main
from extracot.io.config import load_config
from extracot.pipeline.stages import STAGES


@pytest.mark.parametrize("name", STAGES)
def test_every_key_is_listed_with_what_it_means(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    listed = capsys.readouterr().out.split("keys for --set", 1)[1]
    meanings = dict(re.findall(r"^  (\S+)  \[.*\]\n      (.+)$", listed, re.MULTILINE))
    assert set(STAGES[name].config_class().model_fields) <= meanings.keys()


@pytest.mark.parametrize("name", STAGES)
def test_every_key_that_a_resume_may_change_is_a_key_and_is_told(name: str) -> None:
    cls = STAGES[name].config_class()
    text = describe_keys(cls, width=10_000)
    told = set(re.findall(r"^  (\S+)  \[.*\]\n      .*A resume may change it\.$", text, re.MULTILINE))
    of_arms = {key for key in cls.free_on_resume if key.startswith("arms.")}  # mappings in a list are not listed
    assert told == cls.free_on_resume - of_arms
    assert {key.removeprefix("arms.") for key in of_arms} <= told


@pytest.mark.parametrize("name", ["sft", "chrpo", "train-compressor"])
def test_the_defaults_that_it_tells_can_be_set(name: str) -> None:
    cls = STAGES[name].config_class()
    told = dict(re.findall(r"^  (\S+)  \[(.*)\]$", describe_keys(cls), re.MULTILINE))
    required = [f"{key}=given" for key, default in told.items() if default == "required"]
    unset = [f"{key}." for key, default in told.items() if default == "null"]
    given = [
        f"{key}={default}"
        for key, default in told.items()
        if default not in ("required", "a section", "null") and not key.startswith(tuple(unset))
    ]
    assert load_config(cls, None, required + given) == load_config(cls, None, required)


def test_choices_are_listed_and_lines_fit() -> None:
    text = describe_keys(STAGES["sft"].config_class(), width=60)
    assert "One of cosine, linear, constant_with_warmup." in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if line.startswith("      ")) <= 60


def test_the_help_of_a_command_without_keys_stays_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", "--help"]) == 0
    assert "keys for --set" not in capsys.readouterr().out

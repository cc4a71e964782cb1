"""The examination as a whole, its page and the command; broken machines are made by breaking one part."""

import dataclasses
import json

import pytest

from extracot.cli.main import main
from extracot.doctor import checkup as checkup_module
from extracot.doctor import machine as machine_module
from extracot.doctor import packages as packages_module
from extracot.doctor.checkup import examine
from extracot.doctor.findings import Checkup, Device, Machine, Package, Part, Verdict, worst
from extracot.doctor.page import render_checkup
from extracot.doctor.parts import run_compressor, run_toy_model, try_part

MACHINE = Machine("Linux x86_64", 2, 1, 16.0, 100.0, ())


def a_checkup(package: Verdict = "ok", part: Verdict = "ok", machine: Machine = MACHINE) -> Checkup:
    return Checkup(
        version="1",
        python="3.11.0",
        folder="/there",
        machine=machine,
        packages=(Package("torch", ">=2.9", "2.1" if package == "outside" else None, package),),
        extras=packages_module.optional_parts([]),
        parts=(Part("toy model", part, "loads"),),
    )


def test_the_packaged_models_are_really_tried() -> None:
    assert run_toy_model().startswith("loads and reads on ")
    assert run_compressor().startswith("shortens ")


def test_what_an_attempt_raises_is_a_finding_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> str:
        print("noise", file=__import__("sys").stderr)
        raise OSError("no such\nfile")

    assert try_part("toy model", fails) == Part("toy model", "broken", "OSError: no such file")
    assert capsys.readouterr().err == ""


def test_one_required_thing_that_is_not_ok_makes_it_not_well() -> None:
    assert a_checkup().is_well
    assert not any(
        checkup.is_well
        for checkup in (a_checkup(package="missing"), a_checkup(package="outside"), a_checkup(part="broken"))
    )
    assert worst(["ok", "missing", "outside"]) == "missing" and worst([]) == "ok"


def test_missing_extras_do_not_make_it_unwell_and_come_with_their_command() -> None:
    page = render_checkup(a_checkup())
    assert "missing  lora     pip install -c constraints.txt '.[lora]'" in page
    assert page.endswith("\n\nAll that is required works.\n")


def test_the_page_names_what_is_wrong_and_what_to_type() -> None:
    page = render_checkup(a_checkup(package="outside", part="broken"))
    assert "outside  torch  2.1  >=2.9" in page
    assert page.endswith(
        "Not well: torch, toy model; install extracot again: pip install -c constraints.txt . in a checkout\n"
    )


def test_accelerators_are_listed_with_their_memory() -> None:
    two = (Device("NVIDIA H100", 79.6), Device("mps", None))
    page = render_checkup(a_checkup(machine=dataclasses.replace(MACHINE, devices=two)))
    assert "GPU 0   NVIDIA H100, 79.6 GiB\n" in page and "GPU 1   mps\n" in page


def test_a_torch_that_does_not_import_is_told_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    machine = machine_module.examine_machine()
    assert machine.n_threads is None and machine.devices == ()
    assert "torch does not work" in render_checkup(a_checkup(machine=machine))


def test_running_from_a_folder_without_being_installed_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup_module, "own_requirements", lambda: None)
    monkeypatch.setattr(checkup_module, "try_parts", lambda: ())
    found = examine()
    assert found.packages == (Package("extracot", "", None, "missing"),) and not found.is_well


@pytest.mark.parametrize("part", ["ok", "broken"])
def test_the_command_tells_programs_the_same_and_exits_1_when_not_well(
    part: Verdict, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup_module, "examine", lambda: a_checkup(part=part))
    assert main(["doctor", "--json"]) == main(["doctor"]) == (0 if part == "ok" else 1)
    said = capsys.readouterr()
    told, _ = json.JSONDecoder().raw_decode(said.out)
    assert told["is_well"] == (part == "ok") and told["parts"][0]["name"] == "toy model"
    assert said.err == ""

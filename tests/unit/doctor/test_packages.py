"""Requirements against installed versions that the tests make up."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from extracot.doctor.packages import judge, optional_parts, own_requirements, required_packages
from extracot.io.extras import EXTRAS, install_command, install_hint

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"

REQUIREMENTS = [
    Requirement(line)
    for line in (
        "torch>=2.9",
        "trl<1.17,>=1.16",
        "oldlib; python_version < '3'",
        "peft>=0.21; extra == 'lora'",
        "uvicorn; extra == 'serving'",
        "extracot[lora,serving]; extra == 'dev'",
        "pytest; extra == 'dev'",
    )
]
INSTALLED = {"torch": "2.13.0+cpu", "trl": "1.17.0", "uvicorn": "0.5", "pytest": "9"}


def test_a_package_is_ok_missing_or_outside_our_range() -> None:
    assert judge(Requirement("torch>=2.9"), INSTALLED.get).verdict == "ok"  # a local version such as +cpu is no other
    assert judge(Requirement("trl<1.17,>=1.16"), INSTALLED.get).verdict == "outside"
    assert judge(Requirement("peft"), INSTALLED.get).verdict == "missing"
    assert judge(Requirement("a>=2"), {"a": "2.1rc1"}.get).verdict == "ok"  # who installed it has asked for it


def test_a_range_is_shown_with_its_lower_end_first() -> None:
    assert judge(Requirement("trl<1.17,>=1.16"), INSTALLED.get).asked == ">=1.16,<1.17"


def test_what_is_required_leaves_out_extras_and_other_pythons() -> None:
    assert [package.name for package in required_packages(REQUIREMENTS, INSTALLED.get)] == ["torch", "trl"]


def test_an_extra_has_its_own_packages_and_those_of_the_extras_it_names() -> None:
    extras = {extra.name: extra for extra in optional_parts(REQUIREMENTS, INSTALLED.get)}
    assert [package.name for package in extras["lora"].packages] == ["peft"]
    assert [package.name for package in extras["dev"].packages] == ["peft", "uvicorn", "pytest"]
    assert (extras["lora"].verdict, extras["serving"].verdict, extras["dev"].verdict) == ("missing", "ok", "missing")


def test_an_extra_that_the_installed_metadata_does_not_know_is_missing() -> None:
    extras = {extra.name: extra for extra in optional_parts([], INSTALLED.get)}
    assert extras["vllm"].verdict == "missing" and extras["vllm"].command == "pip install '.[vllm]'"


def test_the_extras_told_are_those_of_the_project() -> None:
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"])


def test_extras_are_installed_from_a_checkout_and_vllm_without_the_constraints() -> None:
    assert install_command("lora") == "pip install -c constraints.txt '.[lora]'"
    assert install_hint("vllm") == "pip install '.[vllm]' in a checkout of extracot, into an environment of its own"


def test_what_is_not_installed_has_no_requirements() -> None:
    assert own_requirements("no-such-distribution") is None

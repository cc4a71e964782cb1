"""`__all__` says exactly what there is, in the package and in every room that has one."""

import importlib
import importlib.metadata
import pkgutil
import subprocess
import sys

import pytest

import extracot

ROOMS = [module.name for module in pkgutil.walk_packages(extracot.__path__, "extracot.") if module.ispkg]


def test_the_version_is_the_installed_one() -> None:
    assert extracot.__version__ == importlib.metadata.version("extracot")


@pytest.mark.parametrize("name", extracot.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    thing = getattr(extracot, name)
    assert isinstance(thing, str) or thing.__doc__


def test_public_names_are_sorted_listed_and_unique() -> None:
    assert list(extracot.__all__) == sorted(set(extracot.__all__))
    assert set(extracot.__all__) <= set(dir(extracot))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'compres'"):
        _ = extracot.compres


@pytest.mark.parametrize("room", ROOMS)
def test_the_names_a_room_lists_are_there(room: str) -> None:
    module = importlib.import_module(room)
    listed = getattr(module, "__all__", [])
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert hasattr(module, name)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, extracot; sys.exit(str({'torch', 'pydantic', 'transformers'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == ""

"""Imports go one way: a room imports from floors below its own; rooms of one floor do not know each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import extracot

PACKAGE = Path(extracot.__file__).parent

FLOORS = {
    "errors": 0,
    "text": 1,
    "io": 1,
    "records": 2,
    "remote": 2,
    "grading": 3,
    "toy": 4,
    "models": 4,
    "problems": 5,
    "generate": 6,
    "export": 6,
    "annotate": 7,
    "compressor": 7,
    "dataset": 8,
    "training": 9,
    "evaluation": 10,
    "doctor": 10,
    "pipeline": 11,
    "cli": 12,
}
ENTRANCES = {"__init__", "__main__"}  # they name the public parts of every room

IMPURE = {
    "torch",
    "os",
    "pathlib",
    "io",
    "time",
    "datetime",
    "random",
    "numpy",
    "subprocess",
    "tempfile",
    "yaml",
}
"""Modules that `text/` may not import: it knows no files, no clock and no randomness."""

HEAVY = {"torch", "transformers", "trl", "datasets", "accelerate", "matplotlib", "vllm", "peft"}
"""Modules that a config may not import: every config is loaded to check presets and recipes."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path: Path, only_top_level: bool = False) -> Iterator[tuple[int, str]]:
    """Every (line, dotted module) that a file imports; `from . import x` is resolved against the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ["extracot", *path.relative_to(PACKAGE).parent.parts]
    for node in tree.body if only_top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for name in node.names:
                yield node.lineno, f"{module}.{name.name}"


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in modules()} - ENTRANCES <= FLOORS.keys()


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downhill(path: Path) -> None:
    room = room_of(path)
    if room in ENTRANCES:
        return
    uphill = []
    for line, module in imports_of(path):
        parts = module.split(".")
        if parts[0] != "extracot" or len(parts) == 1 or parts[1] not in FLOORS:
            continue
        if parts[1] != room and FLOORS[parts[1]] >= FLOORS[room]:
            uphill.append(f"{path}:{line}: {room} (floor {FLOORS[room]}) imports {module}")
    assert not uphill


def test_text_is_pure() -> None:
    impure = [
        f"{path}:{line}: {module}"
        for path in (PACKAGE / "text").glob("*.py")
        for line, module in imports_of(path)
        if module.split(".")[0] in IMPURE
    ]
    assert not impure


def test_configs_load_nothing_heavy() -> None:
    heavy = [
        f"{path}:{line}: {module}"
        for path in PACKAGE.rglob("config.py")
        for line, module in imports_of(path)
        if module.split(".")[0] in HEAVY
    ]
    assert not heavy


def test_no_module_is_called_utils() -> None:
    assert not [path for path in modules() if path.stem in ("utils", "util", "helpers", "common", "misc")]

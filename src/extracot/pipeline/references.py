"""References in the values of a step: `@name/rest` is `rest` in the run directory of step `name`, `$name` what the
recipe's `given` says."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_REFERENCE = re.compile(r"@([a-z0-9-]+)(/.*)?")
_GIVEN = re.compile(r"\$([a-z0-9_]+)")


def referenced_steps(value: Any) -> list[str]:
    """Names of the steps that a tree of config values refers to, in order of appearance."""
    if isinstance(value, str):
        match = _REFERENCE.fullmatch(value)
        return [match[1]] if match else []
    if isinstance(value, Mapping):
        return [name for inner in value.values() for name in referenced_steps(inner)]
    if isinstance(value, list | tuple):
        return [name for inner in value for name in referenced_steps(inner)]
    return []


def referenced_values(value: Any) -> list[str]:
    """Names of the given values that a tree of config values refers to, in order of appearance."""
    if isinstance(value, str):
        match = _GIVEN.fullmatch(value)
        return [match[1]] if match else []
    if isinstance(value, Mapping):
        return [name for inner in value.values() for name in referenced_values(inner)]
    if isinstance(value, list | tuple):
        return [name for inner in value for name in referenced_values(inner)]
    return []


def fill_in(value: Any, given: Mapping[str, str]) -> Any:
    """The same tree with every `$name` replaced by what is given; the recipe has checked the names."""
    if isinstance(value, str):
        match = _GIVEN.fullmatch(value)
        return given[match[1]] if match else value
    if isinstance(value, Mapping):
        return {key: fill_in(inner, given) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill_in(inner, given) for inner in value]
    return value


def resolve_references(value: Any, folders: Mapping[str, Path]) -> Any:
    """The same tree with every reference replaced by a path.

    Args:
        value: nested mappings, lists and scalars.
        folders: step name to run directory, of every step referred to; the recipe has checked that.
    """
    if isinstance(value, str):
        match = _REFERENCE.fullmatch(value)
        return f"{folders[match[1]]}{match[2] or ''}" if match else value
    if isinstance(value, Mapping):
        return {key: resolve_references(inner, folders) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolve_references(inner, folders) for inner in value]
    return value

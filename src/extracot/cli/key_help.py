"""The keys of a stage's config as text for its `--help`: name, default and meaning, from the class itself."""

import json
import shutil
import textwrap
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from extracot.io.config import StageConfig


def describe_keys(cls: type[StageConfig], width: int | None = None) -> str:
    """One paragraph per key that `--set` takes, a dotted one for each key of a nested mapping.

    Args:
        cls: the stage's config.
        width: characters a line; None takes the terminal's, at most 100.
    """
    width = width or min(shutil.get_terminal_size().columns, 100)
    lines = ["keys for --set and for config files, [default] first:"]
    for name, default, meaning in keys_of(cls):
        lines.append(f"  {name}  [{default}]")
        if name in cls.free_on_resume:
            meaning = f"{meaning} A resume may change it."
        lines.extend(textwrap.wrap(meaning, width, initial_indent=" " * 6, subsequent_indent=" " * 6))
    return "\n".join(lines)


def keys_of(cls: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, default as text and meaning of every key, in field order, dotted below a section."""
    for name, field in cls.model_fields.items():
        section = _section(field.annotation)
        meaning = " ".join((field.description or "").split())
        if section is None:
            yield prefix + name, _default(field), meaning + _choices(field.annotation)
            continue
        if _default(field) == "null":
            yield prefix + name, "null", meaning
        elif meaning:
            yield prefix + name, "a section", meaning
        yield from keys_of(section, f"{prefix}{name}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    """The nested config that a field holds, where it holds one, perhaps or None."""
    models = [member for member in _members(annotation) if isinstance(member, type) and issubclass(member, BaseModel)]
    return models[0] if len(models) == 1 else None


def _members(annotation: Any) -> tuple[Any, ...]:
    """What a field may hold; one type, or those of a union."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _choices(annotation: Any) -> str:
    choices = [
        str(value) for member in _members(annotation) if get_origin(member) is Literal for value in get_args(member)
    ]
    return f" One of {', '.join(choices)}." if choices else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "a section"
    if isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        value = [item.model_dump(mode="json") for item in value]
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return textwrap.shorten(text, 60, placeholder=" …")

"""What all records have in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """One line of a `.jsonl` file: frozen, closed to unknown fields, free of NaN; names its `format`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    older_formats: ClassVar[frozenset[str]] = frozenset()
    """Former values of `format` that the record still reads; its validator turns such a row into a new one."""

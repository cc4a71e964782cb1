"""What the `report` stage may be told."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from extracot.io.config import StageConfig


def _as_tuple(value: object) -> object:
    """One path, or none, as the list that it is short for."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


class ReportConfig(StageConfig):
    """Settings of `extracot report`: which runs to show, and how much of them."""

    evaluations: Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    """A finished `evaluate` run folder, or several. Runs on the same problems are merged, as further samples, and also
    shown one by one; other problems get a section of their own."""
    pipeline: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    """A folder that holds the runs of the other stages, or several: their counts, filters, training curves and
    provenance are collected from every `manifest.json` in and below them. Runs of chrpo are shown as the arms that were
    evaluated with their models."""
    title: str = "Chain-of-thought compression"
    """Heading of the page."""
    examples: Annotated[int | None, Field(ge=0)] = None
    """Most questions in the browser of examples, per data set; None for as many as `examples_mb` has room for, 0 for
    none at all."""
    examples_mb: Annotated[float, Field(gt=0)] = 3.0
    """Room for the examples in the page, in MB, all data sets together. What does not fit is left out and said so."""

    def input_paths(self) -> list[str]:
        return [*self.evaluations, *self.pipeline]

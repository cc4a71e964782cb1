"""What the `report` stage may be told."""

from typing import Annotated

from pydantic import Field

from extracot.io.config import StageConfig


class ReportConfig(StageConfig):
    """Settings of `extracot report`: which runs to show, and how much of them."""

    evaluations: Annotated[tuple[str, ...], Field(min_length=1)]
    """Finished `evaluate` run folders. Runs on the same problems are merged, as further samples;
    other problems get a section of their own."""
    pipeline: str | None = None
    """Folder holding the runs of the other stages: their counts, training curves and provenance are
    collected from every `manifest.json` below it."""
    title: str = "Chain-of-thought compression"
    """Heading of the page."""
    examples: Annotated[int, Field(ge=0)] = 6
    """Problems shown with all their completions side by side, per data set."""

    def input_paths(self) -> list[str]:
        return [*self.evaluations, *([self.pipeline] if self.pipeline is not None else [])]

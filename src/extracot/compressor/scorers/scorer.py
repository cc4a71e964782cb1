"""What the compressor needs from whoever tells which units matter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from extracot.text.units import Unit


@dataclass(frozen=True, slots=True)
class Passage:
    """One chain of thought, with what it is about."""

    question: str
    """The question alone; "" for a scorer that must not see it."""
    cot: str
    """The reasoning, without think tags."""
    answer: str | None = None
    """Gold or generated answer; None where it is unknown."""


class Scorer(Protocol):
    """Scores the units of many passages, each passage on its own: neighbours in a batch do not matter."""

    name: str
    """Rides on every compression, so that results say what made them."""

    def score(self, passages: Sequence[Passage], units: Sequence[Sequence[Unit]]) -> list[list[float]]:
        """Importance of every unit.

        Args:
            passages: [N].
            units: [N] the units of each passage's `cot`, tiling it.

        Returns:
            [N] one finite number per unit, higher is kept longer; only the order within a passage matters.

        Raises:
            DataError: a passage that this scorer cannot score; says why.
        """
        ...

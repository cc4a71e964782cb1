"""Importance from the dependencies that a chain of thought states itself; no model at all."""

from collections.abc import Sequence

from extracot.compressor.scorers.scorer import Passage
from extracot.text.slicing import slice_importance
from extracot.text.units import Unit


class SliceScorer:
    """Walks back from the answer through the equations that it depends on, see `text/slicing.py`.

    It reads the answer where there is one; without, a `\\boxed` or the names in the question have to tell
    where the walk starts.
    """

    name = "slice"

    def score(self, passages: Sequence[Passage], units: Sequence[Sequence[Unit]]) -> list[list[float]]:
        """See `Scorer.score`."""
        return [
            slice_importance(passage.question, passage.cot, passage.answer or "", own)
            for passage, own in zip(passages, units, strict=True)
        ]

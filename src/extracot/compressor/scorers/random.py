"""Deletion at random: the control that any compressor has to beat at the same ratio."""

import hashlib
import random
from collections.abc import Sequence

from extracot.compressor.scorers.scorer import Passage
from extracot.text.units import Unit


class RandomScorer:
    """Gives every unit a random score in [0, 1).

    The scores depend on the seed and on the text alone, so they do not change with batches, order or resumes.
    """

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def score(self, passages: Sequence[Passage], units: Sequence[Sequence[Unit]]) -> list[list[float]]:
        """See `Scorer.score`; reads the `cot` only."""
        return [self._score_one(passage.cot, len(own)) for passage, own in zip(passages, units, strict=True)]

    def _score_one(self, cot: str, n_units: int) -> list[float]:
        digest = hashlib.sha256(cot.encode(errors="surrogatepass")).hexdigest()
        generator = random.Random(f"{self.seed}/{digest}")
        return [generator.random() for _ in range(n_units)]

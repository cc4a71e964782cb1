"""The compressor: segment, score once, cut at every ratio."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from extracot.compressor.answer_unit import find_answer_unit
from extracot.compressor.compressed import CompressedText, check_passage, measure
from extracot.compressor.costs import token_offsets, unit_costs
from extracot.compressor.joining import join_spans, kept_spans
from extracot.compressor.scorers.scorer import Passage, Scorer
from extracot.compressor.selection import check_ratios, cut, rank_units
from extracot.text.units import UnitKind, segment

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Compressor:
    """Shortens chains of thought to any share of their tokens, by dropping whole units.

    Whatever scorer ranks the units, these hold: formulas are never cut, the order stays, a larger ratio keeps
    all that a smaller one keeps, the unit with the final answer always stays, and the scorer runs once for
    all ratios.

    ```python
    compressor = Compressor.from_pretrained("runs/compressor/model")
    short, long = compressor.compress(question, cot, [0.2, 0.5], tokenizer="Qwen/Qwen3-1.7B")
    print(short.text, short.actual_ratio)
    ```
    """

    def __init__(
        self, scorer: Scorer, *, prose: Literal["word", "clause"] = "clause", resolution: float = 0.05
    ) -> None:
        """Compress with a scorer.

        Args:
            scorer: tells which units matter.
            prose: whether prose is dropped by words or by clauses. Words meet the ratio to the token, clauses
                leave text that can be read, and learnt.
            resolution: scores closer than this count as equal, see `rank_units`.
        """
        self.scorer = scorer
        self.prose: Literal["word", "clause"] = prose
        self.resolution = resolution

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path,
        *,
        prose: Literal["word", "clause"] = "clause",
        resolution: float = 0.05,
        device: str | None = None,
    ) -> Self:
        """A compressor with a trained scorer; see `EncoderScorer.from_pretrained` for errors."""
        from extracot.compressor.scorers.encoder import EncoderScorer  # torch takes seconds to load

        return cls(EncoderScorer.from_pretrained(name_or_folder, device=device), prose=prose, resolution=resolution)

    def compress(
        self,
        question: str,
        cot: str,
        ratios: Sequence[float],
        tokenizer: "PreTrainedTokenizerBase | str",
        answer: str | None = None,
    ) -> list[CompressedText]:
        """One chain of thought at every ratio, in the order of `ratios`; see `compress_many`."""
        return self.compress_many([Passage(question, cot, answer)], ratios, tokenizer)[0]

    def compress_many(
        self, passages: Sequence[Passage], ratios: Sequence[float], tokenizer: "PreTrainedTokenizerBase | str"
    ) -> list[list[CompressedText]]:
        """Many chains of thought at every ratio; much faster than one by one, with the same results.

        Args:
            passages: [N]; where an `answer` is given, a unit that states it stays at every ratio.
            ratios: [R] shares of tokens to keep, each in (0, 1].
            tokenizer: of the model that the texts are for, or its name: all tokens are counted in it.

        Returns:
            [N][R].

        Raises:
            ConfigError: a ratio outside (0, 1].
            DataError: a passage that cannot be compressed; nothing is returned for the others then.
            ModelError: a tokenizer that cannot be loaded, or that does not report offsets.
        """
        targets = check_ratios(ratios)
        target_tokenizer = _load(tokenizer)
        for passage in passages:
            check_passage(passage)
        units = [segment(passage.cot, self.prose) for passage in passages]
        scores = self.scorer.score(passages, units)
        offsets = token_offsets(target_tokenizer, [passage.cot for passage in passages])
        spans = []
        for passage, own, own_scores, own_offsets in zip(passages, units, scores, offsets, strict=True):
            bounds = [(unit.start, unit.end) for unit in own]
            answer_unit = find_answer_unit([passage.cot[a:b] for a, b in bounds], own_scores, passage.answer)
            forced = frozenset() if answer_unit is None else frozenset({answer_unit})
            order = rank_units(own_scores, forced, self.resolution)
            costs = unit_costs(own_offsets, bounds)
            spans.append([kept_spans(bounds, cut(order, costs, ratio, len(forced))) for ratio in targets])
        texts = [[join_spans(passage.cot, kept) for kept in row] for passage, row in zip(passages, spans, strict=True)]
        formulas = [[(unit.start, unit.end) for unit in own if unit.kind is UnitKind.FORMULA] for own in units]
        return measure(passages, formulas, targets, spans, texts, [len(own) for own in offsets], target_tokenizer)


def _load(tokenizer: "PreTrainedTokenizerBase | str") -> "PreTrainedTokenizerBase":
    if not isinstance(tokenizer, str):
        return tokenizer
    from extracot.models.load import load_tokenizer  # transformers takes seconds to load

    return load_tokenizer(tokenizer)

"""The compressor: segment, score once, cut at every ratio."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from extracot.compressor.alignment import Span
from extracot.compressor.answer_unit import find_answer_units
from extracot.compressor.compressed import CompressedText, ScoredUnit, check_passage, measure
from extracot.compressor.costs import token_offsets, unit_costs
from extracot.compressor.fitting import meet_marks, part_of_clause, seam_unit
from extracot.compressor.joining import join_spans, kept_spans
from extracot.compressor.leaning import Leaned, lean
from extracot.compressor.scorers.scorer import Passage, Scorer
from extracot.compressor.selection import check_ratios, check_threshold, cut, rank_units
from extracot.models.load import DEFAULT_COMPRESSOR
from extracot.text.units import UnitKind, segment

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Compressor:
    """Shortens chains of thought to any share of their tokens, by dropping whole units.

    Whatever scorer ranks the units, these hold: formulas are never cut, the order stays, a larger ratio keeps
    all that a smaller one keeps, the unit with the final answer always stays, no text comes out empty, and the
    scorer runs once for all ratios.

    ```python
    compressor = Compressor.from_pretrained()
    short, long = compressor.compress(question, cot, ratios=[0.2, 0.5], tokenizer="Qwen/Qwen3-1.7B")
    print(short.text, short.actual_ratio)
    ```

    Without a model, `Compressor(SliceScorer())` does the same by the dependencies that a text states.
    """

    def __init__(
        self,
        scorer: Scorer,
        *,
        prose: Literal["word", "clause"] = "clause",
        resolution: float = 0.05,
        is_readable: bool = True,
        is_exact: bool = True,
    ) -> None:
        """Compress with a scorer.

        Args:
            scorer: tells which units matter.
            prose: whether prose is dropped by words or by clauses. Words meet the ratio to the token, clauses
                leave text that can be read, and learnt.
            resolution: scores closer than this count as equal, see `rank_units`.
            is_readable: clauses go with what they lean on (see `leaning.py`), and lines that would run together are
                kept apart; False takes the scores and the white space as they are.
            is_exact: ratios are met more closely than whole clauses can in the order of their scores: units come a
                little early to fill a budget, and the one clause that is left at a cut may be parted between words
                (see `fitting.py`). False keeps to the order, and clauses whole.
        """
        self.scorer = scorer
        self.prose: Literal["word", "clause"] = prose
        self.resolution = resolution
        self.is_readable = is_readable
        self.is_exact = is_exact

    @classmethod
    def from_pretrained(
        cls,
        name_or_folder: str | Path = DEFAULT_COMPRESSOR,
        *,
        prose: Literal["word", "clause"] = "clause",
        resolution: float = 0.05,
        is_readable: bool = True,
        is_exact: bool = True,
        device: str | None = None,
    ) -> Self:
        """A compressor with a trained scorer.

        Args:
            name_or_folder: a folder written by `extracot train-compressor`, or any token classifier by its hub name;
                by default the packaged one, for real chains of thought.
            prose: see `__init__`.
            resolution: see `__init__`.
            is_readable: see `__init__`.
            is_exact: see `__init__`.
            device: torch device; None takes the GPU where there is one.

        Raises:
            ModelError: no such model, no token classifier, or a tokenizer that does not fit it.
        """
        from extracot.compressor.scorers.encoder import EncoderScorer  # torch takes seconds to load

        scorer = EncoderScorer.from_pretrained(name_or_folder, device=device)
        return cls(scorer, prose=prose, resolution=resolution, is_readable=is_readable, is_exact=is_exact)

    def compress(
        self,
        question: str,
        cot: str,
        ratios: Sequence[float],
        tokenizer: "PreTrainedTokenizerBase | str" = DEFAULT_COMPRESSOR,
        answer: str | None = None,
        *,
        threshold: float | None = None,
    ) -> list[CompressedText]:
        """One chain of thought at every ratio.

        Args:
            question: what the chain of thought answers; "" where it is unknown.
            cot: the reasoning, without think tags.
            ratios: [R] shares of tokens to keep, each in (0, 1].
            tokenizer: of the model that the text is for, or its name: all tokens are counted in it. The packaged
                compressor's splits text about as a full-size vocabulary does.
            answer: where it is known, a unit that states it stays at every ratio.
            threshold: in [0, 1]; asks for one text more, of the units that score at least this. `ratios` may then
                be empty.

        Returns:
            [R] in the order of `ratios`; with a threshold [R + 1], its text last.

        Raises:
            ConfigError: a ratio outside (0, 1], a threshold outside [0, 1], or neither.
            DataError: a chain of thought that cannot be compressed, such as an empty one.
            ModelError: a tokenizer that cannot be loaded, or that does not report offsets.
        """
        return self.compress_many([Passage(question, cot, answer)], ratios, tokenizer, threshold=threshold)[0]

    def compress_many(
        self,
        passages: Sequence[Passage],
        ratios: Sequence[float],
        tokenizer: "PreTrainedTokenizerBase | str" = DEFAULT_COMPRESSOR,
        *,
        threshold: float | None = None,
    ) -> list[list[CompressedText]]:
        """Many chains of thought at every ratio; much faster than one by one, with the same results.

        Args:
            passages: [N]; where an `answer` is given, a unit that states it stays at every ratio.
            ratios: [R], see `compress`.
            tokenizer: see `compress`.
            threshold: see `compress`.

        Returns:
            `[N][R]`, or `[N][R + 1]` with a threshold.

        Raises:
            ConfigError: see `compress`.
            DataError: a passage that cannot be compressed; nothing is returned for the others then.
            ModelError: see `compress`.
        """
        check_targets(ratios, threshold)
        return self.cut_many(passages, self.score_many(passages), ratios, tokenizer, threshold=threshold)

    def score_units(self, question: str, cot: str, answer: str | None = None) -> list[ScoredUnit]:
        """The units of one chain of thought and their scores: what `compress` cuts by.

        They are the scorer's, but for clauses that lean on others (see `leaning.py`): those score at most what they
        lean on. The unit with the final answer stays whatever it scores.

        Returns:
            The units in order; they tile `cot`.

        Raises:
            DataError: a chain of thought that cannot be scored, such as an empty one.
        """
        return self.score_many([Passage(question, cot, answer)])[0]

    def score_many(self, passages: Sequence[Passage]) -> list[list[ScoredUnit]]:
        """`score_units` of many chains of thought, [N]."""
        for passage in passages:
            check_passage(passage)
        units = [segment(passage.cot, self.prose) for passage in passages]
        scores = self.scorer.score(passages, units)
        scored = []
        for passage, own, own_scores in zip(passages, units, scores, strict=True):
            leaned = Leaned(own_scores, [True] * len(own))
            if self.is_readable and self.prose == "clause":
                leaned = lean(passage.cot, own, own_scores)
            scored.append(
                [
                    ScoredUnit(unit.start, unit.end, unit.kind, score, alone)
                    for unit, score, alone in zip(own, *leaned, strict=True)
                ]
            )
        return scored

    def cut_many(
        self,
        passages: Sequence[Passage],
        scored: Sequence[Sequence[ScoredUnit]],
        ratios: Sequence[float],
        tokenizer: "PreTrainedTokenizerBase | str" = DEFAULT_COMPRESSOR,
        *,
        threshold: float | None = None,
    ) -> list[list[CompressedText]]:
        """The second half of `compress_many`: cut passages whose units have been scored.

        Args:
            passages: [N].
            scored: [N] from `score_many`.
            ratios: [R], see `compress`.
            tokenizer: see `compress`.
            threshold: see `compress`.

        Returns:
            `[N][R]`, or `[N][R + 1]` with a threshold.
        """
        check_targets(ratios, threshold)
        target_tokenizer = _load(tokenizer)
        offsets = token_offsets(target_tokenizer, [passage.cot for passage in passages])
        spans = []
        for passage, own, own_offsets in zip(passages, scored, offsets, strict=True):
            bounds = [(unit.start, unit.end) for unit in own]
            scores = [unit.score for unit in own]
            forced = find_answer_units([passage.cot[a:b] for a, b in bounds], scores, passage.answer)
            order = rank_units(scores, forced, self.resolution)
            costs = unit_costs(own_offsets, bounds)
            # One unit stays even where the budget is smaller than any: a text of nothing is of no use.
            n_forced = max(1, len(forced))
            if self.is_exact:
                order = meet_marks(order, costs, [unit.stands_alone for unit in own], n_forced=n_forced)
            token_starts = [start for start, _ in own_offsets]
            kept = [self._cut_one(passage.cot, own, order, n_forced, costs, token_starts, ratio) for ratio in ratios]
            if threshold is not None:
                flags = [unit in forced or score >= threshold for unit, score in enumerate(scores)]
                kept.append(kept_spans(bounds, flags))
            spans.append(kept)
        texts = [
            [join_spans(passage.cot, kept, adds_line_ends=self.is_readable) for kept in row]
            for passage, row in zip(passages, spans, strict=True)
        ]
        formulas = [[(unit.start, unit.end) for unit in own if unit.kind is UnitKind.FORMULA] for own in scored]
        targets = [*ratios, *([] if threshold is None else [None])]
        n_tokens = [len(own) for own in offsets]
        return measure(passages, formulas, targets, spans, texts, n_tokens, target_tokenizer, threshold)

    def _cut_one(
        self,
        text: str,
        units: Sequence[ScoredUnit],
        order: Sequence[int],
        n_forced: int,
        costs: Sequence[int],
        token_starts: Sequence[int],
        ratio: float,
    ) -> list[Span]:
        """What is kept of one text at one ratio."""
        bounds = [(unit.start, unit.end) for unit in units]
        flags = cut(order, costs, ratio, n_forced=n_forced)
        seam = seam_unit(order, costs, ratio, n_forced=n_forced) if self.is_exact else None
        if seam is None or units[order[seam.n_before]].kind is not UnitKind.PROSE:
            return kept_spans(bounds, flags)
        parted = order[seam.n_before]
        before = set(order[: seam.n_before])
        # The part goes on from a neighbour that is kept; where neither is, the beginning reads better.
        from_left = parted - 1 in before or parted + 1 not in before
        part = part_of_clause(text, bounds[parted], token_starts, seam.room, from_left)
        flags = [unit in before or (unit == parted and part is not None) for unit in range(len(units))]
        bounds[parted] = part or bounds[parted]
        return kept_spans(bounds, flags)


def check_targets(ratios: Sequence[float], threshold: float | None) -> None:
    """Refuse what no text can be cut to (ConfigError); ratios may be empty where there is a threshold."""
    if threshold is not None:
        check_threshold(threshold)
    if ratios or threshold is None:
        check_ratios(ratios)


def _load(tokenizer: "PreTrainedTokenizerBase | str") -> "PreTrainedTokenizerBase":
    if not isinstance(tokenizer, str):
        return tokenizer
    from extracot.models.load import load_tokenizer  # transformers takes seconds to load

    return load_tokenizer(tokenizer)

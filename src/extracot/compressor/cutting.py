"""Traces in, records out: what the `compress` stage does with one batch, here or in a worker process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from extracot.compressor.compressed import CompressedText, ScoredUnit
from extracot.compressor.compressor import Compressor
from extracot.compressor.config import CompressConfig
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.errors import DataError
from extracot.models.load import load_tokenizer
from extracot.records.compression import Compression
from extracot.records.trace import BadTrace, Trace
from extracot.records.unit_scores import UnitScores
from extracot.text.answers import last_boxed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class BatchCompressor(Protocol):
    """What this stage needs; `Compressor` and `GenericCompressor` both are one."""

    def compress_many(
        self, passages: Sequence[Passage], ratios: Sequence[float], tokenizer: "PreTrainedTokenizerBase"
    ) -> list[list[CompressedText]]:
        """[N][R]; DataError when any passage cannot be compressed."""
        ...


@dataclass(frozen=True, slots=True)
class TraceCuts:
    """What becomes of one trace."""

    records: list[Compression]
    """One per ratio, or one for the threshold."""
    unit_scores: UnitScores | None
    """What they were cut by; None where it is not asked for."""


@dataclass(frozen=True, slots=True)
class _Cuts:
    texts: list[CompressedText]
    units: list[ScoredUnit]
    """Empty for a compressor that has no units."""


class TraceCutter:
    """A config with its compressor and tokenizer loaded."""

    def __init__(self, config: CompressConfig) -> None:
        self._config = config
        self._tokenizer = load_tokenizer(config.tokenizer)
        self._compressor = load_compressor(config)

    def cut(self, rows: Sequence[Trace | BadTrace]) -> list[TraceCuts]:
        """Every trace at every ratio, in order; one that cannot be compressed does not take the others with it.

        Where nobody gives an answer, the one that the visible response boxes takes its place.
        """
        passages = [
            Passage(
                row.question if self._config.with_question else "", row.cot, row.answer or last_boxed(row.response)
            )
            for row in rows
            if isinstance(row, Trace)
        ]
        results: list[_Cuts | DataError]
        try:
            results = list(self._cut_all(passages))
        except DataError:
            results = [self._cut_one(passage) for passage in passages]
        in_order = iter(results)
        return [
            self._to_records(row, DataError(row.error) if isinstance(row, BadTrace) else next(in_order))
            for row in rows
        ]

    def _cut_one(self, passage: Passage) -> "_Cuts | DataError":
        try:
            return self._cut_all([passage])[0]
        except DataError as error:
            return error

    def _cut_all(self, passages: Sequence[Passage]) -> list[_Cuts]:
        config = self._config
        if not isinstance(self._compressor, Compressor):
            rows = self._compressor.compress_many(passages, config.cut_ratios, self._tokenizer)
            return [_Cuts(row, []) for row in rows]
        scored = self._compressor.score_many(passages)
        rows = self._compressor.cut_many(
            passages, scored, config.cut_ratios, self._tokenizer, threshold=config.threshold
        )
        return [_Cuts(row, own) for row, own in zip(rows, scored, strict=True)]

    def _to_records(self, trace: Trace | BadTrace, result: "_Cuts | DataError") -> TraceCuts:
        config = self._config
        if isinstance(result, DataError) or isinstance(trace, BadTrace):
            error = str(result)
            records = [_failed(trace, config.scorer, ratio, threshold, error) for ratio, threshold in config.targets]
        else:
            records = [_to_record(trace, config.scorer, text, result.units) for text in result.texts]
        return TraceCuts(records, _to_scores(trace, config.scorer, result) if config.scores else None)


def load_compressor(config: CompressConfig) -> BatchCompressor:
    """The compressor that a config asks for, its model loaded."""
    if config.scorer == "encoder":
        assert config.compressor is not None, "the config checks this"
        return Compressor.from_pretrained(
            config.compressor,
            prose=config.prose,
            resolution=config.resolution,
            is_readable=config.is_readable,
            is_exact=config.is_exact,
            device=config.device,
        )
    if config.scorer == "generic":
        from extracot.compressor.scorers.generic import GenericCompressor  # torch takes seconds to load

        return GenericCompressor.from_pretrained(config.language_model or config.tokenizer, device=config.device)
    if config.scorer == "slice":
        from extracot.compressor.scorers.slicing import SliceScorer

        return Compressor(
            SliceScorer(),
            prose=config.prose,
            resolution=config.resolution,
            is_readable=config.is_readable,
            is_exact=config.is_exact,
        )
    # Rounding random scores would favour the right end of the text among equals, and what leans on others would
    # not be deleted at random.
    return Compressor(
        RandomScorer(config.seed), prose=config.prose, resolution=0, is_readable=False, is_exact=config.is_exact
    )


def _to_record(trace: Trace, scorer: str, text: CompressedText, units: Sequence[ScoredUnit]) -> Compression:
    if not text.kept and text.threshold is not None:
        best = max((unit.score for unit in units), default=0.0)
        error = f"no unit scores {text.threshold:g} or more; the best one scores {best:.3g}"
        return _failed(trace, scorer, None, text.threshold, error)
    return Compression(
        trace_id=trace.id,
        problem_id=trace.problem_id,
        scorer=scorer,
        target_ratio=text.target_ratio,
        threshold=text.threshold,
        actual_ratio=text.actual_ratio,
        n_tokens=text.n_tokens,
        n_original_tokens=text.n_original_tokens,
        text=text.text,
        kept=list(text.kept),
        n_formulas=text.n_formulas,
        n_formulas_kept=text.n_formulas_kept,
        keeps_answer=text.keeps_answer,
        outcome="ok",
        error=None,
    )


def _failed(
    trace: Trace | BadTrace, scorer: str, ratio: float | None, threshold: float | None, error: str
) -> Compression:
    return Compression(
        trace_id=trace.id,
        problem_id=trace.problem_id if isinstance(trace, Trace) else trace.id,
        scorer=scorer,
        target_ratio=ratio,
        threshold=threshold,
        actual_ratio=0.0,
        n_tokens=0,
        n_original_tokens=0,
        text="",
        kept=[],
        n_formulas=0,
        n_formulas_kept=0,
        keeps_answer=None,
        outcome="failed",
        error=error,
    )


def _to_scores(trace: Trace | BadTrace, scorer: str, result: "_Cuts | DataError") -> UnitScores:
    if isinstance(result, DataError):
        return UnitScores(trace_id=trace.id, scorer=scorer, spans=[], scores=[], outcome="failed", error=str(result))
    return UnitScores(
        trace_id=trace.id,
        scorer=scorer,
        spans=[(unit.start, unit.end) for unit in result.units],
        scores=[unit.score for unit in result.units],
        outcome="ok",
        error=None,
    )

"""Which renderings of a good trace are good enough to learn from.

Every fault of a rendering is counted under its own name; what is dropped and what is only counted is the
config's to say. Text is never repaired.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from extracot.dataset.cleaning import CleaningFilter, CleaningLimits, Surface, cleaning_faults, limits_at
from extracot.records.annotation import Annotation
from extracot.records.compression import Compression

Span = tuple[int, int]
"""Half-open character offsets."""


class CompressionFilter(StrEnum):
    """Why a compression of a good trace is not used."""

    MISSING = "compression_missing"
    """Nobody compressed this trace to this ratio."""
    FAILED = "compression_failed"
    """The compressor could not do it, or left nothing."""
    RATIO_OFF_TARGET = "ratio_off_target"
    """Its length strays too far from what its control token will promise."""
    FORMULA_BROKEN = "formula_broken"
    """It keeps a part of a formula."""
    ANSWER_LOST = "answer_lost"
    """The whole trace states the gold answer, and the compression does not."""
    CHAIN_CUT = "chain_cut"
    """It drops a formula that the annotation calls needed, so the answer no longer follows from what is
    left."""
    NOT_MONOTONE = "not_monotone"
    """It is longer than a rendering of the same trace at a larger ratio."""
    RISKIEST = "riskiest"
    """It is among the renderings at its ratio that look most as if they ran away."""


Fault = CompressionFilter | CleaningFilter
FAULTS: tuple[Fault, ...] = (
    CompressionFilter.MISSING,
    CompressionFilter.FAILED,
    CompressionFilter.RATIO_OFF_TARGET,
    CompressionFilter.FORMULA_BROKEN,
    CompressionFilter.ANSWER_LOST,
    CompressionFilter.CHAIN_CUT,
    *CleaningFilter,
    CompressionFilter.NOT_MONOTONE,
    CompressionFilter.RISKIEST,
)
"""All of them, in the order of the data card."""


@dataclass(frozen=True, slots=True)
class CompressionLimits:
    """The limits of the rules on compressions, and which of the rules only count."""

    ratio_tolerance: float
    """Largest distance of the actual ratio from the target."""
    only_counted: frozenset[CompressionFilter]
    """Faults that are counted and kept."""
    cleaning: tuple[CleaningLimits, ...] = ()
    """Per ratio, ascending; empty asks none of these rules."""
    monotone_slack: int | None = None
    """Tokens by which a rendering may pass one at a larger ratio; None does not ask."""

    def cleaning_at(self, ratio: float) -> CleaningLimits | None:
        """The limits of the cleaning rules at a ratio; None for none."""
        return limits_at(ratio, self.cleaning)


def compression_faults(
    compression: Compression,
    formulas: Sequence[Span],
    needed: Sequence[Span],
    limits: CompressionLimits,
    whole_anchors: frozenset[str] = frozenset(),
) -> dict[Fault, str]:
    """Every fault of a compression and what was found, in the order of the filters; a failed one has no other.

    Args:
        formulas: all formulas of the chain of thought, ascending.
        needed: those of them that the annotation calls needed; empty where it is silent.
        whole_anchors: of the chain of thought; see `text.surface`.
    """
    if compression.outcome == "failed" or not compression.text.strip():
        return {CompressionFilter.FAILED: compression.error or "nothing is left of it"}
    ratio = compression.target_ratio
    assert ratio is not None, "compressions at a threshold are refused before"
    found: dict[Fault, str] = {}
    if abs(compression.actual_ratio - ratio) > limits.ratio_tolerance + 1e-9:
        found[CompressionFilter.RATIO_OFF_TARGET] = f"{compression.actual_ratio:.3f} of the tokens instead of {ratio:g}"
    whole = formulas_kept(formulas, compression.kept)
    n_broken = len(set(overlapping(formulas, compression.kept)) - whole)
    if n_broken:
        found[CompressionFilter.FORMULA_BROKEN] = f"{n_broken} formulas are cut"
    if compression.keeps_answer is False:
        found[CompressionFilter.ANSWER_LOST] = "the whole states the gold answer, it does not"
    n_lost = len(set(needed) - whole)
    if n_lost:
        found[CompressionFilter.CHAIN_CUT] = f"{n_lost} of {len(needed)} needed formulas are gone"
    cleaning = limits.cleaning_at(ratio)
    if cleaning is not None:
        surface = Surface(compression.text, compression.n_tokens, whole_anchors)
        for name, detail in cleaning_faults(surface, cleaning).items():
            found[name] = detail
    return found


def formulas_kept(formulas: Sequence[Span], kept: Sequence[Span]) -> set[Span]:
    """Those formulas that lie in one kept span from their first character to their last; both ascending."""
    whole: set[Span] = set()
    position = 0
    for start, end in formulas:
        while position < len(kept) and kept[position][1] < end:
            position += 1
        if position < len(kept) and kept[position][0] <= start:
            whole.add((start, end))
    return whole


def needed_formulas(formulas: Sequence[Span], annotation: Annotation | None, threshold: float) -> list[Span]:
    """The formulas that an annotation puts at or above the threshold; none without a usable annotation.

    A formula belongs to every annotated unit that it overlaps: a unit holds the formula with its punctuation.
    """
    if annotation is None or annotation.outcome != "ok":
        return []
    needed = [
        span
        for span, importance in zip(annotation.spans, annotation.importance, strict=True)
        if importance >= threshold - 1e-9
    ]
    return overlapping(formulas, needed)


def overlapping(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Those spans that share a character with one of the others; both ascending, each without overlaps."""
    found: list[Span] = []
    position = 0
    for start, end in spans:
        while position < len(others) and others[position][1] <= start:
            position += 1
        if position < len(others) and others[position][0] < end:
            found.append((start, end))
    return found

"""Every usable way to write a trace: which compressions pass the filters, and the untouched trace at ratio
1."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from extracot.dataset.filters import (
    CompressionFilter,
    CompressionLimits,
    MeasuredTrace,
    Span,
    compression_faults,
)
from extracot.errors import DataError
from extracot.records.compression import Compression
from extracot.text.formulas import formula_spans


@dataclass(frozen=True, slots=True)
class Rendering:
    """One trace at one ratio, ready to be learnt."""

    cot: str
    """The compressed chain of thought; the untouched one at ratio 1."""
    actual_ratio: float
    """Its tokens over those of the whole."""
    keeps_chain: bool
    """No needed formula is missing."""


Renderings = Mapping[float, Rendering]
"""The usable renderings of one trace, by target ratio."""


@dataclass(frozen=True, slots=True)
class RenderingSet:
    """What can be learnt from, and what the filters said."""

    by_trace: dict[str, dict[float, Rendering]]
    """Trace id to its usable renderings; every trace is in it, in the order given."""
    faults: Counter[tuple[CompressionFilter, float]]
    """How many compressions had this fault at this ratio; one may have several."""

    def n_usable(self, ratio: float) -> int:
        """Traces with a usable rendering at this ratio."""
        return sum(ratio in own for own in self.by_trace.values())


def collect_renderings(
    compressions: Iterable[Compression],
    measured: Mapping[str, MeasuredTrace],
    needed: Mapping[str, Sequence[Span]],
    grid: Sequence[float],
    limits: CompressionLimits,
    count_tokens: Callable[[str], int],
) -> RenderingSet:
    """Filter the compressions of some traces.

    Args:
        compressions: in any order; those of other traces or ratios are passed over.
        measured: trace id to trace.
        needed: trace id to its needed formulas.
        grid: ratios that are wanted. Ratio 1 is always the untouched trace.
        limits: of the filters.
        count_tokens: in the target model's tokenizer; used where a compression was measured in another one.

    Raises:
        DataError: a trace is cut at a threshold, or to one ratio twice, or kept spans lie outside of it: other traces
        were given.
    """
    by_trace: dict[str, dict[float, Rendering]] = {
        trace_id: {ratio: Rendering(item.trace.cot, 1.0, keeps_chain=True) for ratio in grid if ratio == 1.0}
        for trace_id, item in measured.items()
    }
    wanted = {ratio for ratio in grid if ratio != 1.0}
    faults: Counter[tuple[CompressionFilter, float]] = Counter()
    met: dict[str, set[float]] = defaultdict(set)
    formulas: dict[str, list[Span]] = {}
    for compression in compressions:
        trace_id, ratio = compression.trace_id, compression.target_ratio
        if ratio is None:
            raise DataError(f"trace {trace_id} is cut at a threshold; compress it again with ratios")
        if trace_id not in measured or ratio not in wanted:
            continue
        if ratio in met[trace_id]:
            raise DataError(
                f"trace {trace_id} is compressed to {ratio} twice; give the compressions of one scorer"
            )
        met[trace_id].add(ratio)
        cot = measured[trace_id].trace.cot
        if compression.kept and compression.kept[-1][1] > len(cot):
            raise DataError(
                f"trace {trace_id} is shorter than its compression says; give the traces it was made from"
            )
        if trace_id not in formulas:
            formulas[trace_id] = formula_spans(cot)
        fitted = in_target_tokens(compression, measured[trace_id].n_think_tokens, count_tokens)
        found = compression_faults(fitted, formulas[trace_id], needed.get(trace_id, ()), limits)
        faults.update((fault, ratio) for fault in found)
        if limits.only_counted.issuperset(found):
            keeps_chain = CompressionFilter.CHAIN_CUT not in found
            by_trace[trace_id][ratio] = Rendering(fitted.text.strip(), fitted.actual_ratio, keeps_chain)
    for trace_id in measured:
        faults.update((CompressionFilter.MISSING, ratio) for ratio in wanted - met[trace_id])
    return RenderingSet(by_trace, faults)


def in_target_tokens(
    compression: Compression, n_think_tokens: int, count_tokens: Callable[[str], int]
) -> Compression:
    """The compression with its actual ratio in the target model's tokens.

    One whose `n_original_tokens` agrees was measured in that tokenizer and is taken as it is.
    """
    if compression.outcome == "failed" or compression.n_original_tokens == n_think_tokens:
        return compression
    n_tokens = count_tokens(compression.text)
    return compression.model_copy(
        update={
            "n_tokens": n_tokens,
            "n_original_tokens": n_think_tokens,
            "actual_ratio": n_tokens / n_think_tokens,
        }
    )

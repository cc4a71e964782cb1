"""Every usable way to write a trace: which compressions pass the filters, and the untouched trace at ratio
1."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from extracot.compressor.answer_unit import states_answer
from extracot.dataset.cleaning import Surface, cleaning_faults, risk
from extracot.dataset.compression_filters import CompressionFilter, CompressionLimits, Fault, Span, compression_faults
from extracot.dataset.kept_traces import KeptTraces
from extracot.dataset.labels import Labels
from extracot.dataset.rejections import RejectionLog
from extracot.errors import DataError
from extracot.io.spool import Spool
from extracot.records.compression import Compression
from extracot.records.trace import Trace
from extracot.text.formulas import formula_spans
from extracot.text.surface import anchors


@dataclass(frozen=True, slots=True)
class Rendering:
    """One trace at one ratio, ready to be learnt; its text is in the spool."""

    place: int | None
    """Of the compressed chain of thought in the spool; None for the untouched one, at ratio 1."""
    actual_ratio: float
    """Its tokens over those of the whole."""
    n_tokens: int
    """In the target model's tokenizer."""
    keeps_chain: bool
    """No needed formula is missing."""
    risk: float = 0.0
    """How much it looks as if it ran away; see `cleaning.risk`."""


Renderings = Mapping[float, Rendering]
"""The usable renderings of one trace, by target ratio."""


@dataclass(frozen=True, slots=True)
class RenderingSet:
    """What can be learnt from, and what the filters said."""

    by_trace: dict[str, dict[float, Rendering]]
    """Trace id to its usable renderings; every trace is in it, in the order given."""
    faults: Counter[tuple[Fault, float]]
    """How many compressions had this fault at this ratio; one may have several."""
    n_read: int
    """Compressions of these traces at these ratios that did not fail."""
    n_recounted: int
    """Those of them that were cut and measured in the tokens of another tokenizer."""

    def n_usable(self, ratio: float) -> int:
        """Traces with a usable rendering at this ratio."""
        return sum(ratio in own for own in self.by_trace.values())


@dataclass(frozen=True, slots=True)
class _Whole:
    """What the filters compare the compressions of one trace with; kept for the trace met last."""

    trace: Trace
    formulas: Sequence[Span]
    needed: Sequence[Span]
    anchors: frozenset[str]


def collect_renderings(
    compressions: Iterable[Compression],
    kept: KeptTraces,
    labels: Labels,
    grid: Sequence[float],
    limits: CompressionLimits,
    count_tokens: Callable[[str], int],
    spool: Spool,
    rejections: RejectionLog,
) -> RenderingSet:
    """Filter the compressions of some traces.

    Args:
        compressions: in any order, fastest where those of one trace stand together; those of other traces or
            ratios are passed over.
        kept: the traces.
        labels: their needed formulas.
        grid: ratios that are wanted. Ratio 1 is always the untouched trace, which only the cleaning rules judge.
        limits: of the filters.
        count_tokens: in the target model's tokenizer; used where a compression was measured in another one.
        spool: where the usable texts are put.
        rejections: is told every rendering that is dropped.

    Raises:
        DataError: a trace is cut at a threshold, or to one ratio twice, or kept spans lie outside of it: other traces
        were given.
    """
    faults: Counter[tuple[Fault, float]] = Counter()
    by_trace: dict[str, dict[float, Rendering]] = {trace_id: {} for trace_id in kept}

    def judge(trace_id: str, ratio: float, found: Mapping[Fault, str]) -> bool:
        """Count the faults of a rendering, report what drops it, and say whether it stays."""
        faults.update((fault, ratio) for fault in found)
        for fault, detail in found.items():
            if fault not in limits.only_counted:
                rejections.add(trace_id, ratio, fault, detail)
        return limits.only_counted.issuperset(found)

    if 1.0 in grid:
        for trace_id, item in kept.items():
            found, own_risk = _whole_faults(trace_id, kept, limits)
            if judge(trace_id, 1.0, found):
                by_trace[trace_id][1.0] = Rendering(None, 1.0, item.n_think_tokens, keeps_chain=True, risk=own_risk)

    wanted = {ratio for ratio in grid if ratio != 1.0}
    met: dict[str, set[float]] = defaultdict(set)
    n_read = n_recounted = 0
    whole: _Whole | None = None
    for compression in compressions:
        trace_id, ratio = compression.trace_id, compression.target_ratio
        if ratio is None:
            raise DataError(f"trace {trace_id} is cut at a threshold; compress it again with ratios")
        if trace_id not in kept or ratio not in wanted:
            continue
        if ratio in met[trace_id]:
            raise DataError(
                f"trace {trace_id} is compressed to {ratio} twice; give the compressions of one scorer"
            )
        met[trace_id].add(ratio)
        if whole is None or whole.trace.id != trace_id:
            whole = _read_whole(trace_id, kept, labels, limits)
        if compression.kept and compression.kept[-1][1] > len(whole.trace.cot):
            raise DataError(
                f"trace {trace_id} is shorter than its compression says; give the traces it was made from"
            )
        fitted = in_target_tokens(compression, kept[trace_id].n_think_tokens, count_tokens)
        n_read += compression.outcome == "ok"
        n_recounted += fitted is not compression
        fitted = with_answer_checked(fitted, whole.trace)
        found = compression_faults(fitted, whole.formulas, whole.needed, limits, whole.anchors)
        if judge(trace_id, ratio, found):
            by_trace[trace_id][ratio] = Rendering(
                place=spool.put(fitted.text.strip()),
                actual_ratio=fitted.actual_ratio,
                n_tokens=fitted.n_tokens,
                keeps_chain=CompressionFilter.CHAIN_CUT not in found,
                risk=_risk(fitted.text, fitted.n_tokens, ratio, limits),
            )
    for trace_id in kept:
        for ratio in sorted(wanted - met[trace_id]):
            judge(trace_id, ratio, {CompressionFilter.MISSING: "no compression of it was given"})

    for trace_id, ratio, fault, detail in [*_longer_than_larger(by_trace, limits), *_riskiest(by_trace, grid, limits)]:
        if by_trace[trace_id].pop(ratio, None) is not None:
            judge(trace_id, ratio, {fault: detail})
    return RenderingSet(by_trace, faults, n_read, n_recounted)


def _read_whole(trace_id: str, kept: KeptTraces, labels: Labels, limits: CompressionLimits) -> _Whole:
    trace = kept.read(trace_id)
    return _Whole(
        trace=trace,
        formulas=formula_spans(trace.cot),
        needed=labels.needed(trace_id),
        anchors=anchors(trace.cot) if limits.cleaning else frozenset(),
    )


def _whole_faults(
    trace_id: str, kept: KeptTraces, limits: CompressionLimits
) -> tuple[Mapping[Fault, str], float]:
    """What the cleaning rules say of an untouched trace, and its risk; its text is read only if they are asked."""
    cleaning = limits.cleaning_at(1.0)
    if cleaning is None:
        return {}, 0.0
    cot, n_tokens = kept.read(trace_id).cot, kept[trace_id].n_think_tokens
    faults = cleaning_faults(Surface(cot, n_tokens, anchors(cot)), cleaning)
    found: dict[Fault, str] = {name: detail for name, detail in faults.items()}
    return found, _risk(cot, n_tokens, 1.0, limits)


def _risk(text: str, n_tokens: int, ratio: float, limits: CompressionLimits) -> float:
    cleaning = limits.cleaning_at(ratio)
    if cleaning is None or not cleaning.max_risky_share:
        return 0.0
    return risk(Surface(text, n_tokens, frozenset()))


Drop = tuple[str, float, Fault, str]
"""Trace id, ratio, why, and what was found."""


def _longer_than_larger(by_trace: Mapping[str, Renderings], limits: CompressionLimits) -> list[Drop]:
    """Renderings that pass one of their own trace at a larger ratio by more than the slack."""
    slack = limits.monotone_slack
    if slack is None:
        return []
    drops: list[Drop] = []
    for trace_id, own in by_trace.items():
        fewest: int | None = None
        for ratio in sorted(own, reverse=True):
            n_tokens = own[ratio].n_tokens
            if fewest is not None and n_tokens > fewest + slack:
                detail = f"{n_tokens} tokens, a larger ratio has {fewest}"
                drops.append((trace_id, ratio, CompressionFilter.NOT_MONOTONE, detail))
            else:
                fewest = n_tokens if fewest is None else min(fewest, n_tokens)
    return drops


def _riskiest(
    by_trace: Mapping[str, Renderings], grid: Sequence[float], limits: CompressionLimits
) -> list[Drop]:
    """The riskiest renderings at each ratio, no more of them than their share; ties go in the order of traces."""
    drops: list[Drop] = []
    for ratio in grid:
        cleaning = limits.cleaning_at(ratio)
        if cleaning is None or not cleaning.max_risky_share:
            continue
        at_ratio = [(own[ratio].risk, trace_id) for trace_id, own in by_trace.items() if ratio in own]
        risky = sorted((item for item in at_ratio if item[0] > 0), key=lambda item: -item[0])
        for value, trace_id in risky[: int(cleaning.max_risky_share * len(at_ratio) + 1e-9)]:
            drops.append((trace_id, ratio, CompressionFilter.RISKIEST, f"risk {value:.2f}"))
    return drops


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


def with_answer_checked(compression: Compression, trace: Trace) -> Compression:
    """The compression with `keeps_answer` looked up in its text where it does not say.

    It stays None where the gold answer is unknown or the whole chain of thought does not state it either.
    """
    if compression.outcome == "failed" or compression.keeps_answer is not None:
        return compression
    if not trace.answer or not states_answer(trace.cot, trace.answer):
        return compression
    return compression.model_copy(update={"keeps_answer": states_answer(compression.text, trace.answer)})

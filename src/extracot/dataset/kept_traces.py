"""The traces that passed, on disk: in memory stays what the choice of rows needs, a few numbers for each."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from extracot.dataset.questions import EvaluationQuestions, SeenQuestions
from extracot.dataset.rejections import RejectionLog
from extracot.dataset.trace_filters import MeasuredTrace, TraceFilter, TraceLimits, trace_fault
from extracot.io.spool import Spool
from extracot.records.trace import Trace


@dataclass(frozen=True, slots=True)
class KeptTrace:
    """What is known of a trace without its text."""

    place: int
    """Of its record in the spool."""
    n_think_tokens: int
    """In the target model's tokenizer."""


class KeptTraces(Mapping[str, KeptTrace]):
    """Trace id to what is known of it, in the order in which they were kept."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._by_id: dict[str, KeptTrace] = {}

    def add(self, measured: MeasuredTrace) -> None:
        """Put a trace away."""
        place = self._spool.put(measured.trace.model_dump(mode="json"))
        self._by_id[measured.trace.id] = KeptTrace(place, measured.n_think_tokens)

    def drop(self, trace_id: str) -> None:
        """Forget a trace."""
        del self._by_id[trace_id]

    def read(self, trace_id: str) -> Trace:
        """The whole record."""
        return Trace.model_validate(self._spool.get(self._by_id[trace_id].place))

    def __getitem__(self, trace_id: str) -> KeptTrace:
        return self._by_id[trace_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)


def select_traces(
    measured: Iterable[MeasuredTrace],
    limits: TraceLimits,
    evaluation: EvaluationQuestions,
    seen: SeenQuestions,
    spool: Spool,
    rejections: RejectionLog,
) -> tuple[KeptTraces, Counter[TraceFilter]]:
    """Keep at most one good trace per question: the first one in the order given.

    Args:
        measured: the traces to choose from; one at a time is in memory.
        limits: of the rules.
        evaluation: questions that must not be trained on.
        seen: questions that are there already; those that are kept are added.
        spool: where the kept traces are put.
        rejections: is told every trace that is dropped.

    Returns:
        The kept traces in order, and how many each filter dropped.
    """
    kept = KeptTraces(spool)
    dropped: Counter[TraceFilter] = Counter()
    for item in measured:
        fault = trace_fault(item, limits, evaluation, seen)
        if fault is None:
            seen.add(item.trace.question)
            kept.add(item)
        else:
            dropped[fault.filter] += 1
            rejections.add(item.trace.id, None, fault.filter, fault.detail)
    return kept, dropped


def balance_lengths(kept: KeptTraces, bounds: Sequence[int], n: int, rng: random.Random) -> dict[str, int]:
    """Those that are too many where n traces shall be spread evenly over bins of lengths.

    Args:
        kept: the traces.
        bounds: think tokens, ascending; a length equal to one is in the bin above it.
        n: how many shall stay. A bin with too few gives all and the others take its part.
        rng: decides which of a bin stay.

    Returns:
        Trace id to bin of those that shall go.
    """
    bins: list[list[str]] = [[] for _ in range(len(bounds) + 1)]
    for trace_id, item in kept.items():
        bins[length_bin(item.n_think_tokens, bounds)].append(trace_id)
    excess: dict[str, int] = {}
    quotas = even_quotas([len(names) for names in bins], n)
    for index, (names, quota) in enumerate(zip(bins, quotas, strict=True)):
        stay = set(rng.sample(names, quota))
        excess.update((name, index) for name in names if name not in stay)
    return excess


def length_bin(length: int, bounds: Sequence[int]) -> int:
    """The place of the bin that a length is in."""
    return sum(length >= bound for bound in bounds)


def even_quotas(sizes: Sequence[int], n: int) -> list[int]:
    """How many to take of each group so that n come together as evenly as the sizes allow; all where n is more."""
    quotas = [0] * len(sizes)
    n_left = min(n, sum(sizes))
    for n_groups_left, index in zip(
        range(len(sizes), 0, -1), sorted(range(len(sizes)), key=lambda index: sizes[index]), strict=True
    ):  # from the smallest group on, each takes an even part of what is left
        quotas[index] = min(sizes[index], n_left // n_groups_left)
        n_left -= quotas[index]
    return quotas

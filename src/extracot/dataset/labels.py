"""What the annotations say of the kept traces: which formulas are needed, and so how hard a question is."""

from collections.abc import Callable
from dataclasses import dataclass

from extracot.dataset.compression_filters import Span, needed_formulas
from extracot.dataset.difficulty import needed_share
from extracot.dataset.kept_traces import KeptTraces
from extracot.errors import DataError
from extracot.io.jsonl import read_records
from extracot.io.spool import Spool
from extracot.records.annotation import Annotation
from extracot.text.formulas import formula_spans


@dataclass(frozen=True, slots=True)
class Labels:
    """The needed formulas of the annotated traces, on disk, and their difficulties."""

    spool: Spool
    places: dict[str, int]
    """Trace id to the place of its needed formulas."""
    difficulties: dict[str, float]
    """Trace id to the share of needed tokens, where it is known; in the order of the traces."""

    def needed(self, trace_id: str) -> list[Span]:
        """The needed formulas of a trace, ascending; empty where no annotation says."""
        if trace_id not in self.places:
            return []
        return [(start, end) for start, end in self.spool.get(self.places[trace_id])]


def read_labels(
    path: str | None, kept: KeptTraces, threshold: float, count_tokens: Callable[[str], int], spool: Spool
) -> Labels:
    """Read the usable annotations of the kept traces; no labels without a file.

    Args:
        path: a file of annotations, or None.
        kept: the traces.
        threshold: importance from which on a formula is needed.
        count_tokens: in the target model's tokenizer.
        spool: where the needed formulas are put.

    Raises:
        DataError: no annotation in the file belongs to these traces, or one trace has two.
    """
    places: dict[str, int] = {}
    difficulties: dict[str, float] = {}
    if path is None:
        return Labels(spool, places, difficulties)
    for annotation in read_records(path, Annotation):
        trace_id = annotation.trace_id
        if trace_id not in kept or annotation.outcome != "ok":
            continue
        if trace_id in places:
            raise DataError(f"{path}: trace {trace_id} is annotated twice; give one annotator's file")
        cot = kept.read(trace_id).cot
        needed = needed_formulas(formula_spans(cot), annotation, threshold)
        places[trace_id] = spool.put(needed)
        share = needed_share(cot, needed, kept[trace_id].n_think_tokens, count_tokens)
        if share is not None:
            difficulties[trace_id] = share
    if not places:
        raise DataError(
            f"{path}: holds no annotation of these traces; give the one made from the same traces"
        )
    in_order = {trace_id: difficulties[trace_id] for trace_id in kept if trace_id in difficulties}
    return Labels(spool, places, in_order)

"""The gallery of the compressor: training traces with what each ratio kept, from the runs of `compress`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from extracot.compressor.view.collect import ViewedTrace, collect_views, describe_outcome, describe_target
from extracot.errors import DataError, MissingFileError
from extracot.evaluation.report.collect import StageRun
from extracot.evaluation.report.examples.gallery import Gallery, GalleryItem, GalleryRow, Shown
from extracot.records.compression import Compression
from extracot.text.edits import keep_spans

MAX_TRACES = 100
"""Traces that are read of each run; `extracot view` shows any."""


def gather_compressions(runs: Sequence[StageRun]) -> Gallery | None:
    """The first traces of the first run of `compress`, with their compressions by it and by other such runs.

    A run whose traces are not where it read them, or that compressed other traces, is named in the note instead.
    None without any run of `compress`.
    """
    views: list[ViewedTrace] = []
    of_others: list[str] = []
    unread: list[str] = []
    for run in (run for run in runs if run.manifest.stage == "compress"):
        try:
            ids = [view.trace.id for view in views]
            found = collect_views(str(run.path), ids=ids, limit=MAX_TRACES)
        except MissingFileError as error:
            unread.append(f"{run.path} ({error})")
            continue
        except DataError as error:
            if not views:
                unread.append(f"{run.path} ({error})")
            else:
                of_others.append(str(run.path))
            continue
        if not views:
            views = found
        else:
            for view, more in zip(views, found, strict=True):
                view.compressions.extend(more.compressions)
    if not views:
        return None
    keys = list(dict.fromkeys(_row_key(record) for view in views for record in view.compressions))
    scorers = list(dict.fromkeys(scorer for scorer, _ in keys))
    rows = [
        GalleryRow(arm=scorer, asked=asked, style="main" if scorer == scorers[0] else f"other-{scorers.index(scorer)}")
        for scorer, asked in keys
    ]
    note = (
        f"Traces that the models learnt from, cut by the compressor; struck through is what it dropped. "
        f"The first {len(views)} traces of the run; extracot view shows any other."
    )
    if of_others:
        note += f" Runs that did not cut all of these traces are not shown: {', '.join(of_others)}."
    if unread:
        note += f" Not shown: {'; '.join(unread)}."
    choice = "the first, as far as the page has room and examples allows"
    return Gallery("What the compressor cut", note, rows, ["sample"], _items(views, keys), len(views), choice)


def _items(views: Sequence[ViewedTrace], keys: Sequence[tuple[str, str]]) -> Iterator[GalleryItem]:
    for view in views:
        records = view.compressions
        edited = keep_spans(view.trace.cot, [record.kept for record in records])
        yield GalleryItem(
            question=view.trace.question,
            answer=view.trace.answer,
            level=view.trace.level,
            pieces=edited.pieces,
            shown=[
                Shown(
                    row=keys.index(_row_key(record)),
                    sample=0,
                    asked=describe_target(record),
                    outcome=_outcome(record),
                    versus="",
                    facts=describe_outcome(record),
                    text=record.text,
                    visible="",
                    edits=edits if record.outcome == "ok" else None,
                )
                for record, edits in zip(records, edited.edits, strict=True)
            ],
        )


def _row_key(record: Compression) -> tuple[str, str]:
    return Path(record.scorer).name, describe_target(record)


def _outcome(record: Compression) -> str:
    if record.outcome == "failed":
        return "failed"
    return {True: "answer kept", False: "answer lost", None: "no answer stated"}[record.keeps_answer]

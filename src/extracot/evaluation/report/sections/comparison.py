"""The arms against each other: paired differences from one of them, and how far the runs are apart."""

from collections.abc import Callable, Sequence

from extracot.evaluation.metrics import Interval, PairedThinking, RowMetrics
from extracot.evaluation.report.comparison import Difference, RowByRun
from extracot.evaluation.report.results import Results
from extracot.evaluation.report.sections.parts import (
    PERCENT,
    cell,
    describe_row,
    row_heading,
    signed,
    signed_points,
    table,
)
from extracot.evaluation.table import percent
from extracot.text.markup import NOTHING, Markup, element, join, text_element


def differences_section(results: Results, differences: Sequence[Difference], run_labels: Sequence[str]) -> Markup:
    """Every arm's distance to the main arm; nothing without other arms."""
    if not differences:
        return NOTHING
    several = len(run_labels) > 1
    headings = ["", "Acc@all, points", "p", "better / worse on", "think tokens", *(run_labels if several else ())]
    rows = []
    for one in differences:
        paired, thinking = one.accuracy, one.thinking
        cells = [
            row_heading(results, one.row),
            cell(signed_points(paired.difference), _range(paired.interval, signed_points)),
            cell(_p_value(paired.p_value)),
            cell(f"{paired.n_first_better} / {paired.n_second_better}"),
            cell(signed(thinking.first_tokens - thinking.second_tokens), _times(thinking)),
        ]
        if several:
            cells += [
                cell(None) if of_run is None else cell(signed_points(of_run.accuracy), signed(of_run.think_tokens))
                for of_run in one.by_run
            ]
        is_clear = paired.interval.low > 0 or paired.interval.high < 0
        rows.append(element("tr", *cells, class_="clear" if is_clear else None))
    partners = list(dict.fromkeys(describe_row(one.reference) for one in differences))
    note = (
        f"Each row minus {', '.join(partners)}, asked the same way (the base model against its policy), on the same "
        f"questions. Small print: 95{PERCENT} intervals over questions, which do not cover the choice of seeds. p: "
        "exact sign test over the questions that differ; of many rows some are small by chance. Bold: the interval of "
        "the accuracy excludes 0. Below the think tokens: how many times as many, its interval."
    )
    if several:
        note += " The last columns are the runs one by one: points of accuracy, below them think tokens."
    return join(
        text_element("h3", f"Difference from {results.main_arm}"),
        table(headings, rows),
        text_element("p", note, class_="note"),
    )


def runs_section(results: Results, by_run: Sequence[RowByRun], run_labels: Sequence[str]) -> Markup:
    """Every row in every run; nothing for one run."""
    if len(run_labels) < 2:
        return NOTHING
    headings = ["", "Acc@all, %", "lowest – highest", "think tokens", "lowest – highest", *run_labels]
    rows = []
    for row, runs in zip(results.rows, by_run, strict=True):
        known = [one for one in runs.by_run if one is not None]
        rows.append(
            element(
                "tr",
                row_heading(results, row),
                cell(percent(row.metrics.accuracy)),
                cell(_lowest_highest([percent(one.accuracy) for one in sorted(known, key=_accuracy)])),
                cell(f"{row.metrics.mean_think_tokens:.1f}"),
                cell(_lowest_highest([f"{one.mean_think_tokens:.1f}" for one in sorted(known, key=_think)])),
                *(
                    cell(
                        None if one is None else percent(one.accuracy),
                        None if one is None else f"{one.mean_think_tokens:.1f}",
                    )
                    for one in runs.by_run
                ),
            )
        )
    note = "Each run by itself: Acc@all in %, below it the mean think tokens. A row that a run did not ask is –."
    return join(text_element("h3", "Run by run"), table(headings, rows), text_element("p", note, class_="note"))


def _range(interval: Interval, show: Callable[[float], str]) -> str:
    return f"{show(interval.low)} to {show(interval.high)}"


def _times(thinking: PairedThinking) -> str | None:
    """How many times as many tokens, with the interval."""
    if thinking.ratio is None:
        return None
    if thinking.interval is None:
        return f"× {thinking.ratio:.2f}"
    return f"× {thinking.interval.low:.2f} – {thinking.interval.high:.2f}"


def _p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _lowest_highest(ascending: Sequence[str]) -> str:
    return ascending[0] if len(set(ascending)) == 1 else f"{ascending[0]} – {ascending[-1]}"


def _accuracy(row: RowMetrics) -> float:
    return row.accuracy


def _think(row: RowMetrics) -> float:
    return row.mean_think_tokens

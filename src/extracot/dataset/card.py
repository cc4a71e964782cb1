"""The data card: what went in, what each filter took, what came out, and one question at every ratio."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from extracot.dataset.filters import CompressionFilter, TraceFilter
from extracot.dataset.mixing import Queue
from extracot.records.sft_example import SftExample

BIN_WIDTH = 0.05
"""Of the histogram of actual ratios."""
_N_EXAMPLE_CHARS = 600


@dataclass(frozen=True, slots=True)
class Row:
    """An example of the set with what is known about it."""

    example: SftExample
    actual_ratio: float
    """Think tokens of this rendering over those of the whole."""
    difficulty: float | None
    """Share of needed tokens; None where it is unknown."""


def build_card(
    grid: Sequence[float],
    n_traces: int,
    n_kept_traces: int,
    trace_counts: Mapping[TraceFilter, int],
    compression_counts: Mapping[tuple[CompressionFilter, float], int],
    n_usable: Mapping[float, int],
    only_counted: frozenset[CompressionFilter],
    rows: Sequence[Row],
) -> dict[str, Any]:
    """Everything that the card says, as plain JSON; ratios are keys with two decimals, as in "0.20"."""
    keys = {ratio: ratio_key(ratio) for ratio in grid}
    return {
        "grid": list(grid),
        "n_traces": n_traces,
        "n_traces_kept": n_kept_traces,
        "dropped_traces": {name.value: trace_counts.get(name, 0) for name in TraceFilter},
        "compression_faults": {
            name.value: {key: compression_counts.get((name, ratio), 0) for ratio, key in keys.items()}
            for name in CompressionFilter
        },
        "faults_only_counted": sorted(name.value for name in only_counted),
        "n_usable": {key: n_usable.get(ratio, 0) for ratio, key in keys.items()},
        "n_rows": len(rows),
        "n_questions": len({row.example.problem_id for row in rows}),
        "fixed": {key: _describe(rows, "fixed", ratio) for ratio, key in keys.items()},
        "policy": {key: _describe(rows, "policy", ratio) for ratio, key in keys.items()},
        "actual_ratio_histogram": {
            "bin_width": BIN_WIDTH,
            "counts": {
                key: _histogram([row.actual_ratio for row in rows if row.example.target_ratio == ratio])
                for ratio, key in keys.items()
            },
        },
        "n_prompt_tokens": sum(row.example.n_prompt_tokens for row in rows),
        "n_completion_tokens": sum(row.example.n_completion_tokens for row in rows),
        "longest_row_tokens": max(
            (row.example.n_prompt_tokens + row.example.n_completion_tokens for row in rows), default=0
        ),
    }


def ratio_key(ratio: float) -> str:
    """The ratio as a key: "0.20"."""
    return f"{ratio:.2f}"


def _describe(rows: Sequence[Row], queue: Queue, ratio: float) -> dict[str, float | int | None]:
    chosen = [row for row in rows if row.example.queue == queue and row.example.target_ratio == ratio]
    difficulties = [row.difficulty for row in chosen if row.difficulty is not None]
    if not chosen:
        return {
            "n": 0,
            "actual_ratio": None,
            "ratio_error": None,
            "completion_tokens": None,
            "difficulty": None,
        }
    return {
        "n": len(chosen),
        "actual_ratio": round(fmean(row.actual_ratio for row in chosen), 4),
        "ratio_error": round(fmean(abs(row.actual_ratio - ratio) for row in chosen), 4),
        "completion_tokens": median(row.example.n_completion_tokens for row in chosen),
        "difficulty": round(fmean(difficulties), 4) if difficulties else None,
    }


def _histogram(values: Sequence[float]) -> dict[str, int]:
    """Lower bin edge to count, ascending, empty bins left out; a value on an edge is in the bin above."""
    bins = Counter(math.floor(value / BIN_WIDTH + 1e-9) for value in values)
    return {ratio_key(index * BIN_WIDTH): bins[index] for index in sorted(bins)}


def card_markdown(card: Mapping[str, Any], example_rows: Sequence[Row]) -> str:
    """The card for people.

    Args:
        card: as `build_card` makes it.
        example_rows: renderings of one question, shown from short to long.
    """
    ratios = list(card["n_usable"])
    counted = card["faults_only_counted"]
    lines = [
        "# Data card of the SFT set",
        "",
        f"{card['n_rows']} rows on {card['n_questions']} questions; {card['n_prompt_tokens']} prompt tokens, "
        f"{card['n_completion_tokens']} completion tokens, longest row {card['longest_row_tokens']} tokens.",
        "",
        "## Traces",
        "",
        f"{card['n_traces']} read, {card['n_traces_kept']} kept. A trace counts at its first filter.",
        "",
        *_table(["filter", "dropped"], [[name, n] for name, n in card["dropped_traces"].items()]),
        "",
        "## Compressions of the kept traces",
        "",
        "A compression is counted under every fault that it has."
        + (f" Counted but not dropped: {', '.join(counted)}." if counted else ""),
        "",
        *_table(
            ["fault", *ratios],
            [[name, *by_ratio.values()] for name, by_ratio in card["compression_faults"].items()]
            + [["**usable**", *card["n_usable"].values()]],
        ),
        "",
    ]
    for queue, what in (
        ("fixed", "The prompt names the ratio"),
        ("policy", "The completion chooses the ratio"),
    ):
        lines += [
            f"## {queue.capitalize()} queue",
            "",
            f"{what}. Error: mean distance of the actual from the target ratio. Difficulty: mean share of "
            "think tokens that needed formulas take.",
            "",
            *_table(
                ["ratio", "rows", "actual ratio", "error", "median completion tokens", "difficulty"],
                [
                    [ratio, *("–" if v is None else v for v in own.values())]
                    for ratio, own in card[queue].items()
                ],
            ),
            "",
        ]
    histogram = card["actual_ratio_histogram"]["counts"]
    bins = sorted({edge for counts in histogram.values() for edge in counts})
    lines += [
        "## Actual ratios",
        "",
        f"Rows per bin of width {BIN_WIDTH}, lower edge given, one column per target ratio.",
        "",
        *_table(["from", *ratios], [[edge, *(histogram[r].get(edge, "") for r in ratios)] for edge in bins]),
        "",
    ]
    if example_rows:
        lines += ["## One question at every ratio", ""]
        for row in sorted(example_rows, key=lambda row: row.example.target_ratio):
            shown = row.example.completion
            shown = shown if len(shown) <= _N_EXAMPLE_CHARS else shown[:_N_EXAMPLE_CHARS] + " […]"
            lines += [f"Actual ratio {row.actual_ratio:.2f}:", "", "````text", shown, "````", ""]
    return "\n".join(lines)


def _table(head: Sequence[object], body: Sequence[Sequence[object]]) -> list[str]:
    rows = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]

"""The data card: what went in, what each filter took, what came out, and one question at every ratio."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from extracot.dataset.compression_filters import FAULTS, CompressionFilter, Fault
from extracot.dataset.mixing import Queue
from extracot.dataset.trace_filters import TraceFilter
from extracot.records.sft_example import SftExample

BIN_WIDTH = 0.05
"""Of the histogram of actual ratios."""
LENGTH_EDGES = (0, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
"""Think tokens at which the bins of the histogram of lengths begin."""
QUEUES: tuple[Queue, ...] = ("fixed", "policy")
_N_EXAMPLE_CHARS = 600
_N_LEAKS = 20


@dataclass(slots=True)
class _Cell:
    """The rows of one queue at one ratio, as figures."""

    actual_ratios: "array[float]" = field(default_factory=lambda: array("d"))
    completion_tokens: "array[int]" = field(default_factory=lambda: array("q"))
    difficulties: "array[float]" = field(default_factory=lambda: array("d"))


class RowTally:
    """What the card says of the rows, gathered row by row; no text stays but that of the example question."""

    def __init__(self, grid: Sequence[float], shown_problem: str | None) -> None:
        """
        Args:
            grid: ratios of the set.
            shown_problem: whose fixed rows are shown as examples; None shows none.
        """
        self._cells = {(queue, ratio): _Cell() for queue in QUEUES for ratio in grid}
        self._ratios: dict[float, Counter[int]] = {ratio: Counter() for ratio in grid}
        self._lengths: dict[float, Counter[int]] = {ratio: Counter() for ratio in grid}
        self._problems: set[str] = set()
        self._shown_problem = shown_problem
        self.n_rows = self.n_prompt_tokens = self.n_completion_tokens = self.longest_row_tokens = 0
        self.examples: list[tuple[float, float, str]] = []
        """Target ratio, actual ratio and completion of the rows that are shown."""

    def add(self, example: SftExample, actual_ratio: float, n_think_tokens: int, difficulty: float | None) -> None:
        """One row, with the tokens of its think block and the share of needed tokens where it is known."""
        ratio = example.target_ratio
        cell = self._cells[example.queue, ratio]
        cell.actual_ratios.append(actual_ratio)
        cell.completion_tokens.append(example.n_completion_tokens)
        if difficulty is not None:
            cell.difficulties.append(difficulty)
        self._ratios[ratio][math.floor(actual_ratio / BIN_WIDTH + 1e-9)] += 1
        self._lengths[ratio][max(edge for edge in LENGTH_EDGES if edge <= n_think_tokens)] += 1
        self._problems.add(example.problem_id)
        self.n_rows += 1
        self.n_prompt_tokens += example.n_prompt_tokens
        self.n_completion_tokens += example.n_completion_tokens
        n_row_tokens = example.n_prompt_tokens + example.n_completion_tokens
        self.longest_row_tokens = max(self.longest_row_tokens, n_row_tokens)
        if example.queue == "fixed" and example.problem_id == self._shown_problem:
            self.examples.append((ratio, actual_ratio, example.completion))

    @property
    def n_questions(self) -> int:
        return len(self._problems)

    def actual_ratios(self, ratio: float) -> dict[str, int]:
        """Lower bin edge to count, ascending, empty bins left out; a value on an edge is in the bin above."""
        bins = self._ratios[ratio]
        return {ratio_key(index * BIN_WIDTH): bins[index] for index in sorted(bins)}

    def lengths(self, ratio: float) -> dict[str, int]:
        """Least think tokens of a bin to count, ascending, empty bins left out."""
        return {str(edge): self._lengths[ratio][edge] for edge in sorted(self._lengths[ratio])}

    def describe(self, queue: Queue, ratio: float) -> dict[str, float | int | None]:
        """The figures of one queue at one ratio."""
        cell = self._cells[queue, ratio]
        if not cell.actual_ratios:
            return {
                "n": 0,
                "actual_ratio": None,
                "ratio_error": None,
                "completion_tokens": None,
                "difficulty": None,
            }
        return {
            "n": len(cell.actual_ratios),
            "actual_ratio": round(fmean(cell.actual_ratios), 4),
            "ratio_error": round(fmean(abs(actual - ratio) for actual in cell.actual_ratios), 4),
            "completion_tokens": median(cell.completion_tokens),
            "difficulty": round(fmean(cell.difficulties), 4) if cell.difficulties else None,
        }


def build_card(
    grid: Sequence[float],
    n_traces: int,
    n_kept_traces: int,
    trace_counts: Mapping[TraceFilter, int],
    compression_counts: Mapping[tuple[Fault, float], int],
    n_usable: Mapping[float, int],
    only_counted: frozenset[CompressionFilter],
    leaks: Sequence[str],
    chat_renders_alike: bool,
    rows: RowTally,
) -> dict[str, Any]:
    """Everything that the card says, as plain JSON; ratios are keys with two decimals, as in "0.20"."""
    keys = {ratio: ratio_key(ratio) for ratio in grid}
    return {
        "grid": list(grid),
        "n_traces": n_traces,
        "n_traces_kept": n_kept_traces,
        "dropped_traces": {name.value: trace_counts.get(name, 0) for name in TraceFilter},
        "leaks": list(leaks),
        "compression_faults": {
            name.value: {key: compression_counts.get((name, ratio), 0) for ratio, key in keys.items()}
            for name in FAULTS
        },
        "faults_only_counted": sorted(name.value for name in only_counted),
        "n_usable": {key: n_usable.get(ratio, 0) for ratio, key in keys.items()},
        "n_rows": rows.n_rows,
        "n_questions": rows.n_questions,
        "fixed": {key: rows.describe("fixed", ratio) for ratio, key in keys.items()},
        "policy": {key: rows.describe("policy", ratio) for ratio, key in keys.items()},
        "actual_ratio_histogram": {
            "bin_width": BIN_WIDTH,
            "counts": {key: rows.actual_ratios(ratio) for ratio, key in keys.items()},
        },
        "think_tokens_histogram": {
            "edges": list(LENGTH_EDGES),
            "counts": {key: rows.lengths(ratio) for ratio, key in keys.items()},
        },
        "chat_renders_alike": chat_renders_alike,
        "n_prompt_tokens": rows.n_prompt_tokens,
        "n_completion_tokens": rows.n_completion_tokens,
        "longest_row_tokens": rows.longest_row_tokens,
    }


def ratio_key(ratio: float) -> str:
    """The ratio as a key: "0.20"."""
    return f"{ratio:.2f}"


def card_markdown(card: Mapping[str, Any], examples: Sequence[tuple[float, float, str]]) -> str:
    """The card for people.

    Args:
        card: as `build_card` makes it.
        examples: target ratio, actual ratio and completion of one question's rows, shown from short to long.
    """
    ratios = list(card["n_usable"])
    counted = card["faults_only_counted"]
    lines = [
        "# Data card of the SFT set",
        "",
        f"{card['n_rows']} rows on {card['n_questions']} questions; {card['n_prompt_tokens']} prompt tokens, "
        f"{card['n_completion_tokens']} completion tokens, longest row {card['longest_row_tokens']} tokens.",
        "",
        "![What the filters took, lengths and actual ratios](card.svg)",
        "",
        "`sft.jsonl` holds the rows as the chat template renders them, `chat.jsonl` and `chat.parquet` hold them as "
        + (
            "turns, which this model's chat template renders alike."
            if card["chat_renders_alike"]
            else "turns, which **this model's chat template renders otherwise**: train on `sft.jsonl`."
        ),
        "",
        "## Traces",
        "",
        f"{card['n_traces']} read, {card['n_traces_kept']} kept. A trace counts at its first filter; "
        "`rejections.jsonl` says of each one why.",
        "",
        *_table(["filter", "dropped"], [[name, n] for name, n in card["dropped_traces"].items()]),
        "",
        *_leak_lines(card["leaks"]),
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
    lines += _histogram_lines(
        "Actual ratios",
        f"Rows per bin of width {BIN_WIDTH}, lower edge given, one column per target ratio.",
        card["actual_ratio_histogram"]["counts"],
    )
    lines += _histogram_lines(
        "Think tokens",
        "Rows per bin of think tokens, lower edge given, one column per target ratio.",
        card["think_tokens_histogram"]["counts"],
    )
    if examples:
        lines += ["## One question at every ratio", ""]
        for _, actual_ratio, completion in sorted(examples, key=lambda example: example[0]):
            shown = completion
            shown = shown if len(shown) <= _N_EXAMPLE_CHARS else shown[:_N_EXAMPLE_CHARS] + " […]"
            lines += [f"Actual ratio {actual_ratio:.2f}:", "", "````text", shown, "````", ""]
    return "\n".join(lines)


def _leak_lines(leaks: Sequence[str]) -> list[str]:
    if not leaks:
        return []
    shown = [f"- {leak}" for leak in leaks[:_N_LEAKS]]
    more = [f"- and {len(leaks) - _N_LEAKS} more, see `rejections.jsonl`"] if len(leaks) > _N_LEAKS else []
    return ["Questions of evaluation sets among them, all dropped:", "", *shown, *more, ""]


def _histogram_lines(title: str, what: str, by_ratio: Mapping[str, Mapping[str, int]]) -> list[str]:
    """One row per bin that any ratio has, one column per ratio."""
    bins = sorted({edge for counts in by_ratio.values() for edge in counts}, key=float)
    body = [[edge, *(counts.get(edge, "") for counts in by_ratio.values())] for edge in bins]
    return [f"## {title}", "", what, "", *_table(["from", *by_ratio], body), ""]


def _table(head: Sequence[object], body: Sequence[Sequence[object]]) -> list[str]:
    rows = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]

"""What the benchmarks print: Markdown tables, and the same figures as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Cell = str | int | float | None


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Cell]], digits: int = 1) -> str:
    """A Markdown table: text to the left, figures to the right with so many decimals; None is a dash."""
    texts = [[_text(cell, digits) for cell in row] for row in rows]
    is_figure = [all(not isinstance(row[column], str) for row in rows) and bool(rows) for column in range(len(header))]
    widths = [max(3, *(len(row[column]) for row in [list(header), *texts])) for column in range(len(header))]
    rule = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, is_figure, strict=True)]
    lines = [
        [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_figure, strict=True)
        ]
        for row in [list(header), rule, *texts]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(cell: Cell, digits: int) -> str:
    if cell is None:
        return "–"
    return f"{cell:.{digits}f}" if isinstance(cell, float) else str(cell)


def write_json(path: str | None, figures: Mapping[str, Any]) -> None:
    """Write the figures where a path is given."""
    if path is not None:
        Path(path).write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

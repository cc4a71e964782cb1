"""What `extracot compress FILE` was given, where that is no file of traces and no config."""

import json
from pathlib import Path

from extracot.errors import UsageError


def refuse_what_holds_no_traces(name: str) -> None:
    """Say what to give instead of a folder, or of a file that is neither JSON lines nor a config; pass over the rest.

    Raises:
        UsageError: says what it is and how to fix it.
    """
    path = Path(name)
    if path.is_dir():
        found = [path / "records" / "traces.jsonl", *sorted(path.glob("*.jsonl")), *sorted(path.glob("*.jsonl.gz"))]
        there = [str(file) for file in found if file.is_file()]
        what = f"as {', '.join(there[:3])}" if there else "a .jsonl or .jsonl.gz, and there is none in it"
        raise UsageError(f"{name} is a folder; compress takes one file of traces, {what}")
    if not path.is_file():
        return
    if path.suffix == ".json":
        kind = _kind_of(path)
        if kind == "array":
            raise UsageError(
                f"{name} is one JSON array; compress takes one object a line: "
                f"jq -c '.[]' {name} > {path.with_suffix('.jsonl')}"
            )
        if kind == "lines":
            raise UsageError(f"{name} holds one object a line; name it {path.with_suffix('.jsonl')}")
    elif path.suffix not in (".yaml", ".yml", ""):
        raise UsageError(f"{name}: compress takes traces as .jsonl or .jsonl.gz, or a config as .yaml; convert it")


def _kind_of(path: Path) -> str:
    """What a `.json` file holds: an "array", JSON "lines", or something "else"."""
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if text.startswith("["):
        return "array"
    first, _, rest = text.partition("\n")
    try:
        row = json.loads(first)
    except ValueError:
        return "else"
    is_trace = isinstance(row, dict) and ("cot" in row or "question" in row)
    return "lines" if is_trace or rest.startswith("{") else "else"

"""`extracot compress -` and `--text`: from stdin to stdout, no run directory."""

import argparse
import sys
from typing import TYPE_CHECKING

from extracot.errors import UsageError

if TYPE_CHECKING:
    from extracot.compressor.config import CompressConfig


def run_filter_command(options: argparse.Namespace, config: "CompressConfig") -> int:
    """Filter as the parsed options say; returns 0, or raises what stopped it."""
    unfit = [flag for flag in ("out", "resume", "overwrite", "scores") if getattr(options, flag)]
    if unfit or config.scores:
        flag = unfit[0] if unfit else "scores"
        raise UsageError(f"--{flag} needs a run directory: name a .jsonl file of traces instead of - or --text")
    from extracot.compressor.filter import filter_text, filter_traces

    if options.text:
        record = filter_text(config, options.question or "", options.answer)
        sys.stdout.buffer.write(record.text.encode() + b"\n")
        sys.stdout.buffer.flush()
        _say(
            f"{record.n_tokens} of {record.n_original_tokens} tokens ({record.actual_ratio:.3f}), "
            f"{record.n_formulas_kept} of {record.n_formulas} formulas"
        )
        return 0
    for line in filter_traces(config, sys.stdout.buffer, _say).lines():
        _say(line)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

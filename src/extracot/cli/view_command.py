"""`extracot view`: what a run of `compress` kept and dropped."""

import argparse
import os
import sys
from pathlib import Path

from extracot.errors import UsageError


def run_view_command(options: argparse.Namespace) -> int:
    """Print the view, or write it as HTML and print its path; returns 0, what is wrong is raised."""
    if options.limit < 1:
        raise UsageError(f"--limit {options.limit} shows nothing; give 1 or more")
    from extracot.compressor.view.collect import collect_views

    views = collect_views(options.run, options.traces, options.id or (), options.limit)
    if options.html is not None:
        from extracot.compressor.view.page import render_page
        from extracot.io.atomic import write_text_atomic

        write_text_atomic(options.html, render_page(f"Kept and dropped: {Path(options.run)}", views))
        print(options.html)
        return 0
    from extracot.compressor.view.terminal import render_terminal

    for block in render_terminal(views, is_coloured()):
        sys.stdout.write(block)
    return 0


def is_coloured() -> bool:
    """Whether stdout is a terminal that takes ANSI codes, and nobody asked for none (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

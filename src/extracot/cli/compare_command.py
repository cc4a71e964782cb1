"""`extracot compare`: evaluations, row against row."""

import argparse
import sys
from typing import TYPE_CHECKING

from extracot.errors import UsageError

if TYPE_CHECKING:
    from extracot.cli.main import _Parser

_EPILOG = """\
A row is RUN:arm@mode, where mode is base, policy or a ratio; RUN:arm is all rows of an arm, RUN all rows of a run.
The first is the baseline of all others. A single row is compared with every row given, else rows of one name:

  extracot compare runs/before runs/after
  extracot compare runs/demo/17-evaluation:base runs/demo/17-evaluation:extracot"""


def add_compare_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add the command."""
    does = "compare finished evaluations question by question"
    compare = commands.add_parser(
        "compare",
        help=does,
        description=does,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument("runs", nargs="+", metavar="RUN[:ARM[@MODE]]", help="two or more runs of evaluate, or rows")
    compare.add_argument("--by-level", action="store_true", help="also each difficulty by itself")
    form = compare.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="full precision, for programs")
    form.add_argument("--csv", action="store_true", help="the same as CSV")
    form.add_argument("--markdown", action="store_true", help="the table for a paper or a pull request")
    compare.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run_compare_command(options: argparse.Namespace) -> int:
    """Print the comparison; what stands in its way goes into it, and with --csv to stderr. Returns 0."""
    if len(options.runs) < 2:
        raise UsageError("one run has nothing to be compared with; give two or more, or rows of one: RUN:arm@mode")
    from extracot.evaluation.compare import render
    from extracot.evaluation.compare.comparison import compare, find_obstacles
    from extracot.evaluation.compare.selection import read_selection

    selections = [read_selection(text) for text in options.runs]
    comparisons, obstacles = compare(selections, options.by_level), find_obstacles(selections)
    if options.csv:
        for obstacle in obstacles:
            print(f"not measured alike: {obstacle}", file=sys.stderr)
        sys.stdout.write(render.render_csv(comparisons))
        return 0
    if options.json:
        sys.stdout.write(render.render_json(comparisons, obstacles))
    elif options.markdown:
        sys.stdout.write(render.render_markdown(comparisons, obstacles))
    else:
        sys.stdout.write(render.render_plain(comparisons, obstacles))
    return 0

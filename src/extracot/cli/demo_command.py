"""`extracot demo`: `extracot pipeline toy-demo --out runs/demo --resume`, with words before and after."""

import argparse
import sys
from pathlib import Path

from extracot.cli.stage_command import run_stage_command
from extracot.io.config import load_config
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.demo import FULL, QUICK, conclude, introduce, report_page
from extracot.pipeline.run import resolve_steps


def run_demo_command(options: argparse.Namespace) -> int:
    """Run or continue the demo; the path of its report is the last line on stdout."""
    from extracot.cli.main import build_parser

    demo = QUICK if options.quick else FULL
    out = Path(options.out or demo.folder)
    steps = resolve_steps(load_config(PipelineConfig, demo.recipe, stage="pipeline"), out)
    print(introduce(demo, steps), end="\n\n", file=sys.stderr, flush=True)
    flags = [flag for flag, is_given in (("--dry-run", options.dry_run), ("--debug", options.debug)) if is_given]
    command = ["pipeline", demo.recipe, "--out", str(out), "--resume", *flags]
    try:
        code = run_stage_command(build_parser().parse_args(command))
    except KeyboardInterrupt as error:  # elsewhere the hint is --resume, which this command does by itself
        raise KeyboardInterrupt("the same command goes on") from error
    if not options.dry_run:
        print(f"\n{conclude(demo, steps)}\n{report_page(steps)}")
    return code

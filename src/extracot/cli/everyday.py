"""The commands beside the stages: `demo`, `doctor` and `completion`."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extracot.cli.main import _Parser

EVERYDAY = ("demo", "doctor", "completion")
"""Their names."""


def add_everyday_parsers(commands: "argparse._SubParsersAction[_Parser]") -> None:
    """Add them to the commands."""
    does = "the whole method in the toy world, on a CPU; the same command goes on where it stopped"
    demo = commands.add_parser("demo", help=does, description=does)
    demo.add_argument("--quick", action="store_true", help="a handful of problems: proves that it runs, nothing else")
    demo.add_argument("--out", metavar="DIR", help="the run directory (default: runs/demo, or runs/demo-quick)")
    demo.add_argument("--dry-run", action="store_true", help="say what would happen, stop")

    does = "what is installed, what this machine has, what works, and what to type where something does not"
    doctor = commands.add_parser("doctor", help=does, description=does)
    doctor.add_argument("--json", action="store_true", help="the same for programs")

    does = "print a script that completes commands, options and presets"
    completion = commands.add_parser(
        "completion", help=does, description=does, epilog='for bash, in ~/.bashrc: eval "$(extracot completion bash)"'
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script")

    for parser in (demo, doctor, completion):
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run_everyday_command(options: argparse.Namespace) -> int:
    """Run one of them and return its exit code: of `doctor` 1 where something required is missing or broken."""
    if options.command == "demo":
        from extracot.cli.demo_command import run_demo_command

        return run_demo_command(options)
    if options.command == "doctor":
        return _run_doctor(options.json)
    from extracot.cli.completion import completion_script
    from extracot.cli.main import build_parser

    sys.stdout.write(completion_script(build_parser(), options.shell))
    return 0


def _run_doctor(is_json: bool) -> int:
    from extracot.doctor.checkup import examine

    checkup = examine()
    if is_json:
        import json
        from dataclasses import asdict

        print(json.dumps({**asdict(checkup), "is_well": checkup.is_well}, indent=2, ensure_ascii=False))
    else:
        from extracot.doctor.page import render_checkup

        sys.stdout.write(render_checkup(checkup))
    return 0 if checkup.is_well else 1

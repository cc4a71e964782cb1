"""`extracot`: one sub-command per stage, all with the same options; `view` shows compressions, `config` presets,
and `demo`, `doctor` and `completion` are for every day.

stdout carries the result, the path of the run; progress goes to stderr. Exit codes: 0 done, 1 failed, 2 bad
usage or config, 130 interrupted.
"""

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import extracot
from extracot.cli.compare_command import add_compare_parser
from extracot.cli.everyday import EVERYDAY, add_everyday_parsers
from extracot.errors import ExtracotError, UsageError

if TYPE_CHECKING:
    from extracot.pipeline.stages import Stage


class _Parser(argparse.ArgumentParser):
    """Reports bad usage as our own one-line error, and takes no abbreviated flags."""

    stage: "Stage | None" = None
    """Whose keys the help lists, where the command is a stage."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def format_help(self) -> str:
        if self.stage is None:
            return super().format_help()
        from extracot.cli.key_help import describe_keys

        return f"{super().format_help()}\n{describe_keys(self.stage.config_class())}\n"

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}{self._near_flag(message)}; see: {self.prog} --help")

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As argparse's, but an unknown flag is refused where it was given: the command then names its own nearest."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def _near_flag(self, message: str) -> str:
        """What an unknown flag may have meant, or ""."""
        word = next((word for word in message.split() if word.startswith("--")), None)
        if word is None or not message.startswith("unrecognized"):
            return ""
        from extracot.io.nearest import did_you_mean

        return did_you_mean(word.partition("=")[0], [flag for flag in self._option_string_actions if flag[:2] == "--"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` defaults to the process's own."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given
    try:
        return _dispatch(given)
    except ExtracotError as error:
        _report(str(error), is_debug)
        return error.exit_code
    except BrokenPipeError:
        # The reader of a table went away, as `head` does. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        _report(f"interrupted; {str(error) or 'go on with --resume'}", is_debug)
        return 130
    except Exception as error:  # a bug, or a machine out of disk or memory: still one line unless asked
        hint = "" if is_debug else " (run again with --debug for the traceback)"
        _report(f"{type(error).__name__}: {error}{hint}", is_debug)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command; imports no stage."""
    from extracot.pipeline.stages import STAGES

    parser = _Parser(
        prog="extracot",
        description="Extreme-ratio chain-of-thought compression: one reasoning model with a budget knob.",
        epilog="New here? `extracot doctor` says what works on this machine, `extracot demo` shows the whole method.",
    )
    parser.add_argument("--version", action="version", version=f"extracot {extracot.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    for stage in STAGES.values():
        stage_parser = commands.add_parser(stage.name, help=stage.does, description=stage.does)
        stage_parser.stage = stage
        _add_stage_options(stage_parser)
        if stage.name == "compress":
            _add_compress_options(stage_parser)
        if stage.name == "export":
            stage_parser.epilog = "The argument may also be the model's folder: extracot export runs/chrpo/model"
    _add_view_parser(commands)
    add_compare_parser(commands)
    add_everyday_parsers(commands)
    config_parser = commands.add_parser("config", help="list, show and check presets and config files")
    actions = config_parser.add_subparsers(dest="action", metavar="action", required=True)
    actions.add_parser("list", help="every preset with its stage")
    show = actions.add_parser("show", help="every key of a preset or file, resolved")
    show.add_argument("preset", help="a preset's name, or a config file")
    check = actions.add_parser("check", help="say whether a config file is valid")
    check.add_argument("file", help="a .yaml file with a top key `stage`")
    launch = actions.add_parser("launch", help="where the settings for `accelerate launch` on several GPUs are")
    launch.add_argument("name", nargs="?", help="fsdp2 or zero3; without it all of them")
    actions.add_parser("benchmarks", help="the benchmarks that `problems` takes by name, their sources and licences")
    for action in (show, check, launch):
        action.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _add_view_parser(commands: "argparse._SubParsersAction[_Parser]") -> None:
    does = "show what a run of compress kept and dropped, here or as one HTML file"
    view = commands.add_parser("view", help=does, description=does)
    view.add_argument("run", help="a run of compress, or a .jsonl of compressions")
    view.add_argument("--traces", metavar="FILE", help="the traces (default: those that the run's config names)")
    which = view.add_mutually_exclusive_group()
    which.add_argument("--id", nargs="+", metavar="TRACE", help="show these traces")
    which.add_argument("--limit", type=int, default=10, metavar="N", help="show the first N (default: 10)")
    view.add_argument("--html", metavar="FILE", help="write one self-contained page instead")
    view.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _add_stage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "preset", nargs="?", help="a preset's name or a .yaml file; without it the stage's defaults"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="override values, read as YAML; a dotted key reaches inside",
    )
    parser.add_argument("--out", metavar="DIR", help="the run directory (default: runs/<preset or stage>)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="go on with an unfinished run of the same config")
    how.add_argument("--overwrite", action="store_true", help="delete what an earlier run left in DIR")
    parser.add_argument(
        "--dry-run", action="store_true", help="check config and inputs, print the plan, stop"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


_COMPRESS_HELP = """\
The argument may also be a .jsonl or .jsonl.gz of traces ({question, cot, answer} rows), or - for stdin:

  extracot compress traces.jsonl --ratios 0.2 0.4 --out runs/short
  cat traces.jsonl | extracot compress - --ratios 0.2 > short.jsonl
  extracot compress - --text --question "How many?" --ratios 0.2 < cot.txt

A row needs a question and a cot; --set with_question=false does without questions. Without an answer the last box or
"the answer is" of the cot stays. A line that is no such row becomes a failed record and stops nothing.

From stdin there is no run directory: records, or with --text the one text, go to stdout, the rest to stderr.
Records go out batch by batch; --set batch_size=1 sends each at once."""


def _add_compress_options(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _COMPRESS_HELP
    group = parser.add_argument_group("short for --set")
    targets = group.add_mutually_exclusive_group()
    targets.add_argument("--ratios", nargs="+", type=float, metavar="R", help="target ratios, in (0, 1]")
    targets.add_argument(
        "--threshold", type=float, metavar="P", help="keep units that score at least this, in [0, 1]; no ratio"
    )
    group.add_argument(
        "--scorer", metavar="NAME", help="who ranks the units: encoder (the default), slice, generic, random"
    )
    group.add_argument(
        "--tokenizer", metavar="NAME", help="the tokenizer that counts, as a model name or folder"
    )
    group.add_argument("--model", metavar="FOLDER", help="a trained compressor (default: the packaged one)")
    group.add_argument("--workers", type=int, metavar="N", help="processes; the records are the same")
    group.add_argument(
        "--scores", action="store_true", default=None, help="also write every unit's span and score"
    )
    text = parser.add_argument_group("one plain text, to stdout")
    text.add_argument("--text", action="store_true", help="the argument is a file (- for stdin) of one plain text")
    text.add_argument("--question", metavar="TEXT", help="what the text answers")
    text.add_argument("--answer", metavar="TEXT", help="its answer, which then stays")


def _dispatch(given: list[str]) -> int:
    parser = build_parser()
    if not given:
        parser.print_help()
        return 2
    _refuse_unknown_command(given[0])
    try:
        options = parser.parse_args(given)
    except SystemExit as done:  # --help and --version have printed what they had to say
        return int(done.code or 0)
    if options.command == "config":
        from extracot.cli.config_command import run_config_command

        return run_config_command(options)
    if options.command == "view":
        from extracot.cli.view_command import run_view_command

        return run_view_command(options)
    if options.command == "compare":
        from extracot.cli.compare_command import run_compare_command

        return run_compare_command(options)
    if options.command in EVERYDAY:
        from extracot.cli.everyday import run_everyday_command

        return run_everyday_command(options)
    from extracot.cli.stage_command import run_stage_command

    return run_stage_command(options)


def _refuse_unknown_command(word: str) -> None:
    from extracot.io.nearest import did_you_mean
    from extracot.pipeline.stages import STAGES

    known = [*STAGES, "view", "compare", "config", *EVERYDAY]
    if not word.startswith("-") and word not in known:
        near = did_you_mean(word, known)
        raise UsageError(f"no command is called {word!r}{near or '; commands: ' + ', '.join(known)}")


def _report(message: str, is_debug: bool) -> None:
    if is_debug:
        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        print(f"extracot: error: {' '.join(message.split())}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

"""`extracot completion bash | zsh | fish`: a script that completes commands, options, presets and files.

The script is written from the parser by shtab and knows the presets of this version; nothing of extracot runs while one
types. Keys of `--set` are not completed: a shell splits words at `=`.
"""

import argparse
import shlex
from collections.abc import Iterator

from extracot.io.config import PRESETS_FOLDER, list_presets, read_config
from extracot.pipeline.stages import STAGES

SHELLS = ("bash", "zsh", "fish")


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """What the shell should evaluate.

    Args:
        parser: that of every command; its actions are marked with what completes them.
        shell: one of `SHELLS`.
    """
    import shtab

    presets = presets_by_stage()
    for words, action in _actions_of(parser):
        if action.dest == "preset":
            names = presets.get(words[-1], []) if words[-1] in STAGES else list_presets()
            _complete_by(action, names, "_".join(("_extracot_presets", *words)).replace("-", "_"))
        elif words == ("config", "launch") and action.dest == "name":
            action.choices = sorted(path.stem for path in (PRESETS_FOLDER / "launch").glob("*.yaml"))
        elif action.dest == "out":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # that is where shtab looks
        elif action.dest in ("run", "runs", "file", "traces", "html"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))


def presets_by_stage() -> dict[str, list[str]]:
    """Names of the packaged presets that each stage takes; a stage that takes another's configs has those as well."""
    by_stage: dict[str, list[str]] = {}
    for name in list_presets():
        by_stage.setdefault(str(read_config(name)["stage"]), []).append(name)
    for stage in STAGES.values():
        if stage.takes_configs_of is not None:
            own = by_stage.get(stage.name, [])
            by_stage[stage.name] = sorted({*own, *by_stage.get(stage.takes_configs_of, [])})
    return by_stage


def _actions_of(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.Action]]:
    """Every action below a parser, with the commands that lead to it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _actions_of(inner, (*words, name))
        else:
            yield words, action


def _complete_by(action: argparse.Action, names: list[str], function: str) -> None:
    """Let the shell offer names and files, by a function of its own that goes in front of the script."""
    listed = " ".join(shlex.quote(name) for name in names)
    action.complete = {  # type: ignore[attr-defined]
        "bash": function,
        "zsh": function,
        "fish": f"({function})",
        "preamble": {
            "bash": f'{function}() {{ compgen -W "{listed}" -- "$1"; compgen -f -- "$1"; }}',
            "zsh": f"{function}() {{ _alternative 'presets:preset:({listed})' 'files:file:_files' }}",
            "fish": f"function {function}; printf '%s\\n' {listed}; __fish_complete_path (commandline -ct); end",
        },
    }

"""A hook of mkdocs: pages made from the program itself, and from Markdown that lies elsewhere in the tree.

Links in `docs/` are written as they work in a checkout; those that leave `docs/` are turned to the copies here.
"""

import argparse
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import extracot
from extracot.cli.config_command import first_comment
from extracot.cli.key_help import keys_of
from extracot.cli.main import build_parser
from extracot.io.config import PRESETS_FOLDER, list_presets, preset_path, read_config
from extracot.pipeline.stages import STAGES

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

COPIES = {
    "more/benchmarks.md": "benchmarks/README.md",
    "more/verl.md": "recipes/verl/README.md",
    "more/compressor.md": "src/extracot/compressor/weights/README.md",
    "more/toy.md": "src/extracot/toy/weights/README.md",
    "more/contributing.md": "CONTRIBUTING.md",
    "more/changelog.md": "CHANGELOG.md",
}
"""Page of the site to the file of the tree that it shows."""

_PAGES = {source: page for page, source in COPIES.items()} | {"README.md": "index.md"}
_WIDTH = 100
"""Characters a line of what `--help` prints."""


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add every page that is made."""
    from mkdocs.structure.files import File

    for path, text in made_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: "Page", **_: Any) -> str:
    """Turn the links that leave `docs/`."""
    return turn_links(markdown, page.file.src_uri)


def made_pages() -> dict[str, str]:
    """Path in the site to Markdown."""
    pages = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in COPIES.items()}
    return pages | {
        "reference/commands.md": commands_page(),
        "reference/keys.md": keys_page(),
        "reference/presets.md": presets_page(),
        "reference/python.md": python_page(),
    }


def turn_links(markdown: str, page: str) -> str:
    """The Markdown of a page with links to files of the tree turned to the pages that show them."""
    place = COPIES.get(page, f"docs/{page}")

    def turn(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        file = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        shown = _PAGES.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else None)
        if shown is None:
            return match[0]
        return f"]({posixpath.relpath(shown, posixpath.dirname(page) or '.')}{anchor})"

    return re.sub(r"\]\((?![a-z]+:)([^)#\s]+)(#[^)\s]*)?\)", turn, markdown)


def commands_page() -> str:
    """What every command says to `--help`, without the keys of stages, which have a page of their own."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(_WIDTH)  # argparse asks the terminal
    try:
        parts = [
            f"## {parser.prog}\n\n```text\n{argparse.ArgumentParser.format_help(parser).rstrip()}\n```\n"
            for parser in _parsers(build_parser())
        ]
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "# Commands\n\nExit codes: 0 done, 1 failed, 2 bad usage or config, 130 interrupted.\n\n" + "\n".join(parts)


def keys_page() -> str:
    """Every key of every stage: name, default, meaning."""
    head = "What `--set` and config files take. A preset or file goes over these defaults, `--set` over both."
    parts = [f"# Config keys\n\n{head}\n"]
    for stage in STAGES.values():
        parts.append(f"## {stage.name}\n\n{stage.does.capitalize()}.\n\n| key | default | meaning |\n|---|---|---|")
        parts += [
            f"| `{name}` | {_cell(f'`{default}`')} | {_cell(meaning)} |"
            for name, default, meaning in keys_of(stage.config_class())
        ]
        parts.append("")
    return "\n".join(parts)


def presets_page() -> str:
    """Every preset with its file."""
    head = "Each is one YAML file; `extracot config show NAME` prints it with every default filled in."
    parts = [f"# Presets\n\n{head}\n"]
    for name in list_presets():
        text = preset_path(name).read_text(encoding="utf-8").rstrip()
        command = f"extracot {read_config(name)['stage']} {name}"
        parts.append(f"## {name}\n\n{_prose(first_comment(text))}\n\n{_folded(command, text)}")
    parts.append("## For accelerate launch\n\n`extracot config launch NAME` prints where each is.\n")
    for path in sorted((PRESETS_FOLDER / "launch").glob("*.yaml")):
        parts.append(_folded(f"extracot config launch {path.stem}", path.read_text(encoding="utf-8").rstrip()))
    return "\n".join(parts)


def _folded(command: str, yaml: str) -> str:
    """A block that opens on a click."""
    inside = "\n".join(f"    {line}".rstrip() for line in f"```yaml\n{yaml}\n```".splitlines())
    return f'??? quote "`{command}`"\n\n{inside}\n'


def python_page() -> str:
    """Every public name; mkdocstrings puts signature and docstring in its place."""
    names = [name for name in extracot.__all__ if not name.startswith("__")]
    head = "# Python\n\nThe public names: `from extracot import Compressor`. Each is loaded when it is first used.\n"
    return "\n".join([head, *(f"::: extracot.{name}\n" for name in names)])


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _parsers(inner)


def _cell(text: str) -> str:
    return _prose(text).replace("|", "\\|").replace("\n", " ")


def _prose(text: str) -> str:
    """Text with what Markdown would take for HTML escaped, but not within backticks, where it means itself."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*") for part in parts)

"""The documentation holds together: links lead somewhere, tables are complete, generated pages have everything."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import extracot
from extracot.cli.everyday import EVERYDAY
from extracot.cli.key_help import keys_of
from extracot.io.config import list_presets
from extracot.pipeline.stages import STAGES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def load_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs/generated.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOK = load_hook()


def anchors_of(markdown: str) -> set[str]:
    """What headings can be linked to by, as GitHub and mkdocs name them."""
    headings = re.findall(r"^#+ (.*)$", markdown, flags=re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_of_the_tree(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\((?![a-z]+:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.is_file() or (anchor and anchor not in anchors_of(file.read_text(encoding="utf-8"))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/knob.md"])
def test_the_table_of_stages_is_complete(page: str) -> None:
    listed = set(re.findall(r"^\| `extracot ([\w-]+)` \|", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {*STAGES, "view", "compare"} - {"toy-base"}  # the packaged model's own recipe


def test_every_page_is_in_the_navigation() -> None:
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"[\w/-]+\.md", config))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert listed == written | set(HOOK.made_pages())


def test_the_site_asks_for_no_fonts_from_elsewhere() -> None:
    assert yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["theme"]["font"] is False


def test_the_reference_has_every_command_key_preset_and_name() -> None:
    commands, keys, presets, names = HOOK.commands_page(), HOOK.keys_page(), HOOK.presets_page(), HOOK.python_page()
    for command in (*STAGES, *EVERYDAY, "view", "config", "config show"):
        assert f"\n## extracot {command}\n" in commands
    for stage in STAGES.values():
        assert f"\n## {stage.name}\n" in keys
        for key, _, _ in keys_of(stage.config_class()):
            assert f"\n| `{key}` |" in keys
    for preset in list_presets():
        assert f"\n## {preset}\n" in presets
    for name in extracot.__all__:
        assert name.startswith("__") or f"\n::: extracot.{name}\n" in names


def test_what_markdown_would_take_for_html_is_escaped_but_not_in_code() -> None:
    assert HOOK._cell("`<COMP_20>` or <x> | y") == "`<COMP_20>` or &lt;x> \\| y"


def test_links_out_of_docs_are_turned_to_the_copies() -> None:
    turned = HOOK.turn_links("[a](../../benchmarks/README.md#b) [c](../results.md) [d](https://e)", "how-to/knob.md")
    assert turned == "[a](../more/benchmarks.md#b) [c](../results.md) [d](https://e)"
    assert HOOK.turn_links("[a](../docs/results.md)", "more/benchmarks.md") == "[a](../results.md)"


@pytest.mark.skipif(importlib.util.find_spec("mkdocstrings") is None, reason="needs the docs extra: make docs")
def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        fetched = re.findall(r"""<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^>]*>""", html)
        assert not fetched, f"{page}: {fetched}"
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.findall(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text(encoding="utf-8")), sheet

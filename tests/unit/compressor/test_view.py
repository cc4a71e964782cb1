"""What was kept and dropped, on a terminal and as a page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.unit.compressor.conftest import COT, QUESTION

from extracot.cli.main import main
from extracot.compressor.view.collect import collect_views, stretches
from extracot.compressor.view.page import render_page
from extracot.compressor.view.terminal import render_terminal
from extracot.errors import DataError

EVIL = 'So </div><script>alert("1")</script> \x1b]0;title\x07 & <img src=x onerror=alert(2)>, $x=1$.\nThen $y=2$.'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": "a", "question": QUESTION, "cot": COT, "answer": "9"},
        {"id": "<script>x</script>", "question": "<b>q</b>", "cot": EVIL, "answer": "2"},
        {"id": "c", "question": "?", "cot": ""},
    ]
    Path("traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["compress", "traces.jsonl", "--ratios", "0.2", "0.6", "--scorer", "slice", "--out", "run"]) == 0
    capsys.readouterr()
    return tmp_path / "run"


class Page(HTMLParser):
    """The tags of a page, and the text of every `.cot`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cots: list[list[tuple[str, str]]] = []
        self._kept: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        if named.get("class") == "cot":
            self.cots.append([])
        self._kept = (named.get("class") or "") if tag == "span" else None

    def handle_endtag(self, tag: str) -> None:
        self._kept = None

    def handle_data(self, data: str) -> None:
        if self._kept is not None:
            self.cots[-1].append((data, self._kept))


def test_a_terminal_shows_all_of_the_text_and_marks_what_was_dropped(run: Path) -> None:
    [view] = collect_views(str(run), ids=["a"])
    plain = "".join(render_terminal([view], with_colour=False))
    assert "\x1b" not in plain
    assert "0.2: " in plain and "of 3 formulas; the answer stays" in plain
    body = re.search(r"0\.6: .*\n(.*)\n", plain)
    assert body is not None and body[1].replace("[-", "").replace("-]", "") == COT
    coloured = "".join(render_terminal([view], with_colour=True))
    assert "\x1b[2;9m" in coloured


def test_a_line_that_is_no_trace_hides_no_other(run: Path) -> None:
    Path("bad.jsonl").write_text("no\n" + Path("traces.jsonl").read_text())
    assert main(["compress", "bad.jsonl", "--ratios", "0.2", "--scorer", "slice", "--out", "bad"]) == 0
    assert [view.trace.id for view in collect_views("bad", limit=3)] == ["a", "<script>x</script>"]
    with pytest.raises(DataError, match="holds no trace bad.jsonl:1; bad.jsonl:1: not JSON"):
        collect_views("bad", ids=["bad.jsonl:1"])


def test_a_trace_cannot_command_the_terminal(run: Path) -> None:
    shown = "".join(render_terminal(collect_views(str(run)), with_colour=False))
    assert "\x1b" not in shown and "\x07" not in shown
    assert "failed: the chain of thought is empty" in shown


def test_a_page_holds_every_text_once_and_runs_nothing(run: Path) -> None:
    views = collect_views(str(run))
    text = render_page("<title>", views)
    page = Page(text)
    assert ["".join(piece for piece, _ in cot) for cot in page.cots] == [
        COT,
        EVIL.replace("\x1b", "\ufffd").replace("\x07", "\ufffd"),
    ]  # of the empty one there is nothing to show
    assert not {"script", "img", "b", "link"} & set(page.tags)
    assert page.tags.count("input") == 6  # three traces, two ratios
    assert "default-src &#x27;none&#x27;" in text and "http" not in text.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in text
    for number, record in enumerate(views[0].compressions):
        kept = "".join(piece for piece, classes in page.cots[0] if f"k{number}" in classes.split())
        assert kept == "".join(COT[a:b] for a, b in record.kept)


def test_stretches_tile_the_text() -> None:
    assert stretches(9, [[(2, 4)], [(0, 4), (6, 9)]]) == [
        (0, 2, (False, True)),
        (2, 4, (True, True)),
        (4, 6, (False, False)),
        (6, 9, (False, True)),
    ]
    assert stretches(0, [[]]) == []


def test_the_command_takes_a_run_or_a_file_and_writes_a_page(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["view", "run", "--limit", "1"]) == 0
    from_run = capsys.readouterr().out
    assert "trace a" in from_run and "\x1b" not in from_run  # no terminal, no colour
    assert main(["view", "run/records/compressions.jsonl", "--limit", "1"]) == 0
    assert capsys.readouterr().out == from_run
    Path("alone").mkdir()
    Path("alone/short.jsonl").write_text((run / "records/compressions.jsonl").read_text())
    assert main(["view", "alone/short.jsonl", "--traces", "traces.jsonl", "--id", "c", "a"]) == 0
    assert re.findall(r"^trace (.*)", capsys.readouterr().out, flags=re.MULTILINE) == ["c", "a"]
    assert main(["view", "run", "--html", "out.html"]) == 0
    assert capsys.readouterr().out == "out.html\n"
    assert Path("out.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_colour_needs_a_terminal_and_nobody_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from extracot.cli import view_command

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert view_command.is_coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not view_command.is_coloured()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("view nowhere", "nowhere does not exist; name a run of compress"),
        ("view alone.jsonl", "name its traces with --traces"),
        ("view run --id zzz", "holds no compression of trace zzz"),
        ("view run --limit 0", "--limit 0 shows nothing"),
        ("view run --traces other.jsonl", "other.jsonl: trace a is shorter than its compression says"),
        ("view run --traces gone.jsonl", "the traces gone.jsonl do not exist; say where they are with --traces"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    arguments: str, says: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("alone.jsonl").write_text("")
    Path("other.jsonl").write_text('{"id": "a", "question": "?", "cot": "short"}\n')
    assert main(arguments.split()) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and says in said.err

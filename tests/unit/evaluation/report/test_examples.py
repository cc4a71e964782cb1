"""What the browser of examples is given: everything that fits, in an order that nobody chose."""

import base64
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extracot.evaluation.report.collect import read_pipelines
from extracot.evaluation.report.examples.completions import gather_completions
from extracot.evaluation.report.examples.compressions import gather_compressions
from extracot.evaluation.report.examples.gallery import in_turn
from extracot.evaluation.report.examples.packing import PackedGallery, pack
from extracot.evaluation.report.filters import read_filters
from extracot.evaluation.report.results import arrange_results
from extracot.evaluation.report.sections.browser import browser_section
from extracot.io.config import StageConfig
from extracot.io.jsonl import JsonlWriter
from extracot.io.run_directory import RunDirectory
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.rejection import Rejection
from extracot.records.score import Score
from extracot.records.trace import Trace

MakeScore = Callable[..., Score]


class CompressLike(StageConfig):
    """The one key of the compress stage's config that is read."""

    traces: str


def unpack(packed: PackedGallery) -> list[dict[str, Any]]:
    text = zlib.decompress(base64.b64decode(packed.data), -zlib.MAX_WBITS).decode()
    return [json.loads(line) for line in text.splitlines()]


def test_levels_come_in_turn_and_the_order_is_nobodys_choice() -> None:
    levels = {f"p-{level}-{n}": level for level in (2, 1) for n in range(5)}
    order = in_turn(levels)
    assert [name[2] for name in order] == ["1", "2"] * 5
    assert order == in_turn(dict(reversed(levels.items())))
    assert sorted(order) == sorted(levels)


def test_every_question_is_there_with_every_completion(score: MakeScore) -> None:
    scores = [score("a"), score("a", arm="ours", mode="policy", outcome=Outcome.WRONG), score("b", level=None)]
    head, *items = unpack(pack(gather_completions(arrange_results(scores), ["sample 1"]), max_bytes=10**6))
    assert [row["arm"] for row in head["rows"]] == ["base", "ours"]
    assert [(item["level"], len(item["shown"])) for item in items] == [(None, 1), (1, 2)]
    assert [one["versus"] for one in items[1]["shown"]] == ["", "lost"]
    assert items[1]["shown"][1]["edits"] == [1]  # the very same thinking: its one piece is kept


def test_what_does_not_fit_is_left_out_and_counted(score: MakeScore) -> None:
    texts = [" ".join(f"{n * k % 977}" for k in range(400)) for n in range(1, 40)]
    scores = [score(f"p-{n}", completion=f"<think>\n{text}\n</think>") for n, text in enumerate(texts)]
    gallery = gather_completions(arrange_results(scores), ["sample 1"])
    packed = pack(gallery, max_bytes=8000)
    assert 0 < packed.n_shown < packed.n_items == 39
    assert len(unpack(packed)) == 1 + packed.n_shown
    assert len(packed.data) < 8000 + 3000  # the last question may pass the limit
    one = pack(gather_completions(arrange_results(scores), ["sample 1"]), max_bytes=1)
    assert one.n_shown == 1


def test_questions_can_be_limited_by_number(score: MakeScore) -> None:
    results = arrange_results([score(f"p-{n}") for n in range(5)])
    assert pack(gather_completions(results, ["sample 1"]), 10**6, max_items=2).n_shown == 2


def test_a_run_away_is_cut_and_says_so(score: MakeScore) -> None:
    results = arrange_results([score(completion=f"<think>\n{'x ' * 15_000}")])
    (_, item) = unpack(pack(gather_completions(results, ["sample 1"]), 10**6))
    assert item["shown"][0]["text"].endswith("… (10000 more characters)")


def compress_run(folder: Path, traces: Path, scorer: str, ratio: float, kept: tuple[int, int]) -> None:
    run_dir = RunDirectory.open(folder, CompressLike(traces=str(traces)), "compress")
    path = run_dir.records("compressions.jsonl")
    with JsonlWriter(path) as writer:
        writer.write(
            Compression(
                trace_id="t-1",
                problem_id="p-1",
                scorer=scorer,
                target_ratio=ratio,
                actual_ratio=ratio,
                n_tokens=2,
                n_original_tokens=4,
                text="",
                kept=[kept],
                n_formulas=0,
                n_formulas_kept=0,
                keeps_answer=ratio > 0.3,
                outcome="ok",
                error=None,
            )
        )
    run_dir.finish([], [path], {"ok": 1}, {})


def test_the_compressors_own_cuts_are_shown_to_the_character(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    trace = Trace(
        id="t-1",
        problem_id="p-1",
        question="How many?",
        answer="9",
        level=3,
        cot="one two nine",
        response="",
        model="toy",
        outcome=Outcome.CORRECT,
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )
    with JsonlWriter(traces) as writer:
        writer.write(trace)
    compress_run(tmp_path / "runs" / "01-compressions", traces, "encoder", 0.5, (4, 12))
    compress_run(tmp_path / "runs" / "02-random", traces, "random", 0.2, (0, 3))
    compress_run(tmp_path / "runs" / "03-moved", tmp_path / "gone.jsonl", "slice", 0.2, (0, 3))
    gallery = gather_compressions(read_pipelines([tmp_path / "runs"]))
    assert gallery is not None
    assert "03-moved" in gallery.note and "gone.jsonl" in gallery.note
    (item,) = gallery.items
    assert item["pieces"] == ["one", " ", "two nine"]
    assert [(one["edits"], one["outcome"]) for one in item["shown"]] == [
        ([-2, 1], "answer kept"),
        ([1, -2], "answer lost"),
    ]


def test_without_compressions_there_is_nothing_to_show(pipeline: Path) -> None:
    runs = [run for run in read_pipelines([pipeline]) if run.manifest.stage != "compress"]
    assert gather_compressions(runs) is None


def test_filters_say_what_they_took_and_why(tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "runs" / "07-sft-data", CompressLike(traces="t"), "build-sft")
    path = run_dir.records("rejections.jsonl")
    with JsonlWriter(path) as writer:
        writer.write(Rejection(trace_id="t-1", target_ratio=None, filter="not_correct", detail="its answer is wrong"))
    card = '{"n_traces": 10, "n_traces_kept": 8, "faults_only_counted": ["chain_cut"], "more": 1}'
    run_dir.records("card.json").write_text(card)
    counts = {
        "trace/not_correct": 2,
        "trace/too_long": 0,
        "compression/chain_cut@0.10": 3,
        "compression/chain_cut@0.20": 0,
        "fixed@0.10": 5,
    }
    run_dir.finish([], [path], counts, {})
    report = read_filters(read_pipelines([tmp_path])[0])
    assert report is not None
    assert (report.n_traces, report.n_traces_kept, report.took_nothing) == (10, 8, ["too_long"])
    assert [(one.name, one.n_by_ratio, one.is_only_counted, one.instance) for one in report.took] == [
        ("not_correct", {"": 2}, False, "its answer is wrong"),
        ("chain_cut", {"0.10": 3, "0.20": 0}, True, ""),
    ]


def test_what_is_left_out_was_chosen_as_the_page_says(score: MakeScore) -> None:
    results = arrange_results([score(f"p-{n}") for n in range(5)])
    gallery = gather_completions(results, ["sample 1"])
    page = browser_section(gallery._replace(choice="the first of them"), "questions", 10**6, max_items=2)
    assert "Shown are 2 of 5, the first of them; 3 are left out." in page
    assert "chosen by a hash" in gallery.choice

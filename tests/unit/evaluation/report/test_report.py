"""The report: self-contained, complete, and harmless whatever a question says."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from extracot.errors import DataError, MissingFileError
from extracot.evaluation.report.charts import ChartSeries
from extracot.evaluation.report.collect import merge_data_sets, read_evaluation, read_pipelines, read_stage_run
from extracot.evaluation.report.config import ReportConfig
from extracot.evaluation.report.results import arrange_results, compare_curves
from extracot.evaluation.report.run import run
from extracot.evaluation.report.sections import control
from extracot.evaluation.report.svg import Box, Scale, format_tick, place_label, round_ticks
from extracot.io.run_directory import RunDirectory
from extracot.records.outcome import Outcome
from extracot.records.score import Score
from extracot.text.markup import NOTHING

MakeScore = Callable[..., Score]
HOSTILE = "</pre></details><script>alert(1)</script><img src=x onerror=alert(2)>\x00\u202e\"' & <b>bold</b>"


def build(folder: Path, *evaluations: Path, pipeline: Path | None = None, examples: int | None = None) -> str:
    config = ReportConfig(
        evaluations=tuple(map(str, evaluations)),
        pipeline=() if pipeline is None else (str(pipeline),),
        title="A report",
        examples=examples,
    )
    run_dir = RunDirectory.open(folder, config, "report")
    run(config, run_dir)
    return (folder / "report.html").read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Collects start tags with attributes, and whether every element is closed."""

    VOID = frozenset({"meta", "br", "hr", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_has_every_section_and_its_tags_balance(
    tmp_path: Path, evaluation: Path, pipeline: Path
) -> None:
    page = build(tmp_path / "report", evaluation, pipeline=pipeline)
    tags = Tags(page)
    assert tags.open == []
    for heading in (
        "A report",
        "All arms",
        "Accuracy against tokens",
        "At equal cost",
        "What budget does the policy choose?",
        "Does it keep to the budget?",
        "Accuracy by difficulty",
        "Difference from extra-cot",
        "Latency",
        "Examples",
        "Learning",
        "How it was made",
        "Teacher budgets",
        "Training curves",
        "Provenance",
    ):
        assert f">{heading}</h" in page, heading
    # the curve twice, control, two learning curves (no accuracy is logged), three training curves
    assert sum(tag == "svg" for tag, _ in tags.seen) == 3 + 2 + 3


def test_the_page_needs_no_network_and_runs_its_own_script_alone(
    tmp_path: Path, evaluation: Path, pipeline: Path
) -> None:
    page = build(tmp_path / "report", evaluation, pipeline=pipeline)
    without_data = re.sub(r'<script id="[^>]*>[^<]*</script>|\n\s*//.*', "", page)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", without_data)
    seen = Tags(page).seen
    for tag, attributes in seen:
        assert tag not in {"link", "iframe", "img", "object", "base"}
        assert not {"src", "href"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    scripts = [attributes for tag, attributes in seen if tag == "script" and "type" not in attributes]
    assert len(scripts) == 1
    policies = [attributes.get("content") or "" for tag, attributes in seen if tag == "meta"]
    code = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in policies


def test_hostile_text_is_shown_and_never_run(
    tmp_path: Path, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    completion = f"<think>\n{HOSTILE}\n</think>{HOSTILE}"
    fields = {"question": HOSTILE, "completion": completion}
    scores = [
        score(**fields),
        score(arm=HOSTILE.replace("\x00", ""), mode="policy", chosen_ratio=0.2, **fields),
        score(arm=HOSTILE.replace("\x00", ""), mode="fixed", target_ratio=0.2, **fields),
    ]
    folder = save_evaluation(tmp_path / "evaluate", scores, problems="<i>problems</i>")
    page = build(tmp_path / "report", folder)
    tags = Tags(page)
    assert tags.open == []
    assert {"img", "b", "i"}.isdisjoint(tag for tag, _ in tags.seen)
    assert sum(tag == "script" for tag, _ in tags.seen) == 2  # ours and its data
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x00" not in page


def test_the_same_numbers_go_to_markdown_csv_and_stdout(
    tmp_path: Path, evaluation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(tmp_path / "report", evaluation)
    markdown = (tmp_path / "report" / "table.md").read_text()
    csv_lines = (tmp_path / "report" / "table.csv").read_text().splitlines()
    n_rows = 1 + 6 + 1 + 6 + 6  # base; ours with policy; two controls
    assert len(csv_lines) == 1 + n_rows
    n_differences = 1 + 6 + 6  # from ours: the base model, and both controls at every ratio
    assert markdown.count("\n| ") == n_rows + 2 + n_differences + 2
    assert (tmp_path / "report" / "by_run.csv").read_text().count("\n") == 1 + n_rows
    assert (tmp_path / "report" / "differences.csv").read_text().count("\n") == 1 + n_differences
    assert "head/tail truncation" in capsys.readouterr().out


def test_a_finished_report_is_left_alone(tmp_path: Path, evaluation: Path) -> None:
    config = ReportConfig(evaluations=(str(evaluation),))
    first = run(config, RunDirectory.open(tmp_path / "report", config, "report"))
    (tmp_path / "report" / "report.html").write_text("touched")
    again = run(config, RunDirectory.open(tmp_path / "report", config, "report", resume=True))
    assert again == first
    assert (tmp_path / "report" / "report.html").read_text() == "touched"


def test_a_page_without_policy_levels_or_references_still_builds(
    tmp_path: Path, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    scores = [
        score(level=None, reference=None),
        score("b", level=None, reference=None, outcome=Outcome.WRONG),
    ]
    page = build(tmp_path / "report", save_evaluation(tmp_path / "evaluate", scores), examples=0)
    assert "no policy row" in page
    assert Tags(page).open == []


def test_an_unfinished_run_and_a_run_of_another_stage_are_refused(tmp_path: Path, pipeline: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match="not finished"):
        read_evaluation(tmp_path / "empty")
    with pytest.raises(DataError, match="run of 'compress'"):
        read_evaluation(pipeline / "01-compress")
    with pytest.raises(MissingFileError, match="does not exist"):
        read_pipelines([tmp_path / "nowhere"])


def test_the_pipeline_is_read_in_the_order_it_ran(pipeline: Path) -> None:
    runs = read_pipelines([pipeline])
    assert [one.manifest.stage for one in runs] == ["compress", "teacher-budgets", "chrpo"]
    assert len(runs[1].budgets) == 100
    assert set(runs[2].curves) == {
        "reward/total",
        "think_tokens/mean",
        "head/entropy",
    }  # loss was always null


def test_folders_that_overlap_give_every_run_once(pipeline: Path) -> None:
    assert len(read_pipelines([pipeline, pipeline / "03-chrpo"])) == 3
    assert [run.manifest.stage for run in read_pipelines([pipeline / "03-chrpo"])] == ["chrpo"]


def test_one_pipeline_may_be_given_without_a_list() -> None:
    settings = {"evaluations": ["e"]}
    assert ReportConfig.model_validate({**settings, "pipeline": "runs"}).pipeline == ("runs",)
    assert ReportConfig.model_validate({**settings, "pipeline": None}).pipeline == ()
    assert ReportConfig.model_validate({**settings, "pipeline": ["a", "b"]}).input_paths() == ["e", "a", "b"]


def test_a_repeated_step_counts_once(tmp_path: Path, pipeline: Path) -> None:
    metrics = pipeline / "03-chrpo" / "metrics.jsonl"
    metrics.write_text('{"step": 1, "loss": 5}\n{"step": 2, "loss": 4}\n{"step": 2, "loss": 3}\n')
    assert read_pipelines([pipeline])[2].curves == {"loss": [(1.0, 5.0), (2.0, 3.0)]}


def test_runs_on_the_same_problems_are_merged_as_samples(
    tmp_path: Path, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    first = save_evaluation(tmp_path / "a", [score(sample=0), score(sample=1)])
    second = save_evaluation(tmp_path / "b", [score(sample=0)])
    other = save_evaluation(tmp_path / "c", [score("p-9")], problems="other.jsonl")
    data_sets = merge_data_sets([read_evaluation(path) for path in (first, second, other)])
    assert [data_set.name for data_set in data_sets] == ["toy:heldout:300:seed=7", "other.jsonl"]
    assert [one.sample for one in data_sets[0].scores] == [0, 1, 2]
    assert data_sets[0].samples == ["a, sample 1", "a, sample 2", "b"]
    assert [len(run.scores) for run in data_sets[0].runs] == [2, 1]


def test_rows_are_ordered_base_ratios_policy(score: MakeScore) -> None:
    scores = [
        score(arm="ours", mode="policy"),
        score(arm="ours", mode="fixed", target_ratio=0.5, n_think_tokens=50),
        score(arm="cut", mode="fixed", target_ratio=0.2, n_think_tokens=10),
        score(arm="ours", mode="fixed", target_ratio=0.2, n_think_tokens=20),
        score(),
    ]
    results = arrange_results(scores)
    assert [(row.key.arm, row.key.target_ratio) for row in results.rows] == [
        ("base", None),
        ("ours", 0.2),
        ("ours", 0.5),
        ("ours", None),
        ("cut", 0.2),
    ]
    assert results.styles == {"base": "base", "ours": "main", "cut": "other-1"}
    assert [one.arm for one in compare_curves(results)] == ["ours"]  # one point is no curve


def test_ticks_are_round_and_inside() -> None:
    assert round_ticks(0, 100, 5) == [0, 20, 40, 60, 80, 100]
    assert round_ticks(0.18, 0.97, 4) == [0.2, 0.4, 0.6, 0.8]
    assert round_ticks(3, 3) == [3]
    assert [format_tick(value) for value in (1500.0, 0.25, 0.0)] == ["1500", "0.25", "0"]


def test_a_scale_of_no_width_maps_to_the_middle() -> None:
    assert Scale(2, 2, 0, 100)(2) == 50


def test_labels_never_overlap_and_give_up_when_there_is_no_room() -> None:
    taken: list[Box] = []
    area = Box(0, 0, 100, 60)
    placed = [place_label(50, 30, "0.50", 4, area, taken) for _ in range(20)]
    n_placed = sum(label is not None for label in placed)
    assert 0 < n_placed < 20 and len(taken) == n_placed
    assert not any(a.overlaps(b) for i, a in enumerate(taken) for b in taken[:i])


def test_budgets_of_the_older_format_are_shown_too(tmp_path: Path, pipeline: Path) -> None:
    shutil.copytree(pipeline, tmp_path / "old")
    (old,) = [one.path for one in read_pipelines([tmp_path / "old"]) if one.budgets]
    (path,) = (old / "records").glob("*.jsonl")
    rows = [{**json.loads(line), "format": "extracot.budget/1"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "actual_ratios": {}}) + "\n" for row in rows))
    assert len(read_stage_run(old).budgets) == 100


def test_one_id_for_two_questions_is_refused(
    tmp_path: Path, score: MakeScore, save_evaluation: Callable[..., Path]
) -> None:
    first = save_evaluation(tmp_path / "first", [score("1", question="What is 4 + 5?")])
    second = save_evaluation(tmp_path / "second", [score("1", question="What is 3 + 6?")])
    with pytest.raises(DataError, match="second and .*first both ask .* problem 1 has another question"):
        merge_data_sets([read_evaluation(first), read_evaluation(second)])


def test_a_ratio_without_reference_leaves_every_interval_with_its_own_point(
    score: MakeScore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"arm": "ours", "mode": "fixed"}
    scores = [score("a", target_ratio=0.2, reference=None, **asked)]
    # 0.5 and 0.7 of the reference, hence an interval around 0.6
    scores += [score(name, target_ratio=0.5, n_think_tokens=n, **asked) for name, n in (("a", 50), ("b", 70))]
    drawn: list[ChartSeries] = []
    monkeypatch.setattr(control, "control_chart", lambda series, *_: drawn.extend(series) or NOTHING)
    control.control_figure(arrange_results(scores))
    (point,) = drawn[0].points
    assert (point.x, point.y) == (0.5, 0.6)
    assert point.interval is not None and point.interval.low < 0.6 < point.interval.high

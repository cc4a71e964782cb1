"""Comparing evaluations: which rows meet, what is said about them, and what cannot be compared."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from extracot.cli.main import main
from extracot.errors import DataError, MissingFileError, UsageError
from extracot.evaluation.compare.comparison import compare, find_obstacles
from extracot.evaluation.compare.selection import read_selection, row_name
from extracot.evaluation.metrics import paired_thinking
from extracot.records.outcome import Outcome
from extracot.records.score import Score

MakeScore = Callable[..., Score]
Save = Callable[..., Path]


@pytest.fixture
def base_row(score: MakeScore) -> Callable[..., list[Score]]:
    """Makes a base row: its questions, and which of them it answers right."""

    def make(ids: Iterable[str], right: str, **more: Any) -> list[Score]:
        return [score(name, outcome=Outcome.CORRECT if name in right else Outcome.WRONG, **more) for name in ids]

    return make


def test_think_tokens_of_two_rows_by_hand(score: MakeScore) -> None:
    first = [score("a", n_think_tokens=20), score("b", n_think_tokens=30), score("z", n_think_tokens=999)]
    second = [score("b", n_think_tokens=50), score("a", n_think_tokens=100)]
    thinking = paired_thinking(first, second)
    assert thinking is not None
    assert (thinking.first_tokens, thinking.second_tokens, thinking.ratio) == (25, 75, pytest.approx(1 / 3))
    # The residuals and the interval are those of ActRatio's test: half width 0.34844.
    assert thinking.interval == pytest.approx((0.0, 1 / 3 + 0.34844), abs=1e-4)
    assert paired_thinking(first, [score("y")]) is None


def test_a_base_that_does_not_think_gives_no_ratio(score: MakeScore) -> None:
    thinking = paired_thinking([score("a")], [score("a", n_think_tokens=0)])
    assert thinking is not None and thinking.ratio is None and thinking.interval is None


def test_questions_are_matched_by_id_and_the_rest_is_counted(
    save_evaluation: Save, base_row: Callable[..., list[Score]], tmp_path: Path
) -> None:
    before = save_evaluation(tmp_path / "before", base_row("abcd", right="ad"))
    after = save_evaluation(tmp_path / "after", base_row("edcba", right="abce", n_think_tokens=25))
    (one,) = compare([read_selection(str(before)), read_selection(str(after))])
    # On a, b, c, d: right on a, b, c against a, d, the case worked out in the test of paired_difference.
    assert (one.difference.n_problems, one.n_left_out) == (4, 1)
    assert (one.difference.second_accuracy, one.difference.first_accuracy) == (0.5, 0.75)
    assert (one.difference.difference, one.difference.p_value) == (0.25, 1.0)
    assert (one.thinking.ratio, one.thinking.interval) == (0.25, (0.25, 0.25))
    (obstacle,) = find_obstacles([read_selection(str(before)), read_selection(str(after))])
    assert "not the same questions, 1 are in one run only" in obstacle


def test_rows_of_one_name_meet_and_a_single_row_meets_all(evaluation: Path, save_evaluation: Save) -> None:
    whole = read_selection(str(evaluation))
    assert len(compare([whole, whole])) == len(whole.rows) > 2
    base = read_selection(f"{evaluation}:base@base")
    ours = read_selection(f"{evaluation}:extra-cot")
    pairs = compare([base, ours])
    assert [one.baseline_row for one in pairs] == ["base@base"] * 7
    assert {one.candidate_row for one in pairs} == {row_name(key) for key in ours.rows}
    assert list(read_selection(f"{evaluation}:extra-cot@0.2").rows)[0].target_ratio == 0.2
    assert find_obstacles([base, ours]) == []  # one run is measured as itself


def test_levels_are_compared_by_themselves(evaluation: Path) -> None:
    rows = [read_selection(f"{evaluation}:base"), read_selection(f"{evaluation}:extra-cot@policy")]
    whole, *levels = compare(rows, by_level=True)
    assert whole.level is None and [one.level for one in levels] == [1, 2, 3, 4, 5]
    assert sum(one.difference.n_problems for one in levels) == whole.difference.n_problems == 60
    assert sum(one.difference.n_first_better for one in levels) == whole.difference.n_first_better


def test_what_was_not_measured_alike_is_said(
    save_evaluation: Save, base_row: Callable[..., list[Score]], tmp_path: Path
) -> None:
    before = save_evaluation(tmp_path / "before", base_row("ab", right="ab"))
    after = save_evaluation(tmp_path / "after", base_row("ab", right="a", question="Another one?"))
    config = json.loads((after / "config.json").read_text())
    config["sampling"]["temperature"] = 0.7
    (after / "config.json").write_text(json.dumps(config))
    manifest = json.loads((after / "manifest.json").read_text())
    manifest["versions"]["math-verify"] = "0.0.1"
    (after / "manifest.json").write_text(json.dumps(manifest))
    found = "\n".join(find_obstacles([read_selection(str(before)), read_selection(str(after))]))
    assert "2 questions of one id differ in their text or gold answer" in found
    assert "asked in different ways (sampling.temperature: 0.0 -> 0.7)" in found
    assert "graded by different versions" in found and "math-verify 0.0.1" in found


def test_what_cannot_be_compared_is_one_error(
    save_evaluation: Save, base_row: Callable[..., list[Score]], score: MakeScore, tmp_path: Path, evaluation: Path
) -> None:
    other = save_evaluation(tmp_path / "other", base_row("ab", right="a"), "others.jsonl")
    with pytest.raises(DataError, match=r"toy:heldout:300:seed=7.*others.jsonl.*share no question"):
        compare([read_selection(f"{evaluation}:base"), read_selection(str(other))])
    theirs = [score("a", arm=arm) for arm in ("x", "y")]
    named = save_evaluation(tmp_path / "named", theirs)
    with pytest.raises(DataError, match="no row of one name.*RUN:arm@mode.*x@base, y@base"):
        compare([read_selection(str(evaluation)), read_selection(str(named))])
    with pytest.raises(UsageError, match="no such row; did you mean 'extra-cot@policy'"):
        read_selection(f"{evaluation}:extra-cot@polcy")
    with pytest.raises(MissingFileError, match="no run at nowhere:base; give the folder"):
        read_selection("nowhere:base")
    (other / "manifest.json").rename(other / "kept.json")
    with pytest.raises(MissingFileError, match="the run is not finished; resume it"):
        read_selection(str(other))
    manifest = (other / "kept.json").read_text().replace("extracot.manifest/1", "extracot.manifest/7")
    (other / "manifest.json").write_text(manifest)
    with pytest.raises(DataError, match="has format 'extracot.manifest/7'; this version reads 'extracot.manifest/1'"):
        read_selection(str(other))


def test_the_command_prints_what_it_is_asked_for(
    evaluation: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{evaluation}:base", f"{evaluation}:extra-cot@policy"]
    assert main(["compare", *rows]) == 0
    plain = capsys.readouterr().out
    assert "base@base" in plain and "not adjusted" in plain
    assert main(["compare", *rows, "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["pairs"]
    assert pair["difference"] == pytest.approx(pair["candidate_accuracy"] - pair["baseline_accuracy"])
    assert pair["difference_low"] <= pair["difference"] <= pair["difference_high"]
    assert main(["compare", *rows, "--csv", "--by-level"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [line["level"] for line in lines] == ["", "1", "2", "3", "4", "5"]
    assert float(lines[0]["think_ratio"]) == pair["think_ratio"]
    assert main(["compare", *rows, "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| baseline | candidate |")
    assert main(["compare", str(evaluation)]) == 2
    assert "two or more" in capsys.readouterr().err

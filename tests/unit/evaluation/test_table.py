"""The table as text, Markdown and CSV."""

import csv
import io
from collections.abc import Callable

from extracot.evaluation.metrics import row_metrics
from extracot.evaluation.table import CSV_COLUMNS, render_csv, render_markdown, render_plain
from extracot.records.outcome import Outcome
from extracot.records.score import Score

MakeScore = Callable[..., Score]


def test_plain_columns_line_up(score: MakeScore) -> None:
    rows = [
        row_metrics([score("a"), score("b", outcome=Outcome.WRONG)]),
        row_metrics([score("a", arm="a longer name", mode="fixed", target_ratio=0.2, n_think_tokens=25)]),
    ]
    lines = render_plain(rows).splitlines()[:4]
    assert len({len(line) for line in lines}) == 1
    assert lines[2].split()[:3] == ["base", "base", "50.0"]
    # ActRatio 25 / 100 for a target of 0.2
    assert "0.20" in lines[3] and "0.25" in lines[3] and "0.05" in lines[3]


def test_a_pipe_in_a_name_does_not_break_the_markdown(score: MakeScore) -> None:
    markdown = render_markdown([row_metrics([score(arm="a|b\n<b>")])])
    header, rule, row = markdown.splitlines()[:3]
    assert row.replace("\\|", "").count("|") == header.count("|") == rule.count("|")
    assert "<b>" not in row


def test_csv_keeps_full_precision_and_leaves_absent_numbers_empty(score: MakeScore) -> None:
    scores = [score("a"), score("b"), score("c", outcome=Outcome.WRONG, n_think_tokens=50)]
    (row,) = csv.DictReader(io.StringIO(render_csv({"toy": [row_metrics(scores)]})))
    assert tuple(row) == CSV_COLUMNS
    assert (row["data_set"], row["arm"], row["target_ratio"], row["control_error"]) == ("toy", "base", "", "")
    assert float(row["accuracy"]) == 2 / 3
    assert float(row["act_ratio"]) == 250 / 300


def test_several_samples_are_said(score: MakeScore) -> None:
    row = row_metrics([score(name, sample=sample) for name in "ab" for sample in range(3)])
    assert "2 × 3" in render_plain([row])


def test_several_samples_bring_a_second_table_and_columns_of_their_own(score: MakeScore) -> None:
    once = row_metrics([score("a")])
    twice = row_metrics([score("a", arm="ours", sample=sample) for sample in range(2)])
    assert "pass@" not in render_plain([once]) + render_markdown([once]) + render_csv({"toy": [once]})
    plain, markdown = render_plain([once, twice]), render_markdown([once, twice])
    assert "pass@2 %" in plain and "pass@2 %" in markdown
    # Right both times: 1 question, so Wilson of 1 in 1, low 1 / (1 + 3.8415).
    assert "| ours | base | 100.0 | 20.7 – 100.0 | 100.0 | 20.7 – 100.0 |" in markdown
    rows = list(csv.DictReader(io.StringIO(render_csv({"toy": [once, twice]}))))
    assert tuple(rows[0])[len(CSV_COLUMNS) :] == ("pass_at_2", "pass_at_2_low", "pass_at_2_high")
    assert (rows[0]["pass_at_2"], rows[1]["pass_at_2"]) == ("", "1.0")

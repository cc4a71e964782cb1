"""Arms against each other, over runs and in each; and which training run made which arm."""

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

from extracot.evaluation.config import ArmConfig, EvaluateConfig
from extracot.evaluation.report.collect import read_stage_run
from extracot.evaluation.report.comparison import RunScores, compare_arms, label_runs, rows_by_run
from extracot.evaluation.report.comparison_tables import differences_csv, differences_markdown, runs_csv, runs_markdown
from extracot.evaluation.report.learning import band, learning_by_arm, smooth
from extracot.evaluation.report.results import arrange_results
from extracot.records.outcome import Outcome
from extracot.records.score import Score

MakeScore = Callable[..., Score]


def two_runs(score: MakeScore) -> list[RunScores]:
    """Two seeds on two questions: `full` is always right with 20 tokens, `less` loses one question once."""
    runs = []
    for seed in (1, 2):
        scores = []
        for name in ("a", "b"):
            scores.append(score(name))
            scores.append(score(name, arm="full", mode="policy", n_think_tokens=20, sample=seed - 1))
            is_wrong = seed == 2 and name == "b"
            scores.append(
                score(
                    name,
                    arm="less",
                    mode="policy",
                    n_think_tokens=30 if name == "a" else 40,
                    outcome=Outcome.WRONG if is_wrong else Outcome.CORRECT,
                    sample=seed - 1,
                )
            )
        runs.append(RunScores(f"seed-{seed}", scores))
    return runs


def test_runs_are_called_by_what_tells_them_apart() -> None:
    paths = [Path("runs/ablation/08-evaluation"), Path("runs/ablation-seed-2/08-evaluation")]
    assert label_runs(paths) == ["ablation", "ablation-seed-2"]
    assert label_runs([Path("a/x/e"), Path("a/y/e")]) == ["x", "y"]
    assert label_runs([Path("runs/evaluation")]) == ["evaluation"]
    assert label_runs([Path("x/one"), Path("y/one/two")]) == ["x/one", "y/one/two"]


def test_every_row_is_compared_with_the_main_arm_asked_the_same_way(score: MakeScore) -> None:
    runs = two_runs(score)
    results = arrange_results([one for run in runs for one in run.scores])
    base, less = compare_arms(results, runs)
    assert (base.row.key.arm, base.reference.key.mode) == ("base", "policy")
    # less: right on 3 of 4, so -0.25; tokens 35 against 20
    assert less.accuracy.difference == -0.25
    assert (less.thinking.first_tokens, less.thinking.second_tokens) == (35, 20)
    assert less.by_run == [(0.0, 15.0), (-0.5, 15.0)]


def test_files_have_every_run_and_every_difference(score: MakeScore) -> None:
    runs = two_runs(score)
    results = arrange_results([one for run in runs for one in run.scores])
    rows, differences = rows_by_run(results, runs), compare_arms(results, runs)
    by_run = list(csv.DictReader(io.StringIO(runs_csv({"toy": (runs, rows)}))))
    assert [(row["run"], row["arm"], row["accuracy"]) for row in by_run if row["arm"] == "less"] == [
        ("seed-1", "less", "1.0"),
        ("seed-2", "less", "0.5"),
    ]
    lines = list(csv.DictReader(io.StringIO(differences_csv({"toy": (runs, differences)}))))
    assert [(line["run"], line["accuracy_difference"]) for line in lines if line["arm"] == "less"] == [
        ("", "-0.25"),
        ("seed-1", "0.0"),
        ("seed-2", "-0.5"),
    ]
    assert "| less | policy | 50.0 – 100.0 | 100.0, 35.0 | 50.0, 35.0 |" in runs_markdown(runs, rows)
    assert "| less | policy | full policy | -25.0 |" in differences_markdown(runs, differences)


def test_one_run_has_no_spread(score: MakeScore) -> None:
    runs = two_runs(score)[:1]
    results = arrange_results(runs[0].scores)
    assert runs_markdown(runs, rows_by_run(results, runs)) == ""


def test_a_training_run_goes_by_the_arm_that_has_its_model(tmp_path: Path, pipeline: Path) -> None:
    moved = [tmp_path / place / "01-full" for place in ("ablation", "ablation-seed-2")]
    for folder in moved:
        shutil.copytree(pipeline / "03-chrpo", folder)
    runs = [read_stage_run(folder) for folder in [*moved, pipeline / "03-chrpo"]]
    configs = [
        EvaluateConfig(
            problems="toy",
            base_model="toy",
            arms=(ArmConfig(name=name, model=f"runs/{place}/01-full/model"),),
        )
        for place, name in (("ablation", "full"), ("ablation-seed-2", "full"))
    ]
    arms = learning_by_arm(runs, configs)
    # the third run's model was not evaluated: it goes by its folder, without the number
    assert [(arm.arm, len(arm.runs)) for arm in arms] == [("full", 2), ("chrpo", 1)]
    assert "head/entropy" in arms[0].metric_names


def test_a_band_holds_every_run(pipeline: Path) -> None:
    run = read_stage_run(pipeline / "03-chrpo")
    found = band([run, run], "head/entropy")
    assert found.low == found.mean == found.high
    assert len(found.steps) == 150


def test_smoothing_keeps_a_constant_and_short_curves_as_they_are() -> None:
    assert set(smooth([(float(step), 2.0) for step in range(100)]).values()) == {2.0}
    assert smooth([(1.0, 0.0), (2.0, 1.0)]) == {1.0: 0.0, 2.0: 1.0}


def test_a_moved_run_that_might_be_either_arms_goes_by_its_folder(tmp_path: Path, pipeline: Path) -> None:
    shutil.copytree(pipeline / "03-chrpo", tmp_path / "03-chrpo")
    run = read_stage_run(tmp_path / "03-chrpo")
    arms = tuple(ArmConfig(name=name, model=f"runs/{name}/03-chrpo/model") for name in ("one", "other"))
    config = EvaluateConfig(problems="toy", base_model="toy", arms=arms)
    assert [arm.arm for arm in learning_by_arm([run], [config])] == ["chrpo"]

"""What the demo says, from tables and folders that the tests write."""

from pathlib import Path

import pytest

from extracot.cli import demo_command
from extracot.cli.main import main
from extracot.errors import DataError
from extracot.io.config import load_config
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.demo import FULL, QUICK, Demo, conclude, headline, introduce, report_page
from extracot.pipeline.run import ResolvedStep, resolve_steps

HEADINGS = "data_set,arm,mode,target_ratio,n_problems,accuracy,accuracy_low,accuracy_high,mean_think_tokens\n"
BASE = "toy,base,base,,500,0.994,0.983,0.998,194.8\n"
OWN = "toy,extracot,policy,,500,0.998,0.989,1.0,27.0\n"


def steps_of(demo: Demo, out: Path) -> list[ResolvedStep]:
    return resolve_steps(load_config(PipelineConfig, demo.recipe, stage="pipeline"), out)


def a_table(folder: Path, rows: str) -> Path:
    table = folder / "table.csv"
    table.write_text(HEADINGS + rows)
    return table


@pytest.mark.parametrize("demo", [FULL, QUICK])
def test_the_recipe_trains_by_chrpo_and_ends_in_a_report(demo: Demo, tmp_path: Path) -> None:
    steps = steps_of(demo, tmp_path)
    assert steps[-1].stage.name == "report" and "chrpo" in {step.stage.name for step in steps}
    arms = {arm.name for step in steps if step.stage.name == "evaluate" for arm in step.config.arms}  # type: ignore[attr-defined]
    assert "extracot" in arms


def test_before_it_runs_it_says_what_how_long_and_where(tmp_path: Path) -> None:
    steps = steps_of(FULL, tmp_path)
    said = introduce(FULL, steps)
    assert FULL.takes in said and f"At the end: {tmp_path}/18-report/report.html" in said and "done already" not in said
    steps[0].folder.mkdir(parents=True)
    (steps[0].folder / "manifest.json").touch()
    assert introduce(FULL, steps).endswith("1 of 18 steps are done already.")


def test_the_headline_is_told_in_words(tmp_path: Path) -> None:
    assert headline(a_table(tmp_path, BASE + OWN)) == [  # 1 - 27.0 / 194.8 = 0.861
        "Choosing its budget itself, the model thinks in 27.0 tokens where it took 194.8: 86 % fewer.",
        "It is right on 99.8 % of 500 questions (95 % interval 98.9 % to 100.0 %), the base model on 99.4 %.",
    ]


def test_a_model_that_spends_more_is_not_praised(tmp_path: Path) -> None:
    more = OWN.replace("27.0", "200.0")  # 200 / 194.8 = 1.027
    assert headline(a_table(tmp_path, BASE + more))[0].endswith("200.0 tokens where it took 194.8: 3 % more.")


def test_a_table_without_our_row_is_an_error_that_says_which(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no row for extracot policy"):
        headline(a_table(tmp_path, BASE))


def test_at_the_end_it_says_what_it_proves_and_what_to_do_next(tmp_path: Path) -> None:
    steps = steps_of(FULL, tmp_path)
    steps[-1].folder.mkdir(parents=True)
    a_table(steps[-1].folder, BASE + OWN)
    said = conclude(FULL, steps).splitlines()
    assert len(said) == 4 and FULL.proves in said[2]
    assert said[3] == f"Serve the model: extracot export {tmp_path}/10-chrpo/model --out runs/served"


def test_the_command_runs_the_recipe_with_resume_and_prints_the_report_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stand_in(options: object) -> int:
        asked.append(vars(options))
        report = report_page(steps_of(QUICK, tmp_path))
        report.parent.mkdir(parents=True)
        a_table(report.parent, BASE + OWN)
        return 0

    monkeypatch.setattr(demo_command, "run_stage_command", stand_in)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 0
    (options,) = asked
    assert (options["command"], options["preset"], options["resume"]) == ("pipeline", "toy-smoke", True)
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"{tmp_path}/11-report/report.html"
    assert said.err.startswith("Every stage of the method") and "nothing else" in said.out


def test_a_demo_that_is_stopped_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_command, "run_stage_command", stop)
    assert main(["demo", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err.endswith("extracot: error: interrupted; the same command goes on\n")


def test_a_dry_run_says_what_would_happen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--dry-run", "--out", str(tmp_path / "new")]) == 0
    said = capsys.readouterr()
    assert "18 steps" in said.err and "nothing was written" in said.out
    assert not (tmp_path / "new").exists()

"""A recipe of small stages that copy a text file; the stages are registered for these tests only."""

from pathlib import Path
from typing import Any

import pytest

from extracot.errors import ConfigError, MissingFileError, ModelError, RunDirectoryError, StageError
from extracot.io.config import StageConfig, load_config
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.pipeline import run as pipeline
from extracot.pipeline.config import PipelineConfig
from extracot.pipeline.references import referenced_steps, resolve_references
from extracot.pipeline.stages import STAGES, Stage


class AppendConfig(StageConfig):
    source: str = ""
    word: str = "a"
    fails: bool = False


calls: list[str] = []


def run(config: AppendConfig, run_dir: RunDirectory) -> Manifest:
    """Write the source's text and one more word."""
    calls.append(config.word)
    if config.fails:
        raise StageError("told to fail")
    text = Path(config.source).read_text() if config.source else ""
    out = run_dir.records("out.txt")
    out.write_text(text + config.word)
    return run_dir.finish([config.source] if config.source else [], [out], {"words": 1}, {})


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    stage = Stage("append", f"{__name__}:AppendConfig", f"{__name__}:run", "append a word")
    monkeypatch.setitem(STAGES, "append", stage)


def recipe(*steps: dict[str, Any], **more: Any) -> PipelineConfig:
    return load_config(PipelineConfig, None, values={"steps": list(steps), **more})


TWO_STEPS = (
    {"name": "first", "stage": "append", "set": {"word": "a"}},
    {"name": "second", "stage": "append", "set": {"word": "b", "source": "@first/records/out.txt"}},
)


def execute(config: PipelineConfig, folder: Path) -> Manifest:
    return pipeline.run(config, RunDirectory.open(folder, config, "pipeline", resume=True))


def test_steps_run_in_order_in_numbered_folders_and_read_from_each_other(tmp_path: Path) -> None:
    manifest = execute(recipe(*TWO_STEPS), tmp_path / "run")
    assert (tmp_path / "run/02-second/records/out.txt").read_text() == "ab"
    assert manifest.counts == {"steps_run": 2, "steps_skipped": 0}
    assert [output.path for output in manifest.outputs] == [
        "01-first/manifest.json",
        "02-second/manifest.json",
    ]
    assert {"first_s", "second_s", "total_s"} == set(manifest.summary)


def test_a_step_can_be_left_out_if_nothing_reads_from_it(tmp_path: Path) -> None:
    third = {"name": "third", "stage": "append", "set": {"word": "c", "source": "@first/records/out.txt"}}
    execute(recipe(*TWO_STEPS, third, leave_out=["second"]), tmp_path / "run")
    assert calls == ["a", "c"]
    assert (tmp_path / "run/03-third/records/out.txt").read_text() == "ac"
    with pytest.raises(ConfigError, match="reads from @first; do not leave that out"):
        recipe(*TWO_STEPS, leave_out=["first"])
    recipe(*TWO_STEPS, leave_out=["first"], overrides={"second": {"source": ""}})  # nothing reads from it now
    with pytest.raises(ConfigError, match="leave_out: no step is called 'secnd'"):
        recipe(*TWO_STEPS, leave_out=["secnd"])


def test_finished_steps_are_skipped(tmp_path: Path) -> None:
    execute(recipe(*TWO_STEPS), tmp_path / "run")
    third = {"name": "third", "stage": "append", "set": {"word": "c", "source": "@second/records/out.txt"}}
    manifest = execute(recipe(*TWO_STEPS, third), tmp_path / "run")
    assert calls == ["a", "b", "c"]
    assert manifest.counts == {"steps_run": 1, "steps_skipped": 2}
    assert (tmp_path / "run/03-third/records/out.txt").read_text() == "abc"


def test_a_failed_step_is_resumed_and_what_was_done_before_it_is_kept(tmp_path: Path) -> None:
    fails = {"overrides": {"second": {"fails": True}}}
    with pytest.raises(StageError, match="told to fail"):
        execute(recipe(*TWO_STEPS, **fails), tmp_path / "run")
    assert not (tmp_path / "run/manifest.json").exists()
    with pytest.raises(RunDirectoryError, match=r"step second: .*fails: true -> false.*delete that folder"):
        execute(recipe(*TWO_STEPS), tmp_path / "run")
    with pytest.raises(StageError, match="told to fail"):
        execute(recipe(*TWO_STEPS, **fails), tmp_path / "run")
    assert calls == ["a", "b", "b"]


def test_a_finished_step_with_another_config_is_an_error_that_names_the_keys(tmp_path: Path) -> None:
    execute(recipe(*TWO_STEPS), tmp_path / "run")
    with pytest.raises(RunDirectoryError, match=r'step first: .*another config \(word: "a" -> "z"\)'):
        execute(recipe(*TWO_STEPS, overrides={"first": {"word": "z"}}), tmp_path / "run")


def test_a_step_that_is_done_again_does_not_leave_later_ones_unnoticed(tmp_path: Path) -> None:
    execute(recipe(*TWO_STEPS), tmp_path / "run")
    (tmp_path / "run/01-first/records/out.txt").write_text("edited")
    with pytest.raises(
        StageError, match=r"step second is finished, but what it read has changed since: .*out.txt"
    ):
        execute(recipe(*TWO_STEPS), tmp_path / "run")


def test_overrides_reach_one_step(tmp_path: Path) -> None:
    execute(recipe(*TWO_STEPS, overrides={"second": {"word": "z"}}), tmp_path / "run")
    assert (tmp_path / "run/02-second/records/out.txt").read_text() == "az"


@pytest.mark.parametrize(
    ("steps", "more", "says"),
    [
        ([], {}, "steps: .*at least 1"),
        ([{"name": "A b", "stage": "append"}], {}, "steps.0.name: needs small letters"),
        ([{"name": "a", "stage": "apend"}], {}, r"steps.0.stage: no such stage; did you mean 'append'\?"),
        ([{"name": "a", "stage": "pipeline"}], {}, "no such stage"),
        (
            [{"name": "a", "stage": "append", "sets": {}}],
            {},
            r"unknown key 'steps.0.sets'; did you mean 'set'\?",
        ),
        ([TWO_STEPS[0], TWO_STEPS[0]], {}, "two steps are called 'first'"),
        ([TWO_STEPS[1], TWO_STEPS[0]], {}, "step 'second' reads from @first, which is no step before it"),
        (
            list(TWO_STEPS),
            {"overrides": {"secnd": {}}},
            r"no step is called 'secnd'; did you mean 'second'\?",
        ),
        (list(TWO_STEPS), {"overrides": {"first": {"source": "@second/x"}}}, "which is no step before it"),
    ],
)
def test_a_recipe_that_cannot_run_is_refused(steps: list[Any], more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        recipe(*steps, **more)


def test_a_typo_in_the_last_step_stops_the_recipe_before_the_first(tmp_path: Path) -> None:
    bad = {"name": "second", "stage": "append", "set": {"wrd": "b"}}
    with pytest.raises(ConfigError, match=r"step second: unknown key 'wrd'; did you mean 'word'\?"):
        execute(recipe(TWO_STEPS[0], bad), tmp_path / "run")
    lost = {"name": "second", "stage": "append", "set": {"source": "./nowhere.txt"}}
    with pytest.raises(MissingFileError, match="step second: ./nowhere.txt does not exist"):
        execute(recipe(TWO_STEPS[0], lost), tmp_path / "other")
    assert calls == []


def test_an_output_that_an_earlier_step_never_wrote_is_named_before_the_step_starts(tmp_path: Path) -> None:
    lost = {"name": "second", "stage": "append", "set": {"source": "@first/records/other.jsonl"}}
    with pytest.raises(MissingFileError, match=r"step second: .*01-first/records/other.jsonl does not exist"):
        execute(recipe(TWO_STEPS[0], lost), tmp_path / "run")
    assert not (tmp_path / "run/02-second").exists()


def test_the_plan_lists_the_steps_and_needs_no_file_of_theirs() -> None:
    plan = pipeline.plan(recipe(*TWO_STEPS))
    assert plan.splitlines() == [
        " 1. first: append  word=a",
        " 2. second: append  word=b source=@first/records/out.txt",
    ]
    with pytest.raises(MissingFileError, match="./nowhere.txt"):
        pipeline.plan(recipe({"name": "a", "stage": "append", "set": {"source": "./nowhere.txt"}}))


def plan_append(config: AppendConfig) -> str:
    """Refuses what `run` would fail for."""
    if config.fails:
        raise ModelError("no such model; name another")
    return "append"


def test_the_plan_asks_the_stages_of_steps_that_read_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "plan", plan_append)  # of the module that the stage `append` names
    broken = {"name": "first", "stage": "append", "set": {"fails": True}}
    with pytest.raises(ModelError, match="^step first: no such model; name another$"):
        pipeline.plan(recipe(broken, TWO_STEPS[1]))
    later = {"name": "second", "stage": "append", "set": {"fails": True, "source": "@first/records/out.txt"}}
    assert pipeline.plan(recipe(TWO_STEPS[0], later))  # it reads what is not there yet


def test_references_are_found_and_replaced_at_any_depth() -> None:
    tree = {"a": ["@one/x.jsonl", {"b": "@two"}], "c": "me@one/x", "d": 3, "e": "@One/x"}
    assert referenced_steps(tree) == ["one", "two"]
    folders = {"one": Path("runs/01-one"), "two": Path("runs/02-two")}
    assert resolve_references(tree, folders) == {
        "a": ["runs/01-one/x.jsonl", {"b": "runs/02-two"}],
        "c": "me@one/x",
        "d": 3,
        "e": "@One/x",
    }

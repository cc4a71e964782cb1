"""The chrpo stage on a tiny model that sft has taught the protocol."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import ConfigError, DataError, ModelError, StageError
from extracot.io.config import load_config
from extracot.io.jsonl import JsonlWriter, read_jsonl
from extracot.io.manifest import Manifest, read_manifest
from extracot.io.run_directory import RunDirectory
from extracot.records import TeacherBudget
from extracot.training.chrpo.config import ChrpoConfig

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's trainers


@pytest.fixture(scope="module")
def sft_model(train_tiny_sft: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It answers in the protocol most of the time, with all three ratios."""
    folder = tmp_path_factory.mktemp("sft")
    return train_tiny_sft(folder, max_steps=60, epochs=200, learning_rate=1e-2) / "model"


@pytest.fixture(scope="module")
def budgets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("budgets") / "budgets.jsonl"
    with JsonlWriter(path) as writer:
        for a, teacher_ratio in ((2, 0.2), (3, 0.5), (4, 1.0), (7, None)):
            writer.write(
                TeacherBudget(
                    problem_id=f"p{a}",
                    question=f"Gus has {a} and 5. How many?",
                    answer=str(a + 5),
                    level=None,
                    pass_rates={"0.20": 1.0, "0.50": 1.0, "1.00": 1.0},
                    teacher_ratio=teacher_ratio,
                    n_reference_think_tokens=60.0,
                    n_samples=3,
                )
            )
    return path


def config(model: Path, budgets: Path, **changes: Any) -> ChrpoConfig:
    values = {
        "model": str(model),
        "budgets": str(budgets),
        "unsolved_share": 0.25,
        "n_steps": 4,
        "prompts_per_step": 2,
        "group_size": 4,
        "micro_batch_size": 4,
        "max_new_tokens": 100,
        "learning_rate": 1e-3,
        "save_every_steps": 2,
        **changes,
    }
    return ChrpoConfig.model_validate(values)


def train(settings: ChrpoConfig, folder: Path) -> Manifest:
    from extracot.training.chrpo.run import run

    return run(settings, RunDirectory.open(folder, settings, "chrpo", resume=True))


@pytest.fixture(scope="module")
def whole_run(sft_model: Path, budgets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chrpo") / "run"
    train(config(sft_model, budgets), folder)
    return folder


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_a_run_trains_and_leaves_a_model_with_its_knob(whole_run: Path, sft_model: Path) -> None:
    from extracot.models.knob import Knob

    assert Knob.load(str(whole_run / "model")) == Knob.load(str(sft_model))
    before, after = weights(sft_model), weights(whole_run / "model")
    assert any(not torch.equal(before[name], after[name]) for name in after)
    assert read_manifest(whole_run / "manifest.json").counts == {
        "budgets": 4,
        "problems": 4,
        "unsolved": 1,
        "steps": 4,
    }


def test_every_step_logs_every_part_and_the_head(whole_run: Path) -> None:
    rows = [row for _, row in read_jsonl(whole_run / "metrics.jsonl")]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        for part in ("accuracy", "calibration", "mode", "integrity", "ctrl"):
            assert f"reward/{part}" in row
        shares = [row[f"head/share_{ratio}"] for ratio in ("0.20", "0.50", "1.00")]
        assert sum(shares) + row["head/no_choice"] == pytest.approx(1)
        for name in (
            "think_tokens/mean",
            "accuracy",
            "head/entropy",
            "head/loss",
            "loss",
            "grad_norm",
            "step_s",
        ):
            assert row[name] is not None
    assert sum(row["head/no_choice"] for row in rows) / len(rows) < 0.5
    assert any(row["grad_norm"] > 0 for row in rows)


def test_a_killed_run_resumes_to_the_same_weights(
    whole_run: Path, sft_model: Path, budgets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_metrics = RunDirectory.metrics

    def killed_at_step_4(self: RunDirectory, step: int, **values: float) -> None:
        if step == 4:
            raise KeyboardInterrupt
        write_metrics(self, step, **values)

    settings = config(sft_model, budgets)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunDirectory, "metrics", killed_at_step_4)
        train(settings, tmp_path / "run")
    train(settings, tmp_path / "run")
    assert "going on from checkpoint-2" in (tmp_path / "run/logs/attempt-2.log").read_text()
    expected = weights(whole_run / "model")
    for name, found in weights(tmp_path / "run/model").items():
        assert torch.equal(found, expected[name]), name


def test_a_kill_between_the_last_checkpoint_and_the_manifest_only_saves_again(
    whole_run: Path, sft_model: Path, budgets: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole_run, tmp_path / "run")
    (tmp_path / "run/manifest.json").unlink()
    shutil.rmtree(tmp_path / "run/model")
    manifest = train(config(sft_model, budgets), tmp_path / "run")
    assert manifest.counts["steps"] == 4
    expected = weights(whole_run / "model")
    for name, found in weights(tmp_path / "run/model").items():
        assert torch.equal(found, expected[name]), name


@pytest.mark.slow
def test_a_training_that_is_killed_without_warning_resumes_to_the_same_weights(
    sft_model: Path, budgets: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.json"
    values = config(sft_model, budgets, save_every_steps=1, n_steps=5).model_dump(mode="json")
    settings.write_text(json.dumps({"stage": "chrpo", **values}))
    command = [sys.executable, "-m", "extracot", "chrpo", str(settings), "--resume", "--out"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(whole)], check=True, capture_output=True, timeout=300)
    # As soon as anything of the second checkpoint is there: it is whole, or torn and passed over.
    process = subprocess.Popen([*command, str(killed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not (killed / "checkpoints/checkpoint-2").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "manifest.json").exists()
    subprocess.run([*command, str(killed)], check=True, capture_output=True, timeout=300)
    assert "going on from checkpoint-" in (killed / "logs/attempt-2.log").read_text()
    expected = weights(whole / "model")
    for name, found in weights(killed / "model").items():
        assert torch.equal(found, expected[name]), name


def test_several_updates_per_roll_out_and_a_kl_term_run(sft_model: Path, budgets: Path, tmp_path: Path) -> None:
    settings = config(sft_model, budgets, n_iterations=2, beta=0.05, n_steps=2, own_rollouts=False)
    train(settings, tmp_path / "run")
    rows = [row for _, row in read_jsonl(tmp_path / "run/metrics.jsonl")]
    assert len(rows) == 2
    assert "head/no_choice" in rows[0] and "head/no_choice" not in rows[1]  # the second is on the same responses
    assert rows[1]["kl"] > 0


def test_a_model_that_never_chooses_ends_the_run(prepared_model_dir: Path, budgets: Path, tmp_path: Path) -> None:
    settings = config(prepared_model_dir, budgets, n_steps=20, max_new_tokens=4, learning_rate=1e-9)
    with pytest.raises(StageError, match="no response started with a ratio token"):
        train(settings, tmp_path / "run")


def test_an_empty_table_of_budgets_is_refused(sft_model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "budgets.jsonl"
    empty.write_text("")
    with pytest.raises(DataError, match="holds no teacher budgets"):
        train(config(sft_model, empty), tmp_path / "run")


def test_too_few_problems_for_a_step_are_refused(sft_model: Path, budgets: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"4 problems remain of 4 \(3 solved\), fewer than prompts_per_step=8"):
        train(config(sft_model, budgets, prompts_per_step=8), tmp_path / "run")


def test_a_reference_length_of_zero_is_refused_by_line(sft_model: Path, budgets: Path, tmp_path: Path) -> None:
    broken = tmp_path / "budgets.jsonl"
    text = budgets.read_text()
    broken.write_text(text.replace('"n_reference_think_tokens":60.0', '"n_reference_think_tokens":0.0'))
    assert broken.read_text() != text
    with pytest.raises(DataError, match=r"budgets.jsonl:1: n_reference_think_tokens"):
        train(config(sft_model, broken), tmp_path / "run")


def test_a_model_without_control_tokens_is_refused(tiny_model_dir: Path, budgets: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="prepare-model"):
        train(config(tiny_model_dir, budgets), tmp_path / "run")


def test_budgets_at_ratios_that_the_model_does_not_have_are_refused(
    prepared_model_dir: Path, budgets: Path, tmp_path: Path
) -> None:
    other = tmp_path / "budgets.jsonl"
    other.write_text(budgets.read_text().replace('"0.50":', '"0.60":'))
    with pytest.raises(DataError, match=r"problem p2 was measured at 0.60, .* its ratios are 0.20, 0.50, 1.00"):
        train(config(prepared_model_dir, other), tmp_path / "run")


def test_a_plan_reads_the_budgets_and_refuses_what_the_run_would(
    prepared_model_dir: Path, tiny_model_dir: Path, budgets: Path, tmp_path: Path
) -> None:
    from extracot.training.chrpo.run import plan

    told = plan(config(prepared_model_dir, budgets))
    assert told.startswith("4 of 4 problems, by teacher budget 0.20: 1, 0.50: 1, 1.00: 1, none: 1; 4 steps of 2 ")
    rows = budgets.read_text().splitlines(keepends=True)
    for name, text, says in (
        ("empty", "", "holds no teacher budgets"),
        ("unsolved", rows[3], "0 problems remain of 1 \\(0 solved\\)"),
        ("foreign", '{"question": "q", "answer": "a"}\n', "row has no format"),
        ("ratios", budgets.read_text().replace('"0.50":', '"0.60":'), "measured at 0.60"),
    ):
        path = tmp_path / f"{name}.jsonl"
        path.write_text(text)
        with pytest.raises(DataError, match=says):
            plan(config(prepared_model_dir, path))
    with pytest.raises(ModelError, match="prepare-model"):
        plan(config(tiny_model_dir, budgets))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("save_every_steps=3", "no multiple of n_iterations=2"),
        ("micro_batch_size=3", "no multiple of micro_batch_size=3"),
        ("head_coefficient=null", "leaves no first-token loss for parts.ctrl"),
        ("parts.mod=false", "did you mean 'mode'"),
        ("asked_share=1", "leaves nothing to choose; switch parts.mode and parts.ctrl off"),
        ("rival.kind=lcpo_max", "rival.kind=lcpo_max measures against the asked length; set asked_share=1"),
        ("rival={kind: thinkless, per_tok: 1}", "did you mean 'per_token'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(setting: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(ChrpoConfig, None, ["model=m", "budgets=b", "n_iterations=2", setting])


def prompts_and_asked_ratios(settings: ChrpoConfig, folder: Path) -> list[tuple[str, float | None]]:
    from extracot.grading.grader import Grader
    from extracot.models.load import load_causal_lm
    from extracot.training.chrpo.run import make_trainer
    from extracot.training.model_folder import load_prepared

    knob, tokenizer = load_prepared(settings.model)
    chosen = [TeacherBudget.model_validate(row) for _, row in read_jsonl(settings.budgets)]
    run_dir = RunDirectory.open(folder, settings, "chrpo")
    with Grader() as grader:
        model = load_causal_lm(settings.model, device="cpu")
        trainer, _ = make_trainer(settings, run_dir, model, knob, tokenizer, chosen, grader)
    return [(row["prompt"], row["asked_ratio"]) for row in trainer.train_dataset]


def test_prompts_ask_for_the_choice_of_the_model(sft_model: Path, budgets: Path, tmp_path: Path) -> None:
    for prompt, asked in prompts_and_asked_ratios(config(sft_model, budgets), tmp_path / "run"):
        assert asked is None
        assert prompt.count("<COMP_") == 1 and "<COMP_POLICY>" in prompt


def test_prompts_that_ask_for_the_grid_tell_the_ratio_that_rewards_measure_against(
    sft_model: Path, budgets: Path, tmp_path: Path
) -> None:
    no_choice = {"asked_share": 1.0, "parts": {"mode": False, "ctrl": False}}
    rows = prompts_and_asked_ratios(config(sft_model, budgets, n_steps=10, **no_choice), tmp_path / "run")
    assert len(rows) == 20  # 10 steps of 2 problems
    asked_by_question: dict[str, set[float]] = {}
    for prompt, asked in rows:
        assert asked is not None
        token = f"<COMP_{100 * asked:.0f}>"
        assert prompt.count("<COMP_") == 1 and token in prompt
        asked_by_question.setdefault(prompt.replace(token, ""), set()).add(asked)
    assert set.union(*asked_by_question.values()) == {0.2, 0.5, 1.0}
    assert len(asked_by_question) == 4
    assert max(map(len, asked_by_question.values())) > 1  # drawn anew each time that a problem comes


def test_a_share_of_the_prompts_asks_for_a_ratio(sft_model: Path, budgets: Path, tmp_path: Path) -> None:
    rows = prompts_and_asked_ratios(config(sft_model, budgets, n_steps=50, asked_share=0.3), tmp_path / "run")
    n_asked = sum(asked is not None for _, asked in rows)
    assert 15 <= n_asked <= 45  # of 100, 30 expected
    assert all(("<COMP_POLICY>" in prompt) == (asked is None) for prompt, asked in rows)


def test_a_rival_gets_whole_groups(
    sft_model: Path, budgets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All responses of a group answer one prompt, however many passes they are trained in."""
    from extracot.training.chrpo import scoring

    seen: list[scoring.RivalCase] = []
    compute = scoring.rival_rewards

    def watched(cases: Any, *others: Any) -> Any:
        seen.extend(cases)
        return compute(cases, *others)

    monkeypatch.setattr(scoring, "rival_rewards", watched)
    rival = {"kind": "lcpo_exact", "per_token": 0.006}
    settings = config(
        sft_model,
        budgets,
        micro_batch_size=2,  # half a group
        asked_share=1.0,
        parts={"mode": False, "ctrl": False},
        rival=rival,
    )
    train(settings, tmp_path / "run")
    groups = [seen[start : start + 4] for start in range(0, len(seen), 4)]
    assert len(groups) == 4 * 2  # 4 steps of 2 problems
    assert all(len({case.asked_ratio for case in group}) == 1 for group in groups)
    assert len({case.asked_ratio for case in seen}) > 1


def rival_presets() -> list[str]:
    from extracot.io.config import list_presets

    return [name for name in list_presets() if name.startswith("rival-")]


@pytest.mark.parametrize("name", rival_presets())
def test_a_rival_trains_on_as_much_as_chrpo_does(name: str) -> None:
    """Same problems, number of roll-outs and optimiser: only what is paid for and how it is normalised differ."""
    ours, rival = load_config(ChrpoConfig, "chrpo-published-toy"), load_config(ChrpoConfig, name)
    differing = {key for key in ChrpoConfig.model_fields if getattr(ours, key) != getattr(rival, key)}
    assert differing <= {
        "parts",
        "weights",
        "rival",
        "advantage_scale",
        "std_floor",
        "head_coefficient",
        "loss_type",
        "asked_share",
        "max_new_tokens",
        "trainer_args",
    }
    assert not any(rival.parts.model_dump().values())  # none of ours acts beside it
    assert (rival.rival.kind == "none") == (rival.weights.accuracy > 0)  # one reward pays for right answers, not two


@pytest.mark.parametrize("name", rival_presets())
def test_every_rival_trains(name: str, sft_model: Path, budgets: Path, tmp_path: Path) -> None:
    small = ["n_steps=1", "prompts_per_step=2", "group_size=4", "micro_batch_size=4", "unsolved_share=0.25"]
    settings = load_config(ChrpoConfig, name, [f"model={sft_model}", f"budgets={budgets}", *small])
    train(settings, tmp_path / "run")
    ((_, row),) = read_jsonl(tmp_path / "run/metrics.jsonl")
    assert row["reward/total"] == pytest.approx(
        row["reward/accuracy"] if settings.rival.kind == "none" else row["reward/rival"], abs=1e-6
    )
    assert ("head/loss" in row) == (settings.head_coefficient is not None)
    assert row["completions/max_length"] <= settings.max_new_tokens


def test_the_switches_silence_their_parts_one_by_one() -> None:
    from extracot.training.chrpo.run import part_weights

    def weights_without(*parts: str) -> tuple[float, ...]:
        return part_weights(
            load_config(ChrpoConfig, None, ["model=m", "budgets=b", *(f"parts.{part}=false" for part in parts)])
        )

    assert weights_without() == (1.0, 0.2, 0.4, 0.3)  # accuracy, calibration, mode, integrity
    assert weights_without("cal") == (1.0, 0.0, 0.4, 0.3)
    assert weights_without("mode") == (1.0, 0.2, 0.0, 0.3)
    assert weights_without("int") == (1.0, 0.2, 0.4, 0.0)
    assert weights_without("ctrl") == weights_without()

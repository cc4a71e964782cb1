"""What changes how the sft stage trains, and must not change what it learns."""

from collections.abc import Callable
from pathlib import Path

import pytest

from extracot.errors import ConfigError, MissingExtraError
from extracot.io.jsonl import read_jsonl
from extracot.io.manifest import read_manifest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's trainers

TrainTinySft = Callable[..., Path]


def metrics(run_folder: Path) -> dict[int, dict[str, float]]:
    """The last line of every step."""
    return {row["step"]: row for _, row in read_jsonl(run_folder / "metrics.jsonl")}


def losses(run_folder: Path) -> list[float]:
    return [row["loss"] for row in metrics(run_folder).values()]


def weights(folder: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def plain_run(train_tiny_sft: TrainTinySft, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_sft(tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("change", [{"packing": True}, {"gradient_checkpointing": True}], ids=["packing", "recompute"])
def test_packing_and_recomputing_leave_every_loss_as_it_is(
    change: dict[str, object], plain_run: Path, train_tiny_sft: TrainTinySft, tmp_path: Path
) -> None:
    changed = train_tiny_sft(tmp_path, **change)
    assert losses(changed) == pytest.approx(losses(plain_run), rel=1e-4)
    n_tokens = [metrics(folder)[6]["num_tokens"] for folder in (changed, plain_run)]
    assert n_tokens[0] == n_tokens[1]  # none cut, none twice


@pytest.fixture(scope="module")
def measured_run(train_tiny_sft: TrainTinySft, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_sft(
        tmp_path_factory.mktemp("measured"),
        holdout_share=0.3,
        eval_every_steps=3,
        control_questions=2,
        best_by="control_error",
    )


def test_held_out_questions_are_measured_and_not_trained_on(measured_run: Path) -> None:
    manifest = read_manifest(measured_run / "manifest.json")
    # a third of three questions is one, with 3 ratios x 2 queues
    assert (manifest.counts["held_out_questions"], manifest.counts["examples"]) == (1, 12)
    rows = metrics(measured_run)
    assert [step for step, row in rows.items() if "held_out/loss" in row] == [3, 6]
    assert "loss" in rows[3]
    actual = {ratio: rows[6][f"held_out/actual_ratio/{ratio:.2f}"] for ratio in (0.2, 0.5, 1.0)}
    error = sum(abs(actual[ratio] - ratio) for ratio in actual) / 3
    assert rows[6]["held_out/control_error"] == pytest.approx(error)


def test_the_held_out_loss_is_the_mean_over_all_completion_tokens(measured_run: Path) -> None:
    """Against the saved model, one example at a time."""
    from extracot.io.jsonl import read_records
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.records import SftExample
    from extracot.training.sft.encode import encode_example
    from extracot.training.sft.holdout import held_out_problems

    examples = list(read_records(measured_run.parent / "examples.jsonl", SftExample))
    kept_out = held_out_problems([e.problem_id for e in examples], 0.3, seed=0)
    folder = str(measured_run / "model")
    model, tokenizer = load_causal_lm(folder, device="cpu"), load_tokenizer(folder)
    total, n_tokens = 0.0, 0
    for example in examples:
        if example.problem_id in kept_out:
            encoded = encode_example(
                example.prompt,
                example.completion,
                lambda text: tokenizer.encode(text, add_special_tokens=False),
                tokenizer.eos_token_id,
                "row",
            )
            labels = torch.tensor([encoded.labels])
            n = int((labels != -100).sum())
            with torch.no_grad():
                total += n * model(input_ids=torch.tensor([encoded.input_ids]), labels=labels).loss.item()
            n_tokens += n
    saved_step = read_manifest(measured_run / "manifest.json").summary["saved_step"]
    assert metrics(measured_run)[saved_step]["held_out/loss"] == pytest.approx(total / n_tokens, rel=1e-4)


def test_the_best_checkpoint_is_the_one_saved(measured_run: Path) -> None:
    errors = {
        step: row["held_out/control_error"] for step, row in metrics(measured_run).items() if "held_out/loss" in row
    }
    summary = read_manifest(measured_run / "manifest.json").summary
    # the trainer keeps the earlier of two that are equal
    assert summary["saved_step"] == min(errors, key=lambda step: (errors[step], step))
    assert summary["best_held_out_control_error"] == min(errors.values())
    assert summary["best_held_out_loss"] == min(metrics(measured_run)[step]["held_out/loss"] for step in errors)
    saved = weights(measured_run / "model")
    checkpoint = weights(measured_run / f"checkpoints/checkpoint-{summary['saved_step']}")
    assert all(torch.equal(saved[name], checkpoint[name]) for name in checkpoint)


def test_measuring_does_not_change_training(measured_run: Path, train_tiny_sft: TrainTinySft, tmp_path: Path) -> None:
    unmeasured = train_tiny_sft(tmp_path, holdout_share=0.3, eval_every_steps=6, control_questions=0)
    assert losses(unmeasured) == losses(measured_run)


def test_control_error_is_that_of_the_answers(
    train_tiny_sft: TrainTinySft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of a fifth of the reference at every ratio: on the grid 0.2, 0.5, 1.0 they are off by 0, 0.3, 0.8."""
    from extracot.generate.backend import Generation
    from extracot.training.sft import trainer

    whole = "$ 2 + 5 = 7 $ " * 5
    fifth = whole[: len(whole) // 5]

    class Terse:
        def __init__(self, model: object, tokenizer: object, batch_size: int) -> None:
            assert batch_size == 2

        def generate(self, prompts: list[str], sampling: object) -> list[Generation]:
            assert sorted(token for p in prompts for token in ("_20>", "_50>", "_100>") if token in p) == [
                "_100>",
                "_20>",
                "_50>",
            ]
            return [Generation(f"<COMP_20>\n<think>\n{fifth.strip()}\n</think>\n7", [1], False, 0.0) for _ in prompts]

    monkeypatch.setattr(trainer, "TransformersBackend", Terse)
    folder = train_tiny_sft(
        tmp_path, holdout_share=0.3, control_questions=1, control_batch_size=2, max_steps=1, batch_size=4
    )
    row = metrics(folder)[1]
    assert row["held_out/actual_ratio/0.50"] == pytest.approx(0.2, abs=0.02)
    assert row["held_out/control_error"] == pytest.approx((0 + 0.3 + 0.8) / 3, abs=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"best_by": "loss"}, "needs held-out questions"),
        ({"best_by": "loss", "holdout_share": 0.3, "eval_every_steps": 2}, "save_every_steps=3 and eval_every_steps=2"),
        (
            {"best_by": "control_error", "holdout_share": 0.3, "eval_every_steps": 3, "control_questions": 0},
            "control_questions above 0",
        ),
    ],
)
def test_a_best_checkpoint_that_nothing_measures_is_refused(
    change: dict[str, object], says: str, train_tiny_sft: TrainTinySft, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=says):
        train_tiny_sft(tmp_path, **change)


def test_trackers_are_those_of_the_trainer(train_tiny_sft: TrainTinySft, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'tensorboard'"):
        train_tiny_sft(tmp_path / "typo", report_to=["tensorbord"])
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="pip install tensorboard"):
            train_tiny_sft(tmp_path / "missing", report_to=["tensorboard"])
        return
    run_folder = train_tiny_sft(tmp_path / "there", report_to=["tensorboard"], max_steps=1)
    assert list(run_folder.rglob("events.out.tfevents*"))

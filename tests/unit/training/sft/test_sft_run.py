"""The sft stage on a tiny random model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from extracot.errors import ConfigError, DataError, ModelError, StageError
from extracot.io.jsonl import read_jsonl
from extracot.io.manifest import read_manifest
from extracot.io.run_directory import RunDirectory

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's trainers

TrainTinySft = Callable[..., Path]


@pytest.fixture(scope="module")
def whole_run(train_tiny_sft: TrainTinySft, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_sft(tmp_path_factory.mktemp("whole"))


def weights(run_folder: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    return load_file(run_folder / "model" / "model.safetensors")


def test_a_run_leaves_a_model_that_later_stages_can_use(whole_run: Path, prepared_model_dir: Path) -> None:
    from extracot.models.knob import Knob
    from extracot.training.model_folder import load_prepared

    knob, _ = load_prepared(str(whole_run / "model"))
    assert knob == Knob.load(str(prepared_model_dir))
    generation = json.loads((whole_run / "model/generation_config.json").read_text())
    assert generation["do_sample"] is True
    assert not (whole_run / "model/training_args.bin").exists()
    manifest = read_manifest(whole_run / "manifest.json")
    assert manifest.counts == {"examples": 18, "too_long": 0, "held_out_questions": 0, "steps": 6}


def test_the_loss_falls_and_every_step_is_in_the_metrics(whole_run: Path) -> None:
    rows = [row for _, row in read_jsonl(whole_run / "metrics.jsonl")]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(row["step_s"] > 0 for row in rows)


def test_a_killed_run_resumes_to_the_same_weights(
    whole_run: Path, train_tiny_sft: TrainTinySft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_metrics = RunDirectory.metrics

    def killed_at_step_5(self: RunDirectory, step: int, **values: float) -> None:
        if step == 5:
            raise KeyboardInterrupt
        write_metrics(self, step, **values)

    shutil.copytree(whole_run.parent, tmp_path, dirs_exist_ok=True)  # the same path would differ in the config
    shutil.rmtree(tmp_path / "run")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunDirectory, "metrics", killed_at_step_5)
        train_tiny_sft(tmp_path)
    torn = tmp_path / "run/checkpoints/checkpoint-5"
    torn.mkdir()  # as a kill -9 while saving leaves it
    resumed = train_tiny_sft(tmp_path)
    assert not torn.exists()
    assert "going on from checkpoint-3" in (resumed / "logs/attempt-2.log").read_text()
    expected = weights(whole_run)
    for name, found in weights(resumed).items():
        assert torch.equal(found, expected[name]), name


def test_sequences_are_those_that_trl_would_make(prepared_model_dir: Path, whole_run: Path, tmp_path: Path) -> None:
    """Our own tokenisation against TRL's preparation of prompt and completion texts."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from extracot.io.jsonl import read_records
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.records import SftExample
    from extracot.training.sft.encode import encode_example

    examples = list(read_records(whole_run.parent / "examples.jsonl", SftExample))[:3]
    tokenizer = load_tokenizer(str(prepared_model_dir))
    trainer = SFTTrainer(
        model=load_causal_lm(str(prepared_model_dir), device="cpu"),
        args=SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none", max_length=None),
        train_dataset=Dataset.from_list([{"prompt": e.prompt, "completion": e.completion} for e in examples]),
        processing_class=tokenizer,
    )
    for row, example in zip(trainer.train_dataset, examples, strict=True):
        ours = encode_example(
            example.prompt,
            example.completion,
            lambda text: tokenizer.encode(text, add_special_tokens=False),
            tokenizer.eos_token_id,
            "row",
        )
        assert row["input_ids"] == ours.input_ids
        assert row["labels"] == ours.labels
        first_learnt = next(label for label in ours.labels if label != -100)
        assert tokenizer.convert_ids_to_tokens(first_learnt).startswith("<COMP_")


def test_examples_that_are_too_long_are_left_out_and_counted(train_tiny_sft: TrainTinySft, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all 18 examples are longer than max_length=5"):
        train_tiny_sft(tmp_path, max_length=5)


def test_a_learning_rate_that_explodes_ends_the_run_before_it_saves(
    train_tiny_sft: TrainTinySft, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match="step"):
        train_tiny_sft(tmp_path, learning_rate=1e30, max_grad_norm=1e30, warmup_share=0)
    assert not (tmp_path / "run/manifest.json").exists()


def test_batches_that_do_not_divide_are_refused(train_tiny_sft: TrainTinySft, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no multiple of micro_batch_size=3"):
        train_tiny_sft(tmp_path, micro_batch_size=3)


def test_an_argument_that_the_config_decides_is_refused(train_tiny_sft: TrainTinySft, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trainer_args sets bf16"):
        train_tiny_sft(tmp_path, trainer_args={"bf16": True})


def test_a_model_without_control_tokens_is_refused(
    train_tiny_sft: TrainTinySft, tiny_model_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="prepare-model"):
        train_tiny_sft(tmp_path, model=str(tiny_model_dir))

"""Adapters of the sft stage: what moves, and what later stages get."""

from collections.abc import Callable
from pathlib import Path

import pytest

from extracot.errors import ConfigError, MissingExtraError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's trainers

TrainTinySft = Callable[..., Path]
PreparedModel = Callable[..., Path]


def load(folder: Path) -> object:
    from extracot.models.load import load_causal_lm

    return load_causal_lm(str(folder), device="cpu")


def moved_rows(before: object, after: object) -> set[int]:
    return set((before != after).any(dim=1).nonzero().flatten().tolist())  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_tied", [True, False], ids=["tied", "untied"])
def test_exactly_the_rows_of_the_control_tokens_move_and_the_saved_model_is_plain(
    is_tied: bool, prepare_tiny_model: PreparedModel, train_tiny_sft: TrainTinySft, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    from extracot.models.control import control_token_ids
    from extracot.text.control import control_tokens
    from extracot.training.model_folder import load_prepared

    start = prepare_tiny_model(tmp_path / "prepared", is_tied=is_tied)
    measured = {"holdout_share": 0.3, "eval_every_steps": 3, "control_questions": 1, "best_by": "loss"}
    run_folder = train_tiny_sft(tmp_path, model=str(start), lora={"rank": 4}, weight_decay=0, **measured)
    knob, tokenizer = load_prepared(str(run_folder / "model"))
    control = set(control_token_ids(tokenizer, control_tokens(knob.grid)).values())
    before, after = load(start), load(run_folder / "model")
    assert moved_rows(before.get_input_embeddings().weight, after.get_input_embeddings().weight) == control
    assert moved_rows(before.get_output_embeddings().weight, after.get_output_embeddings().weight) == control
    assert (after.get_output_embeddings().weight is after.get_input_embeddings().weight) == is_tied
    projections = [model.model.layers[0].self_attn.q_proj.weight for model in (before, after)]
    assert not torch.equal(*projections)
    assert torch.equal(before.model.norm.weight, after.model.norm.weight)
    assert (run_folder / "adapter/adapter_model.safetensors").is_file()
    assert not (run_folder / "model/adapter_config.json").exists()


def test_a_killed_run_with_adapters_resumes_to_the_same_weights(
    train_tiny_sft: TrainTinySft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    from safetensors.torch import load_file

    from extracot.io.run_directory import RunDirectory

    write_metrics = RunDirectory.metrics

    def killed_at_step_5(self: RunDirectory, step: int, **values: float) -> None:
        if step == 5:
            raise KeyboardInterrupt
        write_metrics(self, step, **values)

    whole = train_tiny_sft(tmp_path / "whole", lora={"rank": 2, "dropout": 0.1})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunDirectory, "metrics", killed_at_step_5)
        train_tiny_sft(tmp_path / "killed", lora={"rank": 2, "dropout": 0.1})
    resumed = train_tiny_sft(tmp_path / "killed", lora={"rank": 2, "dropout": 0.1})
    expected = load_file(whole / "model/model.safetensors")
    for name, found in load_file(resumed / "model/model.safetensors").items():
        assert torch.equal(found, expected[name]), name


def test_a_layer_that_is_not_there_is_refused(train_tiny_sft: TrainTinySft, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    with pytest.raises(ConfigError, match="no layer is called c_attn"):
        train_tiny_sft(tmp_path, lora={"target_modules": ["c_attn"]})


def test_without_peft_the_extra_is_named(
    train_tiny_sft: TrainTinySft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"pip install -c constraints.txt '\.\[lora\]' in a checkout"):
        train_tiny_sft(tmp_path, lora={})

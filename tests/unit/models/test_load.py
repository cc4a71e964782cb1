from pathlib import Path

import pytest

from extracot.errors import ModelError
from extracot.models.load import load_causal_lm, load_tokenizer, resolve_model


def test_a_folder_with_a_model_is_itself(tiny_model_dir: Path) -> None:
    assert resolve_model(str(tiny_model_dir)) == str(tiny_model_dir)


def test_a_name_with_one_slash_is_a_hub_name() -> None:
    assert resolve_model("Qwen/Qwen3-1.7B") == "Qwen/Qwen3-1.7B"


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "runs/sft/model", ""])
def test_a_path_to_nothing_is_an_error(name: str) -> None:
    with pytest.raises(ModelError, match="is no folder"):
        resolve_model(name)


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="config.json is missing"):
        resolve_model(str(tmp_path))


def test_a_file_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="is no folder"):
        resolve_model("model")


def test_a_folder_without_a_tokenizer_is_an_error(tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_model_dir / "config.json").read_bytes())
    with pytest.raises(ModelError, match=r"has no tokenizer: copy tokenizer\.json") as caught:
        load_tokenizer(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_there_are_one_line(tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_model_dir / "config.json").read_bytes())
    with pytest.raises(ModelError, match="cannot load the model") as caught:
        load_causal_lm(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_hub_model_that_cannot_be_had_is_one_line() -> None:
    with pytest.raises(ModelError, match="cannot load the tokenizer of nobody/nothing") as caught:
        load_tokenizer("nobody/nothing")
    assert "\n" not in str(caught.value)


def test_a_model_comes_in_the_asked_type_ready_for_use(tiny_model_dir: Path) -> None:
    import torch

    model = load_causal_lm(str(tiny_model_dir), dtype="bfloat16", device="cpu")
    assert not model.training
    assert model.dtype is torch.bfloat16
    assert load_causal_lm(str(tiny_model_dir), device="cpu").dtype is torch.float32

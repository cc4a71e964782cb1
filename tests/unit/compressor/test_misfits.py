"""Models, tokenizers and frames that do not belong together are refused before they score anything."""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForTokenClassification, ByT5Tokenizer, PreTrainedTokenizerFast

from extracot.compressor.compressor import Compressor
from extracot.compressor.encoder_input import CONFIG_KEY
from extracot.compressor.scorers.encoder import EncoderScorer
from extracot.errors import ModelError


def misfit(folder: Path, out: Path, **changes: object) -> Path:
    """A copy of a compressor whose stored frame says something else."""
    model = AutoModelForTokenClassification.from_pretrained(folder)
    setattr(model.config, CONFIG_KEY, {**getattr(model.config, CONFIG_KEY), **changes})
    model.save_pretrained(out)
    PreTrainedTokenizerFast.from_pretrained(folder).save_pretrained(out)
    return out


def test_another_number_of_labels_than_of_tiers(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m", tiers=[0.0, 1.0])
    with pytest.raises(ModelError, match="has 3 labels and its config.json 2 tiers of importance"):
        Compressor.from_pretrained(folder, device="cpu")


def test_another_number_of_labels_than_of_weights(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    names = {"drop": 0, "keep": 1}
    written = {**config, "label2id": names, "id2label": {label: name for name, label in names.items()}}
    (folder / "config.json").write_text(json.dumps(written))
    with pytest.raises(ModelError, match="do not fit its config.json, by the number of labels for instance"):
        Compressor.from_pretrained(folder, device="cpu")


def test_weights_that_were_cut_off(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError, match="its weights are damaged or"):
        Compressor.from_pretrained(folder, device="cpu")


def test_a_frame_that_is_not_whole(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m", opening=None)
    with pytest.raises(ModelError, match=r"the part 'extracot' of config\.json is not what"):
        Compressor.from_pretrained(folder, device="cpu")


def test_a_frame_of_unknown_tokens(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m", separator=[99999])
    with pytest.raises(ModelError, match="frames the input with token 99999, but the model knows"):
        Compressor.from_pretrained(folder, device="cpu")


def test_a_tokenizer_with_more_tokens_than_the_model_has(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens([f"word{number}" for number in range(50)])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match=r"the tokenizer has a token \d+, but the model knows \d+ tokens only"):
        Compressor.from_pretrained(folder, device="cpu")


def test_a_tokenizer_with_other_special_tokens(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.sep_token, tokenizer.eos_token = None, tokenizer.convert_ids_to_tokens(5)
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="trained with other special tokens than this tokenizer has"):
        Compressor.from_pretrained(folder, device="cpu")


def test_a_folder_with_a_slow_tokenizer_only(tiny_compressor_dir: Path, tmp_path: Path) -> None:
    folder = misfit(tiny_compressor_dir, tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    with pytest.raises(ModelError, match="fast tokenizer, which locates tokens in a text"):
        Compressor.from_pretrained(folder, device="cpu")


def test_a_tokenizer_that_cannot_locate_its_tokens(tiny_compressor_dir: Path) -> None:
    fitting = EncoderScorer.from_pretrained(tiny_compressor_dir, device="cpu")
    with pytest.raises(ModelError, match="needs a fast tokenizer"):
        EncoderScorer(fitting.model, ByT5Tokenizer(), fitting.layout)
    with pytest.raises(ModelError, match="needs a fast tokenizer"):
        Compressor(fitting).compress("", "So x = 1.", [0.5], ByT5Tokenizer())

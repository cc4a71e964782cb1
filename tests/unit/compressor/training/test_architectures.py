"""Any encoder with a token classification head can be trained and used: tiny random ones, made here."""

import json
from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertForTokenClassification,
    LongformerConfig,
    LongformerForTokenClassification,
    ModernBertConfig,
    ModernBertForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from extracot.compressor.compressor import Compressor
from extracot.compressor.scorers.encoder import EncoderScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.training.config import TrainCompressorConfig
from extracot.compressor.training.run import run
from extracot.compressor.training.vocabulary import train_tokenizer
from extracot.io.config import load_config
from extracot.io.run_directory import RunDirectory
from extracot.records.annotation import Annotation
from extracot.text.units import UnitKind, segment

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
TEXTS = [f"Well, Gus has {i}, so $ Gus = {i} $. Next, $ Ola = {i} + 1 $. That settles it." for i in range(12)]


def random_encoder(name: str, vocab_size: int) -> PreTrainedModel:
    torch.manual_seed(0)
    ids = {"vocab_size": vocab_size, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": None}
    if name == "longformer":
        # Two positions go to the padding index, so 128 tokens can be read.
        config = LongformerConfig(**SIZES, **ids, attention_window=8, max_position_embeddings=130, sep_token_id=2)
        return LongformerForTokenClassification(config)
    if name == "modernbert":
        # `layer_types` alternate by default; one layer is one of full attention.
        return ModernBertForTokenClassification(
            ModernBertConfig(**SIZES, **ids, max_position_embeddings=128, cls_token_id=None, sep_token_id=None)
        )
    return BertForTokenClassification(BertConfig(**SIZES, **ids, max_position_embeddings=128))


@pytest.fixture(params=["longformer", "modernbert", "bert"])
def encoder_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / str(request.param)
    tokenizer = small_tokenizer()
    random_encoder(request.param, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def small_tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 320)


def write_data(folder: Path) -> None:
    """Formulas are needed, prose is not."""
    with open(folder / "traces.jsonl", "w") as traces, open(folder / "annotations.jsonl", "w") as annotations:
        for i, cot in enumerate(TEXTS):
            traces.write(json.dumps({"id": f"t{i}", "question": f"How many, {i}?", "cot": cot}) + "\n")
            units = segment(cot, "clause")
            record = Annotation(
                trace_id=f"t{i}",
                annotator="hand",
                spans=[(unit.start, unit.end) for unit in units],
                importance=[float(unit.kind is UnitKind.FORMULA) for unit in units],
                outcome="ok",
                error=None,
            )
            annotations.write(record.model_dump_json() + "\n")


def train(folder: Path, out: str, **values: object) -> Path:
    """Train on `write_data`'s files and give the model's folder."""
    config = load_config(
        TrainCompressorConfig,
        None,
        values={
            "traces": str(folder / "traces.jsonl"),
            "annotations": str(folder / "annotations.jsonl"),
            "ratios": [0.5],
            "tiers": [0.0, 1.0],
            "batch_tokens": 256,
            "n_evaluations": 1,
            "holdout_share": 0.2,
            "device": "cpu",
            "lr": 1e-2,
            **values,
        },
    )
    run_dir = RunDirectory.open(folder / out, config, "train-compressor")
    run(config, run_dir)
    return run_dir.path / "model"


def test_any_encoder_learns_and_then_compresses(encoder_dir: Path, tmp_path: Path) -> None:
    write_data(tmp_path)
    model_dir = train(tmp_path, "run", encoder=str(encoder_dir), tokenizer=str(encoder_dir), max_steps=30, n_epochs=99)
    compressor = Compressor.from_pretrained(model_dir, device="cpu")
    text = "Well, so $ Gus = 3 $. Next, $ Ola = 3 + 1 $."
    [result] = compressor.compress("How many, 3?", text, [0.75], str(model_dir))
    assert "$ Gus = 3 $" in result.text and "$ Ola = 3 + 1 $" in result.text


def test_padding_beside_a_longer_text_does_not_change_scores(encoder_dir: Path) -> None:
    scorer = EncoderScorer.from_pretrained(encoder_dir, device="cpu")
    passages = [Passage("How many?", TEXTS[0]), Passage("Why?", " ".join(TEXTS[:4]))]
    units = [segment(passage.cot) for passage in passages]
    together = scorer.score(passages, units)
    assert together[0] == pytest.approx(scorer.score(passages[:1], units[:1])[0], abs=1e-5)


def test_a_longformer_reads_the_question_from_beyond_its_window(tmp_path: Path) -> None:
    # One layer with a window of 8 tokens: what is 60 tokens away is seen globally or not at all.
    tokenizer = small_tokenizer()
    random_encoder("longformer", len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    scorer = EncoderScorer.from_pretrained(tmp_path, device="cpu")
    text = " ".join(TEXTS[:2])
    units = [segment(text)]
    [one], [other] = (scorer.score([Passage(question, text)], units) for question in ("Gus?", "Ola?"))
    assert one[-1] != pytest.approx(other[-1], abs=1e-7)
    # And its own text only within the window: another beginning of the same length leaves the end alone.
    assert text.startswith("Well,")
    [changed] = scorer.score([Passage("Gus?", "Next," + text[5:])], units)
    assert changed[0] != pytest.approx(one[0], abs=1e-7)
    assert changed[-1] == pytest.approx(one[-1], abs=1e-7)


def test_a_new_encoder_can_have_a_tokenizer_of_its_own_and_half_size_weights(tmp_path: Path) -> None:
    write_data(tmp_path)
    sizes = {"hidden_size": 16, "n_layers": 1, "n_heads": 2, "mlp_size": 16, "max_length": 128}
    model_dir = train(tmp_path, "run", vocab_size=320, storage="float16", max_steps=2, **sizes)
    scorer = EncoderScorer.from_pretrained(model_dir, device="cpu")
    assert {p.dtype for p in scorer.model.parameters()} == {torch.float32}
    n_parameters = sum(p.numel() for p in scorer.model.parameters())
    assert (model_dir / "model.safetensors").stat().st_size < 3 * n_parameters
    assert len(scorer.tokenizer) <= 320
    card = (model_dir / "README.md").read_text()
    assert "annotated by hand" in card and "| random |" in card and str(tmp_path) not in card


def test_a_tokenizer_locates_every_sign_and_knows_a_value_again_wherever_it_stands() -> None:
    tokenizer = small_tokenizer()
    text = "So  7π, ≠ (42)\n\n\\frac{42}{5} = 42."
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    covered = {i for start, end in encoded["offset_mapping"] for i in range(start, end)}
    assert covered == {i for i, sign in enumerate(text) if sign != " "}
    for token, (start, end) in zip(encoded.tokens(), encoded["offset_mapping"], strict=True):
        assert not text[start:end].isdigit() or token == text[start:end]

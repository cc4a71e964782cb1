"""The `train-compressor` stage, on texts a model can learn in seconds."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from extracot.compressor.compressor import Compressor
from extracot.compressor.padding import model_inputs
from extracot.compressor.scorers.encoder import EncoderScorer
from extracot.compressor.training import run as training_run
from extracot.compressor.training.config import TrainCompressorConfig
from extracot.compressor.training.examples import Example
from extracot.compressor.training.model import build_encoder
from extracot.compressor.training.run import learning_rate_factor, run, shuffled_batches
from extracot.errors import DataError, ModelError
from extracot.io.config import load_config
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.text.units import UnitKind, segment

N_TRACES = 24


@pytest.fixture
def annotated_traces(tmp_path: Path) -> Path:
    """Formulas are needed, prose is not."""
    with (
        open(tmp_path / "traces.jsonl", "w") as traces,
        open(tmp_path / "annotations.jsonl", "w") as annotations,
    ):
        for i in range(N_TRACES):
            cot = f"Well, Gus has {i}, so $ Gus = {i} $. Next, $ Ola = {i} + 1 $. That settles it."
            traces.write(json.dumps({"id": f"t{i}", "question": f"How many, {i}?", "cot": cot}) + "\n")
            units = segment(cot, "word")
            annotation = {
                "format": "extracot.annotation/1",
                "trace_id": f"t{i}",
                "annotator": "hand",
                "spans": [(unit.start, unit.end) for unit in units] if i else [],
                "importance": [float(unit.kind is UnitKind.FORMULA) for unit in units] if i else [],
                "outcome": "ok" if i else "failed",
                "error": None if i else "by hand",
            }
            annotations.write(json.dumps(annotation) + "\n")
    return tmp_path


def train(folder: Path, out: str, tokenizer: Path, resume: bool = False, **values: Any) -> Manifest:
    config = load_config(
        TrainCompressorConfig,
        None,
        values={
            "traces": str(folder / "traces.jsonl"),
            "annotations": str(folder / "annotations.jsonl"),
            "tokenizer": str(tokenizer),
            "hidden_size": 32,
            "n_layers": 2,
            "n_heads": 2,
            "mlp_size": 32,
            "max_length": 128,
            "tiers": [0.0, 1.0],
            "ratios": [0.5],
            "batch_tokens": 512,
            "n_epochs": 10,
            "n_evaluations": 2,
            "holdout_share": 0.2,
            "device": "cpu",
            **values,
        },
    )
    return run(config, RunDirectory.open(folder / out, config, "train-compressor", resume=resume))


def test_training_learns_what_to_keep_and_leaves_a_folder_that_compresses(
    annotated_traces: Path, tiny_model_dir: Path
) -> None:
    manifest = train(annotated_traces, "run", tiny_model_dir)
    assert manifest.counts == {
        "annotated": N_TRACES - 1,
        "annotation_failed": 1,
        "not_annotated": 0,
        "training": 18,
        "held_out": 5,
    }
    quality = manifest.summary["needed_kept@0.5"]
    assert isinstance(quality, float)
    assert quality > 0.9
    compressor = Compressor.from_pretrained(annotated_traces / "run" / "model", prose="word", device="cpu")
    [result] = compressor.compress(
        "?", "Well, so $ Gus = 3 $. Next, $ Ola = 3 + 1 $.", [0.7], str(tiny_model_dir)
    )
    assert "$ Gus = 3 $" in result.text
    assert "$ Ola = 3 + 1 $" in result.text


def test_the_same_seed_gives_the_same_weights(annotated_traces: Path, tiny_model_dir: Path) -> None:
    state = torch.get_rng_state()
    weights = []
    for name in ("one", "two"):
        train(annotated_traces, name, tiny_model_dir, max_steps=4)
        scorer = EncoderScorer.from_pretrained(annotated_traces / name / "model", device="cpu")
        weights.append(scorer.model.state_dict())
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert torch.equal(state, torch.get_rng_state())


def test_a_killed_training_goes_on_behind_its_last_evaluation_to_the_same_weights(
    annotated_traces: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(annotated_traces, "whole", tiny_model_dir, max_steps=8, n_evaluations=4)

    def stop_at_step_6(model: object, *others: object) -> object:
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return model_inputs(model, *others)  # type: ignore[arg-type]

    calls: list[int] = []
    monkeypatch.setattr(training_run, "model_inputs", stop_at_step_6)
    with pytest.raises(KeyboardInterrupt):
        train(annotated_traces, "broken", tiny_model_dir, max_steps=8, n_evaluations=4)
    resumed = train(annotated_traces, "broken", tiny_model_dir, max_steps=8, n_evaluations=4, resume=True)
    # Steps 1 to 5 before the kill, evaluated after 2 and 4; so steps 5 to 8 are left to do: 10 calls in all.
    assert len(calls) == 6 + 4
    weights = [
        EncoderScorer.from_pretrained(annotated_traces / name / "model", device="cpu").model.state_dict()
        for name in ("whole", "broken")
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert resumed.summary["n_training_tokens"] == whole.summary["n_training_tokens"]


def test_a_pretrained_model_keeps_its_tokenizer_and_gets_a_head(
    annotated_traces: Path, tiny_model_dir: Path
) -> None:
    train(
        annotated_traces, "run", tiny_model_dir, encoder=str(tiny_model_dir), max_steps=2, with_question=False
    )
    scorer = EncoderScorer.from_pretrained(annotated_traces / "run" / "model", device="cpu")
    assert scorer.model.config.model_type == "qwen3"
    assert scorer.layout.tiers == (0.0, 1.0)
    assert not scorer.layout.with_question


def test_time_runs_out_with_the_best_so_far(annotated_traces: Path, tiny_model_dir: Path) -> None:
    manifest = train(annotated_traces, "run", tiny_model_dir, max_seconds=1e-6)
    assert manifest.summary["n_steps"] == manifest.summary["best_step"] == 1


def test_annotations_of_other_traces_are_refused(annotated_traces: Path, tiny_model_dir: Path) -> None:
    path = annotated_traces / "annotations.jsonl"
    path.write_text(path.read_text().replace('"trace_id": "t', '"trace_id": "other-t'))
    with pytest.raises(DataError, match="compare the trace ids"):
        train(annotated_traces, "run", tiny_model_dir)


def test_a_trace_annotated_twice_is_refused(annotated_traces: Path, tiny_model_dir: Path) -> None:
    path = annotated_traces / "annotations.jsonl"
    path.write_text(path.read_text() * 2)
    with pytest.raises(DataError, match="t0 is annotated twice"):
        train(annotated_traces, "run", tiny_model_dir)


def test_batches_hold_every_example_once_an_epoch_in_another_order() -> None:
    examples = [Example([i] * (i + 1), [0] * (i + 1), 0) for i in range(12)]
    batches = list(shuffled_batches(examples, 24, n_steps=12, seed=0))
    n_per_epoch = len({tuple(sorted(e.input_ids[0] for e in batch)) for batch in batches})
    assert len(batches) == 12
    assert sorted(e.input_ids[0] for batch in batches[:n_per_epoch] for e in batch) == list(range(12))


def test_the_learning_rate_warms_up_stays_and_falls_to_zero() -> None:
    assert learning_rate_factor(0.0) < 0.05
    assert learning_rate_factor(0.2) == 1.0
    assert learning_rate_factor(0.7) == pytest.approx(0.5)
    assert learning_rate_factor(1.0) == 0.0


def test_heads_must_divide_the_hidden_size(tiny_tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="multiple"):
        build_encoder(
            tiny_tokenizer,
            hidden_size=30,
            n_layers=1,
            n_heads=4,
            mlp_size=8,
            max_length=64,
            tiers=(0.0, 1.0),
            seed=0,
        )

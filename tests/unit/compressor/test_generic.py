"""The baseline keeps what surprises a language model."""

from pathlib import Path

import pytest
from tests.unit.compressor.conftest import COT, QUESTION

from extracot.compressor.scorers.generic import GenericCompressor, threshold, token_stretches
from extracot.compressor.scorers.scorer import Passage
from extracot.errors import DataError


@pytest.fixture(scope="module")
def compressor(tiny_model_dir: Path) -> GenericCompressor:
    return GenericCompressor.from_pretrained(str(tiny_model_dir), device="cpu")


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, 1.0), (0.5, 2.5), (0.25, 3.25)],  # quantiles of 1, 2, 3, 4 at 0, 1/2 and 3/4 of the way
)
def test_the_threshold_is_an_interpolated_quantile(ratio: float, expected: float) -> None:
    assert threshold([4.0, 2.0, 1.0, 3.0], ratio) == pytest.approx(expected)


def test_the_model_runs_again_for_every_ratio(
    compressor: GenericCompressor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    forward = compressor.model.forward
    monkeypatch.setattr(compressor.model, "forward", lambda **inputs: calls.append(1) or forward(**inputs))
    compressor.compress_many([Passage("", COT)], [0.2, 0.5, 1.0], compressor.tokenizer)
    assert len(calls) == 3


def test_the_question_is_not_read_and_formulas_are_cut(compressor: GenericCompressor) -> None:
    [[one]] = compressor.compress_many([Passage(QUESTION, COT, "9")], [0.5], compressor.tokenizer)
    [[other]] = compressor.compress_many([Passage("", COT, "9")], [0.5], compressor.tokenizer)
    assert one == other
    assert one.n_formulas_kept < one.n_formulas
    assert one.actual_ratio == pytest.approx(0.5, abs=0.1)


def test_ratio_one_gives_the_text_back(compressor: GenericCompressor) -> None:
    [[whole]] = compressor.compress_many([Passage("", f" {COT}\n日本 🤯")], [1.0], compressor.tokenizer)
    assert whole.text == f"{COT}\n日本 🤯"


def test_every_chunk_keeps_its_own_share(tiny_model_dir: Path) -> None:
    loaded = GenericCompressor.from_pretrained(str(tiny_model_dir), device="cpu")
    chunked = GenericCompressor(loaded.model, loaded.tokenizer, chunk_tokens=10)
    [[result]] = chunked.compress_many([Passage("", COT)], [0.3], chunked.tokenizer)
    n_tokens = result.n_original_tokens
    offsets = chunked.tokenizer(COT, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    stretches = token_stretches(offsets, len(COT))
    for start in range(0, n_tokens - 10, 10):
        kept = sum(any(a <= s and e <= b for a, b in result.kept) for s, e in stretches[start : start + 10])
        assert kept == 3  # of 10 values, the three that reach the 0.7 quantile


def test_stretches_tile_the_text_and_a_shared_character_goes_to_the_first_token() -> None:
    assert token_stretches([(0, 2), (3, 5), (3, 5)], 6) == [(0, 2), (2, 5), (5, 6)]


def test_an_empty_text_is_refused(compressor: GenericCompressor) -> None:
    with pytest.raises(DataError, match="empty"):
        compressor.compress_many([Passage("", " ")], [0.5], compressor.tokenizer)

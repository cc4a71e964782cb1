"""The encoder scorer, on an untrained model."""

import math
from pathlib import Path

import pytest
from tests.unit.compressor.conftest import COT, QUESTION

from extracot.compressor.alignment import pool_by_unit, token_owners
from extracot.compressor.compressor import Compressor
from extracot.compressor.encoder_input import EncoderInput, fit_input
from extracot.compressor.scorers.encoder import EncoderScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.tokens import encode
from extracot.compressor.windows import even_windows
from extracot.errors import ModelError
from extracot.text.units import Unit, segment

LONG = " ".join([COT] * 3)


@pytest.fixture(scope="module")
def scorer(tiny_compressor_dir: Path) -> EncoderScorer:
    return EncoderScorer.from_pretrained(tiny_compressor_dir, device="cpu")


def score(scorer: EncoderScorer, *passages: Passage) -> list[list[float]]:
    return scorer.score(passages, [segment(passage.cot) for passage in passages])


def test_padding_batches_and_order_do_not_change_scores(scorer: EncoderScorer) -> None:
    passages = [Passage(QUESTION, LONG), Passage("", "Short."), Passage("Why?", COT)]
    together = score(scorer, *passages)
    alone = [score(scorer, passage)[0] for passage in passages]
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_a_text_longer_than_the_model_is_scored_to_its_end(scorer: EncoderScorer) -> None:
    # 64 tokens at once; a change at the very end must change scores there and nowhere far before.
    before, after = score(scorer, Passage("", LONG)), score(scorer, Passage("", LONG[:-6] + "fails."))
    assert before[0][:30] == pytest.approx(after[0][:30], abs=1e-5)
    assert before[0][-1] != pytest.approx(after[0][-1], abs=1e-5)


def test_windows_are_stitched_where_each_token_sees_both_sides(scorer: EncoderScorer) -> None:
    units = segment(LONG)
    [encoding] = encode(scorer.tokenizer, [LONG])
    token_ids, offsets = encoding.ids, encoding.offsets
    size = scorer.layout.cot_limit(0)
    start = even_windows(len(token_ids), size, size // 4)[-1].start
    last = scorer.layout.frame([], token_ids[start:])[0]
    expected = scorer._forward([_job(last)])[0, 1:].tolist()
    n_last = sum(
        owner == len(units) - 1 for owner in token_owners(offsets, [(u.start, u.end) for u in units])
    )
    assert score(scorer, Passage("", LONG))[0][-1] == pytest.approx(
        pool_by_unit(expected[-n_last:], [0] * n_last, 1)[0], abs=1e-5
    )


def test_the_question_changes_the_scores_unless_the_model_is_blind(tiny_compressor_dir: Path) -> None:
    seeing = EncoderScorer.from_pretrained(tiny_compressor_dir, device="cpu")
    assert score(seeing, Passage("Ola?", COT)) != score(seeing, Passage("Gus?", COT))
    layout = EncoderInput(**{**seeing.layout.to_json(), "with_question": False})
    blind = EncoderScorer(seeing.model, seeing.tokenizer, layout)
    assert score(blind, Passage("Ola?", COT)) == score(blind, Passage("Gus?", COT))


def test_a_question_longer_than_the_model_leaves_room_for_the_text(scorer: EncoderScorer) -> None:
    [scores] = score(scorer, Passage(QUESTION * 10, COT))
    assert len(scores) == len(segment(COT))
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in scores)


def test_a_frame_is_opening_question_separator_text_closing() -> None:
    layout = EncoderInput((0.0, 1.0), True, 10, opening=(1,), separator=(2,), closing=(3,))
    assert layout.frame([5, 6], [7, 8]) == ([1, 5, 6, 2, 7, 8, 3], 4)
    assert layout.cot_limit(2) == 5
    # Half of 10 tokens at most for the question, and its end is what asks.
    assert layout.frame(list(range(20, 30)), [7])[0] == [1, 25, 26, 27, 28, 29, 2, 7, 3]
    assert layout.cot_limit(10) == 2


def test_a_causal_tokenizer_gets_its_end_token_as_separator(scorer: EncoderScorer) -> None:
    layout = fit_input(scorer.tokenizer, scorer.model.config, (0.0, 1.0), True)
    assert layout.separator == (scorer.tokenizer.eos_token_id,)
    assert layout.opening == layout.closing == ()


def test_a_model_that_reads_too_little_is_refused(scorer: EncoderScorer) -> None:
    with pytest.raises(ModelError, match="only 16 tokens"):
        fit_input(scorer.tokenizer, scorer.model.config, (0.0, 1.0), True, max_length=16)


def test_a_language_model_is_no_compressor(tiny_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="Qwen3ForCausalLM, not a token classifier"):
        EncoderScorer.from_pretrained(tiny_model_dir, device="cpu")


def test_a_compressor_folder_compresses_in_two_lines(tiny_compressor_dir: Path) -> None:
    compressor = Compressor.from_pretrained(tiny_compressor_dir, device="cpu")
    short, whole = compressor.compress(QUESTION, COT, [0.3, 1.0], tokenizer=str(tiny_compressor_dir))
    assert whole.text == COT
    assert short.n_tokens < whole.n_tokens


def _job(input_ids: list[int]):  # type: ignore[no-untyped-def]
    from extracot.compressor.scorers.encoder import _Job
    from extracot.compressor.windows import Window

    return _Job(input_ids, 0, Window(0, 1, 0, 1), 1)


def test_units_may_be_any_tiling(scorer: EncoderScorer) -> None:
    halves = [Unit(0, 50, segment(COT)[0].kind), Unit(50, len(COT), segment(COT)[0].kind)]
    assert len(scorer.score([Passage("", COT)], [halves])[0]) == 2

"""Compression from end to end, with scorers whose order is known."""

from collections.abc import Sequence

import pytest
from tests.unit.compressor.conftest import COT, QUESTION, LeftScorer
from transformers import PreTrainedTokenizerFast

from extracot.compressor.compressed import n_covered
from extracot.compressor.compressor import Compressor
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.scorers.slicing import SliceScorer
from extracot.errors import ConfigError, DataError
from extracot.text.units import Unit

RATIOS = (0.1, 0.25, 0.5, 0.75, 1.0)


def test_the_scorer_runs_once_for_all_ratios(
    left_scorer: LeftScorer, passage: Passage, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    Compressor(left_scorer).compress_many([passage, passage], RATIOS, tiny_tokenizer)
    assert left_scorer.n_calls == 1


@pytest.mark.parametrize("scorer", [LeftScorer(), RandomScorer(3), SliceScorer()])
@pytest.mark.parametrize("prose", ["word", "clause"])
def test_formulas_stay_whole_ratios_nest_and_the_answer_stays(
    scorer: LeftScorer, prose: str, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    results = Compressor(scorer, prose=prose).compress(QUESTION, COT, RATIOS, tiny_tokenizer, "9")  # type: ignore[arg-type]
    kept = [{i for start, end in result.kept for i in range(start, end)} for result in results]
    assert all(small <= large for small, large in zip(kept, kept[1:], strict=False))
    for result in results:
        assert result.text.count("$") % 2 == 0
        assert result.keeps_answer
    assert results[-1].text == COT
    assert results[-1].actual_ratio == 1.0
    assert results[-1].n_formulas == results[-1].n_formulas_kept == 3


def test_words_meet_the_ratio_more_closely_than_clauses_can(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    results = Compressor(LeftScorer(), prose="word").compress(QUESTION, COT, RATIOS, tiny_tokenizer)
    assert all(abs(result.actual_ratio - result.target_ratio) < 0.06 for result in results)


def test_slicing_keeps_the_chain_and_drops_the_check(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    [result] = Compressor(SliceScorer()).compress(QUESTION, COT, [0.2], tiny_tokenizer, "9")
    assert "$ Gus = 4 $." in result.text
    assert result.text.endswith("$ Ola = 4 + 5 = 9 $.")
    assert "holds" not in result.text


def test_a_batch_gives_what_each_passage_gives_alone(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    passages = [
        Passage(QUESTION, COT, "9"),
        Passage("?", "One. Two. $x=1$.", None),
        Passage("?", "short", "9"),
    ]
    compressor = Compressor(RandomScorer(1), prose="word")
    together = compressor.compress_many(passages, RATIOS, tiny_tokenizer)
    alone = [compressor.compress_many([passage], RATIOS, tiny_tokenizer)[0] for passage in passages]
    assert together == alone
    assert [row[0].keeps_answer for row in together] == [True, None, None]


def test_another_seed_deletes_other_units(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    texts = {
        Compressor(RandomScorer(seed), prose="word").compress("", COT, [0.3], tiny_tokenizer)[0].text
        for seed in range(4)
    }
    assert len(texts) == 4


def test_no_passages_give_no_results(
    left_scorer: LeftScorer, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    assert Compressor(left_scorer).compress_many([], RATIOS, tiny_tokenizer) == []


@pytest.mark.parametrize("cot", ["", " \n", "half \ud83e a pair"])
def test_what_cannot_be_compressed_is_refused(
    cot: str, left_scorer: LeftScorer, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    with pytest.raises(DataError):
        Compressor(left_scorer).compress("", cot, [0.5], tiny_tokenizer)


def test_a_ratio_above_one_is_refused(
    left_scorer: LeftScorer, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    with pytest.raises(ConfigError, match=r"ratio 1\.5 is outside"):
        Compressor(left_scorer).compress("", COT, [1.5], tiny_tokenizer)


def test_a_formula_counts_as_kept_when_no_character_is_missing() -> None:
    assert n_covered([(2, 5), (7, 9)], [(0, 5), (7, 8)]) == 1
    assert n_covered([(2, 5)], []) == 0


class FixedScorer:
    """Scores the units 0, 1/U, 2/U and so on."""

    name = "fixed"

    def score(self, passages: Sequence[Passage], units: Sequence[Sequence[Unit]]) -> list[list[float]]:
        return [[index / len(own) for index in range(len(own))] for own in units]


def test_a_threshold_keeps_what_scores_as_much_and_the_answer(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    compressor = Compressor(FixedScorer())
    units = compressor.score_units(QUESTION, COT, "9")
    [result] = compressor.compress(QUESTION, COT, [], tiny_tokenizer, threshold=0.5)
    expected = {i for unit in units if unit.score >= 0.5 for i in range(unit.start, unit.end)}
    assert {i for start, end in result.kept for i in range(start, end)} == expected
    assert (result.target_ratio, result.threshold) == (None, 0.5)
    [strict] = compressor.compress(QUESTION, COT, [], tiny_tokenizer, "9", threshold=1.0)
    assert strict.keeps_answer
    assert strict.text == "$ 4 + 5 = 9 $"


def test_ratios_and_a_threshold_come_together(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    compressor = Compressor(FixedScorer())
    both = compressor.compress(QUESTION, COT, ratios=[0.3], tokenizer=tiny_tokenizer, threshold=0.7)
    assert both[:1] == compressor.compress(QUESTION, COT, ratios=[0.3], tokenizer=tiny_tokenizer)
    assert [result.threshold for result in both] == [None, 0.7]


def test_scored_units_tile_the_text_and_are_what_is_cut_by(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    compressor = Compressor(SliceScorer())
    units = compressor.score_units(QUESTION, COT, "9")
    assert "".join(COT[unit.start : unit.end] for unit in units) == COT
    passage = Passage(QUESTION, COT, "9")
    cut = compressor.cut_many([passage], [units], RATIOS, tiny_tokenizer)
    assert cut == compressor.compress_many([passage], RATIOS, tiny_tokenizer)


@pytest.mark.parametrize("cot", ["Done.", "One long clause without any mark that goes on and on", "$x = 1$"])
def test_one_unit_stays_where_the_budget_is_smaller(cot: str, tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    [result] = Compressor(LeftScorer()).compress("", cot, [0.01], tiny_tokenizer)
    assert result.text == cot


@pytest.mark.parametrize(("ratios", "threshold"), [([], None), ([], 1.5), ([0.5], -0.1), ([2.0], 0.5)])
def test_what_no_text_can_be_cut_to_is_refused(
    ratios: list[float], threshold: float | None, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    with pytest.raises(ConfigError):
        Compressor(LeftScorer()).compress("", COT, ratios, tiny_tokenizer, threshold=threshold)

"""Meeting a ratio by filling round budgets and parting the clause at a cut, on cases small enough to do by hand."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.compressor.conftest import COT, QUESTION, LeftScorer
from transformers import PreTrainedTokenizerFast

from extracot.compressor.compressor import Compressor
from extracot.compressor.fitting import meet_marks, nearest_sum, part_of_clause, seam_unit
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.selection import cut
from extracot.text.units import UnitKind, segment

one_tokenizer = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
COSTS = st.lists(st.integers(0, 30), min_size=1, max_size=40)


def test_a_unit_that_passes_a_mark_lets_one_that_fits_go_first() -> None:
    # 200 tokens: marks at every 10. After 6, 8 more would pass 10 and the unit of 4 meets it.
    costs = [6, 8, 4, *[2] * 91]
    order = meet_marks(range(94), costs, [True] * 94)
    assert order[:4] == [0, 2, 1, 3]


def test_a_unit_that_leans_on_others_does_not_overtake_them() -> None:
    costs = [6, 8, 4, *[2] * 91]
    assert meet_marks(range(94), costs, [unit != 2 for unit in range(94)])[:4] == [0, 3, 4, 1]


def test_a_unit_longer_than_the_distance_of_marks_keeps_its_place() -> None:
    costs = [6, 50, *[4] * 36]
    assert meet_marks(range(38), costs, [True] * 38)[:2] == [0, 1]


@given(COSTS, st.data())
def test_marks_change_no_set_of_units_and_leave_the_forced_ones(costs: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(costs))))
    may_jump = data.draw(st.lists(st.booleans(), min_size=len(costs), max_size=len(costs)))
    n_forced = data.draw(st.integers(0, len(costs)))
    arranged = meet_marks(order, costs, may_jump, n_forced)
    assert sorted(arranged) == list(range(len(costs)))
    assert arranged[:n_forced] == order[:n_forced]


@given(st.integers(1, 20).map(lambda n: [1] * (20 * n)), st.integers(1, 19))
def test_units_of_one_token_meet_every_mark(costs: list[int], mark: int) -> None:
    order = meet_marks(range(len(costs)), costs, [True] * len(costs))
    assert sum(cut(order, costs, mark / 20)) * 20 == mark * len(costs)


def test_the_first_choice_that_is_near_enough_is_taken() -> None:
    # 3 + 4 = 7 is within 1 of 8, so the 8 itself is not looked at.
    assert nearest_sum([0, 1, 2], [3, 4, 8], 8, tolerance=1) == (0, 1)
    assert nearest_sum([0, 1, 2], [3, 4, 8], 8, tolerance=0) == (2,)
    assert nearest_sum([0], [9], 8, tolerance=0) == ()


def test_a_target_between_two_units_has_no_seam() -> None:
    assert seam_unit([1, 0], [60, 40], 0.4) is None
    assert seam_unit([1, 0], [60, 40], 1.0) is None
    assert seam_unit([1, 0], [60, 40], 0.5) == (1, 10.0)
    assert seam_unit([1, 0], [60, 40], 0.2, n_forced=1) is None, "a forced unit stays whole"


def test_a_clause_is_parted_between_words_and_not_within_a_quantity() -> None:
    text = "She ran 12 km today."
    starts = [0, 4, 8, 11, 14, 19]  # She | ran | 12 | km | today | .
    assert [text[slice(*part_of_clause(text, (0, 20), starts, room, True) or (0, 0))] for room in (0, 1, 3.2, 6)] == [
        "", "She", "She ran 12 km", text,
    ]  # fmt: skip
    assert text[slice(*part_of_clause(text, (0, 20), starts, 2, False) or (0, 0))] == " today."


@one_tokenizer
@given(st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 3))
def test_ratios_nest_wherever_a_clause_is_parted(
    tiny_tokenizer: PreTrainedTokenizerFast, a: float, b: float, seed: int
) -> None:
    if a == b:
        return
    compressor = Compressor(RandomScorer(seed))
    small, large = (compressor.compress(QUESTION, COT, [ratio], tiny_tokenizer)[0] for ratio in sorted((a, b)))
    kept = [{index for span in cut.kept for index in range(*span)} for cut in (small, large)]
    assert kept[0] <= kept[1]


@one_tokenizer
@given(st.floats(0.01, 1))
def test_a_parted_clause_breaks_no_formula_and_no_quantity(
    tiny_tokenizer: PreTrainedTokenizerFast, ratio: float
) -> None:
    [result] = Compressor(LeftScorer()).compress(QUESTION, COT, [ratio], tiny_tokenizer)
    ends = {0, *(unit.end for unit in segment(COT, "word"))}
    formulas = [unit for unit in segment(COT, "clause") if unit.kind is UnitKind.FORMULA]
    for border in (border for span in result.kept for border in span):
        assert border in ends
        assert not any(formula.start < border < formula.end for formula in formulas)


def test_ratios_are_met_more_closely_and_whole_clauses_stay_a_choice(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    ratios = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65]

    def mean_error(is_exact: bool) -> float:
        compressor = Compressor(LeftScorer(), is_exact=is_exact)
        results = compressor.compress(QUESTION, COT, ratios, tiny_tokenizer)
        return sum(abs(result.actual_ratio - (result.target_ratio or 0)) for result in results) / len(ratios)

    assert mean_error(True) < mean_error(False)

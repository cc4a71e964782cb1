import pytest

from extracot.annotate.influence import chain_influence


def test_influence_is_chained_back_from_the_answer() -> None:
    # 0 -> 1 -> answer at full strength; 2 leads nowhere.
    influence = [[0.0, 8.0, 0.0, 0.0], [0.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.1]]
    assert chain_influence(influence, cap=4.0) == [1.0, 1.0, pytest.approx(0.025)]


def test_the_best_chain_counts_and_a_link_costs_its_share() -> None:
    # Directly 1/4; through unit 1 it is 2/4 * 3/4 = 3/8.
    influence = [[0.0, 2.0, 1.0], [0.0, 0.0, 3.0]]
    assert chain_influence(influence, cap=4.0) == [0.375, 0.75]


def test_a_gain_counts_as_no_influence() -> None:
    assert chain_influence([[0.0, -3.0]], cap=4.0) == [0.0]


def test_no_formulas_no_importance() -> None:
    assert chain_influence([], cap=1.0) == []

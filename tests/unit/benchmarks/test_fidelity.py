"""What the fidelity benchmark counts, on texts where the count is plain."""

import pytest
from fidelity import (
    Case,
    Counts,
    Cut,
    agrees,
    align,
    computed_numbers,
    cover,
    has_invalid_characters,
    plain_formulas,
    share_left,
    whole_numbers,
)

from extracot import Passage

SOURCE = "First $x = 3$ holds. Then 4 * 5 = 20, so the answer is 20."


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in plain_formulas(text)]


def test_the_plain_pattern_finds_marked_maths_and_arithmetic_but_no_money() -> None:
    assert found(SOURCE) == ["$x = 3$", "4 * 5 = 20"]
    assert found("It costs $5 and then $7 more.") == []
    assert found(r"So \(a+b\) and \boxed{\frac{1}{2}} and \[c\]") == [r"\(a+b\)", r"\boxed{\frac{1}{2}}", r"\[c\]"]
    assert found("1,080 *30=32,400. Next") == ["1,080 *30=32,400"]


def test_numbers_compare_without_commas_and_trailing_zeros() -> None:
    assert whole_numbers("1,200 and 2.50 and 7. Not x3 or 3rd.") == {"1200", "2.5", "7"}


def test_a_solution_computes_what_its_calculations_end_in_else_what_equals_something() -> None:
    assert computed_numbers("16 - 3 - 4 = 9 eggs, 9 * 2 = $18", ["16-3-4=9", "9*2=18"]) == {"9", "18"}
    assert computed_numbers("Since $a=3$ we get $a^2 = 9$ and $b = 2x$.") == {"3", "9"}


@pytest.mark.parametrize(("kept", "share"), [([(0, 58)], 1), ([(0, 6), (13, 58)], 0), ([(0, 8)], 0.4)])
def test_the_share_of_a_formula_that_is_left_ignores_white_space(kept: list[tuple[int, int]], share: float) -> None:
    # `$x = 3$` has 5 characters besides blanks; up to offset 8 two of them are kept.
    assert share_left(SOURCE, (6, 13), cover(len(SOURCE), kept)) == share


def test_a_claim_is_believed_only_where_it_is_the_text_that_came_out() -> None:
    assert agrees(SOURCE, Cut("first\n$x = 3$", [(0, 13)]))
    assert not agrees(SOURCE, Cut("First $x = 4$", [(0, 13)]))


def test_alignment_finds_the_words_and_signs_of_an_output() -> None:
    kept = align(SOURCE, "First x holds. answer is 20.")
    covered = cover(len(SOURCE), kept)
    assert 0 < share_left(SOURCE, (6, 13), covered) < 1
    assert share_left(SOURCE, (26, 36), covered) == 0


def test_signs_that_the_source_lacks_are_invalid_and_white_space_is_not() -> None:
    assert not has_invalid_characters("a b", "b\na")
    assert has_invalid_characters("a b", "a c")
    assert has_invalid_characters("a \ufffd", "\ufffd")
    assert has_invalid_characters("a \ud800", "\ud800")


def test_one_output_counts_once_in_every_column() -> None:
    case = Case(
        passage=Passage("", SOURCE, "20"),
        n_tokens=20,
        longest_unit=5,
        units=[(6, 13), (26, 36)],
        plain=[(26, 36)],
        way=[(26, 36)],
        results=frozenset({"20", "3"}),
        gives_answer=True,
    )
    counts = Counts()
    counts.add(case, Cut("$x answer is 20.", [(6, 8), (45, 58)]), n_tokens=4, ratio=0.5)
    figures = counts.figures()
    assert counts.n_realigned == 0
    assert figures["broken, units %"] == 100  # of the one formula that is left, and only in part
    assert figures["broken, plain %"] is None  # nothing of it is left
    assert figures["answer lost %"] == 0
    assert figures["off, points"] == pytest.approx(30)  # |4 - 10| of 20 tokens
    assert figures["beyond a unit %"] == 100
    assert figures["way kept %"] == 0
    assert figures["solution kept %"] == 50

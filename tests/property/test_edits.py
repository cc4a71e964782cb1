"""Laws of edits: nothing of either text is lost, and what is kept is as much as can be."""

from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from extracot.text.edits import EditedText, common_subsequence, cut_for_edits, edit_units, keep_spans

units = st.lists(st.sampled_from(["a", "b", " a", "c", "dd"]), max_size=14)


def longest(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """By the textbook's recursion."""

    @cache
    def length(i: int, j: int) -> int:
        if i == len(first) or j == len(second):
            return 0
        if first[i] == second[j]:
            return 1 + length(i + 1, j + 1)
        return max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


def play(edited: EditedText, number: int) -> tuple[str, str]:
    """The original and the rewriting that an edit gives when it is followed."""
    original, rewritten, position = "", "", 0
    for step in edited.edits[number]:
        if isinstance(step, str):
            rewritten += step
            continue
        pieces = "".join(edited.pieces[position : position + abs(step)])
        position += abs(step)
        original += pieces
        rewritten += pieces if step > 0 else ""
    assert position == len(edited.pieces)
    return original, rewritten


def bare(text: str) -> str:
    return text.replace(" ", "")


@given(units, units)
def test_a_common_subsequence_is_one_and_none_is_longer(first: list[str], second: list[str]) -> None:
    pairs = common_subsequence(first, second)
    assert all(first[i] == second[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in zip(pairs, pairs[1:], strict=False))
    assert len(pairs) == longest(tuple(first), tuple(second))


@given(units, st.lists(units, max_size=3))
def test_edits_give_both_texts_back_but_for_white_space(original: list[str], others: list[list[str]]) -> None:
    edited = cut_for_edits(original, [edit_units(original, other) for other in others])
    assert "".join(edited.pieces) == "".join(original)
    for number, other in enumerate(others):
        first, second = play(edited, number)
        assert first == "".join(original)
        assert bare(second) == bare("".join(other))


@given(st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=14), st.data())
def test_what_was_only_cut_has_nothing_new(original: list[str], data: st.DataObject) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=len(original), max_size=len(original)))
    kept = [unit for unit, is_kept in zip(original, flags, strict=True) if is_kept]
    assert all(isinstance(step, int) for step in edit_units(original, kept))


@given(st.text(max_size=30), st.lists(st.sets(st.integers(0, 30), max_size=6), max_size=3))
def test_spans_are_kept_to_the_character(text: str, cuts: list[set[int]]) -> None:
    spans_of = []
    for cut in cuts:
        inside = sorted(bound for bound in cut if bound <= len(text))
        spans_of.append(list(zip(inside[::2], inside[1::2], strict=False)))
    edited = keep_spans(text, spans_of)
    for number, spans in enumerate(spans_of):
        assert play(edited, number) == (text, "".join(text[start:end] for start, end in spans))

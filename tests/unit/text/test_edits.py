"""Edits: what is shown as dropped, kept and new."""

from extracot.text.edits import cut_for_edits, edit_units


def test_dropped_kept_and_new_in_their_order() -> None:
    original = ["First,", " Ola has 4.", " So", " $ 4 + 5 = 9 $."]
    rewritten = ["Ola has 4.", " Then", " $ 4 + 5 = 9 $."]
    # "First," goes; " Ola has 4." stays; " So" goes and " Then" is new in its place; the formula stays
    assert edit_units(original, rewritten) == [-1, 1, -1, " Then", 1]


def test_an_unchanged_text_is_one_piece() -> None:
    assert cut_for_edits(["a", " b"], [[2]]).pieces == ["a b"]


def test_pieces_end_where_any_edit_changes_its_mind() -> None:
    edited = cut_for_edits(["a", "b", "c", "d"], [[1, -3], [-2, 2]])
    assert edited.pieces == ["a", "b", "cd"]
    assert edited.edits == [[1, -2], [-2, 1]]


def test_a_text_of_thousands_of_units_is_edited_at_once() -> None:
    original = [f"word{i % 97}" for i in range(5000)]
    rewritten = original[::3]
    assert all(isinstance(step, int) for step in edit_units(original, rewritten))

"""Kept spans become text again."""

import pytest

from extracot.compressor.joining import join_spans, kept_spans


def test_neighbouring_units_become_one_span() -> None:
    assert kept_spans([(0, 2), (2, 5), (5, 6), (6, 9)], [True, True, False, True]) == [(0, 5), (6, 9)]


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("a b c", [(0, 1), (3, 5)], "a c"),  # each piece brings its own blank
        ("  a b", [(3, 5)], "b"),  # none at the ends
        ("3x4", [(0, 1), (2, 3)], "3 4"),  # not 34
        ("3 x4", [(0, 1), (3, 4)], "3 4"),
        ("a\nx:b", [(0, 1), (4, 5)], "a\nb"),  # the line end between them survives
        ("(x$y$)", [(0, 1), (2, 6)], "($y$)"),  # signs may touch
        ("a.\n\nb c", [(0, 2), (5, 7)], "a. c"),
        ("a", [], ""),
        ("x = 1\nso\nb", [(0, 5), (8, 10)], "x = 1\nb"),  # two lines of a calculation
        ("x = 1\nso b", [(0, 5), (8, 10)], "x = 1\nb"),  # do not run together
        ("x = 8 left. But no", [(0, 5), (11, 18)], "x = 8\nBut no"),  # the end of the sentence was dropped
        ("(a) so b", [(0, 3), (6, 8)], "(a) b"),  # one sentence: a blank
        ("is.(so)$x$", [(0, 3), (7, 10)], "is. $x$"),  # a formula stands apart from what is before it
    ],
)
def test_pieces_are_put_together_as_they_stand(
    text: str, spans: list[tuple[int, int]], expected: str
) -> None:
    assert join_spans(text, spans) == expected

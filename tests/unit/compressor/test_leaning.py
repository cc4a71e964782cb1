"""Prose goes with what it leans on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.compressor.conftest import COT

from extracot.compressor.joining import join_spans, kept_spans
from extracot.compressor.leaning import lean
from extracot.text.units import Unit, UnitKind, segment


def kept_text(text: str, dropped: str) -> str:
    """What stays of a text when one unit that holds `dropped` scores 0 and all others 1."""
    units = segment(text, "clause")
    scores = [0.0 if dropped in unit.of(text) else 1.0 for unit in units]
    kept = [score > 0.5 for score in lean(text, units, scores).scores]
    return join_spans(text, kept_spans([(unit.start, unit.end) for unit in units], kept))


@pytest.mark.parametrize(
    ("text", "dropped", "left"),
    [
        ("It is odd. So, $x=1$.", "x=1", "It is odd."),  # no orphaned `So,`
        ("It is odd. But since $D^2$ is positive, $D = 4$.", "D^2", "It is odd. $D = 4$."),  # both sides of a gap
        ("It is odd.\n3. $x=1$\nDone.", "x=1", "It is odd.\nDone."),  # no dangling list mark
        ("It is odd.\n- $x=1$\nDone.", "x=1", "It is odd.\nDone."),  # no empty bullet
        ("It is odd. Let us see:\n$$x=1$$\n\nDone.", "x=1", "It is odd.\n\nDone."),  # nothing is announced in vain
        ("It is odd. So we have\n\\[x=1\\]\nDone.", "x=1", "It is odd.\nDone."),
        ("It is odd.\n## Sum\n$x=1$\n## End\nDone.", "x=1", "It is odd.\n## End\nDone."),  # no heading over nothing
        ("It is odd.\n**Sum**\n\n$x=1$\n\n**End**\nDone.", "x=1", "It is odd.\n\n**End**\nDone."),
        ("It is odd. He pays 4 euros to her, which is fair.", "He pays", "It is odd."),  # no sentence without its start
        ("It is odd. Then $x=1$. And $y=2$.", "y=2", "It is odd. Then $x=1$."),
    ],
)
def test_what_leans_goes_with_what_it_leans_on(text: str, dropped: str, left: str) -> None:
    assert kept_text(text, dropped) == left


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_no_score_rises_and_formulas_keep_theirs(scores: list[float]) -> None:
    units = segment(COT, "clause")
    lowered = lean(COT, units, scores[: len(units)]).scores
    for unit, before, after in zip(units, scores, lowered, strict=False):
        assert after <= before
        assert unit.kind != "formula" or after == before


@pytest.mark.parametrize("text", ["So,", "1.", "# Heading", "Let us see:", "**Bold**\n\n**Bold**", "which is"])
def test_what_has_nothing_to_lean_on_keeps_its_score(text: str) -> None:
    assert kept_text(text, "\0") == text


def test_a_long_sentence_takes_linear_time() -> None:
    clause = "so it goes on, "
    text = clause * 5_000  # quadratic would be 25 million steps a pass
    starts = range(0, len(text), len(clause))
    units = [Unit(start, start + len(clause), UnitKind.PROSE) for start in starts]
    assert len(lean(text, units, [0.5] * len(units)).scores) == len(units)

"""Laws of segmentation, on text made of the pieces that break segmenters."""

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extracot.text.formulas import atomic_spans, formula_spans
from extracot.text.sentences import sentence_numbers
from extracot.text.slicing import NEEDED, answer_unit, slice_importance
from extracot.text.units import UnitKind, segment

FRAGMENTS = st.sampled_from(
    [
        "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\\\", "\\$", "`", "```", "\n", "\n\n", " ", "  ", "\t",
        "{", "}", "(", ")", "[", "]", "|", "\\boxed{", "\\begin{align}", "\\end{align}", "\\frac{1}{2}",
        "\\left(", "\\right)", "x", "x²", "y_1", "Ola", "apples", "half of", "is", "divided by", "times",
        "plus", "=", "≤", "+", "-", "−", "*", "**", "/", "^", "!", "√", "½", "4", "5,000", "$7", "12%",
        "3/4", "1 1/2", "2:3", "km/h", ".", ",", ";", "。", "…", "é", "为", "\x00", "\u2028", "e.g.", "1.",
        "- ", "# ", "sin", "f(", "US$5", "\ud800",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(), *(st.lists(FRAGMENTS, max_size=25).map(glue.join) for glue in ("", " ")))
PROSE = st.sampled_from(["word", "clause"])


@given(TEXTS, PROSE)
@settings(max_examples=150, deadline=None)
def test_units_tile_the_text(text: str, prose: Literal["word", "clause"]) -> None:
    units = segment(text, prose)
    assert "".join(unit.of(text) for unit in units) == text
    position = 0
    for unit in units:
        assert unit.start == position < unit.end
        position = unit.end


@given(TEXTS, PROSE)
@settings(max_examples=150, deadline=None)
def test_a_formula_or_quantity_lies_in_one_unit(text: str, prose: Literal["word", "clause"]) -> None:
    units = segment(text, prose)
    for span in atomic_spans(text):
        holders = [unit for unit in units if unit.start < span.end and span.start < unit.end]
        assert len(holders) == 1
        if prose == "word" or span.kind != "number":
            assert holders[0].kind == span.kind


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_spans_are_disjoint_and_in_order(text: str) -> None:
    position = 0
    for start, end in formula_spans(text):
        assert position <= start < end
        position = end


@given(TEXTS, TEXTS, PROSE)
@settings(max_examples=100, deadline=None)
def test_every_unit_gets_a_tier_and_a_sentence(
    question: str, text: str, prose: Literal["word", "clause"]
) -> None:
    units = segment(text, prose)
    importance = slice_importance(question, text, "4", units)
    assert len(importance) == len(units)
    assert set(importance) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert all(
        unit.kind in (UnitKind.FORMULA, UnitKind.NUMBER, UnitKind.PROSE)
        for unit, value in zip(units, importance, strict=True)
        if value >= NEEDED
    )
    numbers = sentence_numbers(text, units)
    assert all(b - a in (0, 1) for a, b in zip(numbers, numbers[1:], strict=False))
    index = answer_unit(text, units, "4")
    assert index is None or 0 <= index < len(units)


@given(
    st.lists(st.sampled_from(["x = 3", "4 * 5 = 20", "y"]), min_size=1, max_size=6),
    st.sampled_from([("$", "$"), ("$ ", " $"), ("\\(", "\\)"), ("\\[ ", " \\]"), ("$$", "$$")]),
)
@pytest.mark.parametrize("prose", ["word", "clause"])
def test_delimited_formulas_in_prose_are_found_each(
    prose: Literal["word", "clause"], bodies: list[str], marks: tuple[str, str]
) -> None:
    written = [f"{marks[0]}{body}{marks[1]}" for body in bodies]
    text = "We see " + " and then ".join(written) + " here."
    assert [text[start:end] for start, end in formula_spans(text)] == written
    found = [unit.of(text).strip() for unit in segment(text, prose) if unit.kind is UnitKind.FORMULA]
    assert found == written

"""Taking a response apart and putting it together are inverse to each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.errors import UsageError
from extracot.text.control import POLICY_TOKEN
from extracot.text.think import ThinkSplit, render_response, split_response

controls = st.sampled_from([None, "<COMP_20>", "<COMP_100>", POLICY_TOKEN])
texts = st.lists(
    st.sampled_from(["<think>", "\n", " ", "a", "\\boxed{3}", "<COMP_40>", "$x = 1$", "é"]), max_size=8
).map("".join)


@given(controls, texts, texts)
def test_rendered_parts_come_back(control: str | None, cot: str, visible: str) -> None:
    split = split_response(render_response(control, cot, visible))
    assert split == ThinkSplit(control, cot, visible, has_think=True, is_closed=True)


@given(st.lists(st.sampled_from(["<think>", "</think>", "\n", "a ", "<COMP_20>", POLICY_TOKEN])).map("".join))
def test_any_text_can_be_taken_apart_without_inventing_any(text: str) -> None:
    split = split_response(text)
    assert text.startswith(split.control or "")
    assert split.cot in text
    assert split.visible == "" or text.endswith(split.visible)
    assert split.has_think or split.cot == ""
    assert split.has_think or not split.is_closed


def test_the_rendering_is_the_protocol_to_the_byte() -> None:
    text = render_response("<COMP_20>", "$ x = 3 $.", "\n\nThe answer is \\boxed{3}.")
    assert text == "<COMP_20>\n<think>\n$ x = 3 $.\n</think>\n\nThe answer is \\boxed{3}."
    assert render_response(None, "", "") == "<think>\n\n</think>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # an unclosed block is everything that follows
        ("<COMP_20>\n<think>\nab\n", ThinkSplit("<COMP_20>", "ab\n", "", True, False)),
        ("<think>", ThinkSplit(None, "", "", True, False)),
        # no block at all
        ("<COMP_20>\nThe answer", ThinkSplit("<COMP_20>", "", "The answer", False, False)),
        ("The answer", ThinkSplit(None, "", "The answer", False, False)),
        ("", ThinkSplit(None, "", "", False, False)),
        # the control token counts only at the very start
        (" <COMP_20><think>a</think>", ThinkSplit(None, "", " <COMP_20><think>a</think>", False, False)),
        ("<think>\n<COMP_20>\n</think>", ThinkSplit(None, "<COMP_20>", "", True, True)),
        # reasoning in front of the block does not make a short block
        ("So 2 + 3. <think>5</think>5", ThinkSplit(None, "", "So 2 + 3. <think>5</think>5", False, False)),
        # a block that the prompt opened
        ("ab\n</think>\n\n5", ThinkSplit(None, "ab", "\n\n5", True, True)),
        # the first closing tag ends the block; tags may stand without line ends
        ("<think>a</think>b</think>c", ThinkSplit(None, "a", "b</think>c", True, True)),
        # exactly one line end next to each tag is the tag's
        ("<think>\n\na\n\n</think>", ThinkSplit(None, "\na\n", "", True, True)),
        ("<think>\n</think>", ThinkSplit(None, "", "", True, True)),
    ],
)
def test_what_models_write_is_taken_apart_as_documented(text: str, expected: ThinkSplit) -> None:
    assert split_response(text) == expected


def test_parts_that_would_not_come_back_are_refused() -> None:
    with pytest.raises(UsageError, match="</think>"):
        render_response("<COMP_20>", "a</think>b", "")
    with pytest.raises(UsageError, match="COMP_0"):
        render_response("<COMP_0>", "a", "")

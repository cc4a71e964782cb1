"""Control tokens: one per percent, exact in both directions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.errors import UsageError
from extracot.text.control import POLICY_TOKEN, control_token, control_tokens, parse_control_token


@given(st.integers(1, 100))
def test_a_ratio_survives_its_token(percent: int) -> None:
    assert parse_control_token(control_token(percent / 100)) == percent / 100


@given(st.text())
def test_parsing_never_raises_and_never_leaves_the_unit_interval(text: str) -> None:
    ratio = parse_control_token(text)
    assert ratio is None or (0 < ratio <= 1 and control_token(ratio) == text)


def test_float_noise_does_not_change_the_token() -> None:
    assert control_token(0.1 + 0.2) == "<COMP_30>"  # 0.30000000000000004
    assert control_token(1.0) == "<COMP_100>"


@pytest.mark.parametrize("ratio", [0.0, -0.2, 1.01, 0.125, 0.333, math.nan, math.inf, -math.inf])
def test_a_ratio_without_a_token_is_refused_by_value(ratio: float) -> None:
    with pytest.raises(UsageError, match=str(ratio)):
        control_token(ratio)


@pytest.mark.parametrize(
    "text",
    [POLICY_TOKEN, "", "<COMP_0>", "<COMP_020>", "<COMP_101>", " <COMP_20>", "<COMP_20>\n", "<COMP_20"],
)
def test_other_text_names_no_ratio(text: str) -> None:
    assert parse_control_token(text) is None


def test_a_grid_is_sorted_with_the_policy_token_last() -> None:
    assert control_tokens([1.0, 0.2, 0.5]) == ("<COMP_20>", "<COMP_50>", "<COMP_100>", POLICY_TOKEN)


@pytest.mark.parametrize("grid", [[], [0.2, 0.2], [0.2, 0.125]])
def test_a_grid_that_cannot_be_told_apart_is_refused(grid: list[float]) -> None:
    with pytest.raises(UsageError):
        control_tokens(grid)

"""Control tokens: how a prompt asks for a budget and a completion names one."""

import re
from collections.abc import Iterable

from extracot.errors import UsageError

POLICY_TOKEN = "<COMP_POLICY>"
"""In a prompt: the model chooses the ratio itself."""

_RATIO_TOKEN = re.compile(r"<COMP_([1-9][0-9]?|100)>")
CONTROL_TOKEN = re.compile(rf"{_RATIO_TOKEN.pattern}|{POLICY_TOKEN}")
"""Any control token, of any grid."""


def control_token(ratio: float) -> str:
    """The token that asks for a ratio: 0.2 gives `<COMP_20>`.

    Args:
        ratio: a whole number of percent in (0, 1], give or take float noise (1e-6).

    Raises:
        UsageError: outside (0, 1], or between two percents, since two ratios would then share one token.
    """
    percent = round(ratio * 100) if ratio == ratio and abs(ratio) <= 1 else 0  # NaN is not equal to itself
    if not 1 <= percent <= 100 or abs(ratio * 100 - percent) > 1e-4:
        raise UsageError(f"ratio {ratio} has no control token; use a whole percent in (0, 1], as 0.2 or 0.75")
    return f"<COMP_{percent}>"


def parse_control_token(token: str) -> float | None:
    """The ratio that a token asks for; None for the policy token and for anything else.

    Exact match only, white space and leading zeros included: `parse_control_token(control_token(r)) == r`.
    """
    match = _RATIO_TOKEN.fullmatch(token)
    return int(match[1]) / 100 if match else None


def control_tokens(grid: Iterable[float]) -> tuple[str, ...]:
    """The tokens of a ratio grid, ascending, and the policy token last.

    Raises:
        UsageError: an empty grid, a ratio without a token, or one that occurs twice.
    """
    ratios = sorted(grid)
    tokens = [control_token(ratio) for ratio in ratios]
    if not tokens or len(set(tokens)) < len(tokens):
        raise UsageError(f"ratio grid {ratios} must hold at least one ratio, and each of them once")
    return (*tokens, POLICY_TOKEN)

"""The hint behind every "no such ...": what the user may have meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str], what: str = "") -> str:
    """A clause to put behind the message, `; did you mean 'x'?`, or "" when nothing known is near.

    Args:
        word: what was given.
        known: what there is.
        what: put before the name, as "the preset".
    """
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {what + ' ' if what else ''}{near[0]!r}?" if near else ""

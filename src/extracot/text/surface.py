"""What a text looks like, whatever it means: signs that a rendering fell apart.

A formula is one token, as it stands. Taken sign by sign, algebra repeats itself by nature: of 454 good renderings at
ratio 0.2 the Extra-CoT release's limits would drop a fifth, worked out line by line; and with every number written as
NUM first, as the release does, any chain of sums is a repetition.
"""

import re
from collections import Counter
from collections.abc import Sequence

from extracot.text.formulas import formula_spans

_TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[^\w\s]|_")
_ANCHOR = re.compile(r"\\[A-Za-z]+|\d+(?:[.,]\d+)*|[=+*/^<>≤≥≠≈±×÷·√π∞∑∏∫−-]")
_PUNCTUATION = frozenset(".,;:!?…'\"`“”‘’、。，")
_RUN = re.compile(r"(\S)\1*")
BLOCK_TOKENS = 200
"""Of `variety`: a longer text repeats more words however varied it is."""


def surface_tokens(text: str) -> list[str]:
    """Formulas, without their white space; between them words without letter case, numbers and single signs."""
    tokens: list[str] = []
    position = 0
    for start, end in formula_spans(text):
        tokens += _TOKEN.findall(text[position:start].casefold())
        tokens.append("".join(text[start:end].split()))
        position = end
    return tokens + _TOKEN.findall(text[position:].casefold())


def top_share(tokens: Sequence[str]) -> float:
    """The share of the commonest token, in [0, 1]; 0 without tokens."""
    return max(Counter(tokens).values()) / len(tokens) if tokens else 0.0


def variety(tokens: Sequence[str]) -> float:
    """Different tokens over all tokens, in (0, 1], a mean over whole blocks of `BLOCK_TOKENS`; 1 without tokens."""
    starts = range(0, max(1, len(tokens) - BLOCK_TOKENS + 1), BLOCK_TOKENS)
    blocks = [tokens[start : start + BLOCK_TOKENS] for start in starts]
    return sum(len(set(block)) / len(block) for block in blocks) / len(blocks) if tokens else 1.0


def punctuation_share(text: str) -> float:
    """The share of characters besides white space that are punctuation; signs of mathematics are none."""
    inked = "".join(text.split())
    return sum(char in _PUNCTUATION for char in inked) / len(inked) if inked else 0.0


def longest_character_run(text: str) -> int:
    """How often one character besides white space stands in a row at most."""
    return max((match.end() - match.start() for match in _RUN.finditer(text)), default=0)


def digit_share(text: str) -> float:
    """The share of characters besides white space that are digits."""
    inked = "".join(text.split())
    return sum(char.isdigit() for char in inked) / len(inked) if inked else 0.0


def anchors(text: str) -> frozenset[str]:
    """The different numbers, LaTeX commands and signs of operation of a text."""
    return frozenset(_ANCHOR.findall(text))


def anchors_kept(text: str, whole: frozenset[str]) -> float:
    """The share of a whole's anchors that stand in the text; 1 for a whole without any."""
    return len(whole & anchors(text)) / len(whole) if whole else 1.0

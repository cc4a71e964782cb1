"""Cutting a chain of thought without looking at what it says: the controls that every compressor has to beat.

Head and tail are cut between tokens, as a limit on thinking tokens would cut; random deletion takes whole units, as a
compressor does, and keeps none on purpose, not even the one with the answer. No model, no files.

The head is what a limit gives in use. Tail and random deletion need the whole thinking first: they say what a text of
that length is worth, not what could be saved. The tail often holds the answer itself.
"""

from collections.abc import Callable, Sequence

from extracot.compressor.alignment import Span
from extracot.compressor.joining import join_spans, kept_spans
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.selection import rank_units
from extracot.evaluation.config import ControlKind
from extracot.text.think import THINK_END, THINK_START
from extracot.text.units import segment


def cut_thinking(
    kind: ControlKind, cot: str, token_spans: Callable[[str], Sequence[Span]], ratio: float, seed: int
) -> str:
    """What is left of a chain of thought at a ratio.

    Args:
        kind: which part stays.
        cot: the inside of a think block.
        token_spans: where the tokens of a text stand, as character offsets.
        ratio: share of the tokens to keep; above 1 all of them.
        seed: of random deletion, together with the text.
    """
    tokens = token_spans(cot)
    n_kept = round(min(ratio, 1.0) * len(tokens))
    if n_kept == 0:
        return ""
    if kind == "head":
        return cot[: tokens[n_kept - 1][1]].rstrip()
    if kind == "tail":
        return cot[tokens[-n_kept][0] :].lstrip()
    return _random_units(cot, lambda text: len(token_spans(text)), n_kept, seed)


def _random_units(cot: str, count: Callable[[str], int], target: int, seed: int) -> str:
    """As many units in a random ranking as come nearest to a number of tokens, counted in the text that they make:
    where neighbours were dropped, words cost more tokens than they did."""
    units = segment(cot)
    spans = [(unit.start, unit.end) for unit in units]
    (scores,) = RandomScorer(seed).score([Passage(question="", cot=cot)], [units])
    order = rank_units(scores)

    def first(n: int) -> str:
        kept = set(order[:n])
        return join_spans(cot, kept_spans(spans, [unit in kept for unit in range(len(units))]))

    below, above = 0, len(units)  # `below` units are not too many; more may be
    while above - below > 1:
        middle = (below + above) // 2
        if count(first(middle)) <= target:
            below = middle
        else:
            above = middle
    return min((first(below), first(above)), key=lambda text: abs(count(text) - target))


def closed_block(prompt: str, cot: str) -> str:
    """The think block that is put behind a prompt, so that the model goes on with its answer."""
    opening = "" if prompt.rstrip().endswith(THINK_START) else f"{THINK_START}\n"
    return f"{opening}{cot}\n{THINK_END}\n\n"

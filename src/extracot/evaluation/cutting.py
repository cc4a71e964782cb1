"""Cutting a chain of thought without looking at what it says: the controls that every compressor has to beat.

Head and tail are cut between tokens, as a limit on thinking tokens would cut; random deletion takes whole units, as a
compressor does, and keeps none on purpose, not even the one with the answer. No model, no files.

The head is what a limit gives in use. Tail and random deletion need the whole thinking first: they say what a text of
that length is worth, not what could be saved. The tail often holds the answer itself.
"""

from collections.abc import Sequence

from extracot.compressor.alignment import Span
from extracot.compressor.costs import unit_costs
from extracot.compressor.joining import join_spans, kept_spans
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.selection import cut, rank_units
from extracot.evaluation.config import ControlKind
from extracot.text.think import THINK_END, THINK_START
from extracot.text.units import segment


def cut_thinking(kind: ControlKind, cot: str, tokens: Sequence[Span], ratio: float, seed: int) -> str:
    """What is left of a chain of thought at a ratio.

    Args:
        kind: which part stays.
        cot: the inside of a think block.
        tokens: character offsets of its tokens.
        ratio: share of them to keep; above 1 all of them.
        seed: of random deletion, together with the text.
    """
    n_kept = round(min(ratio, 1.0) * len(tokens))
    if n_kept == 0:
        return ""
    if kind == "head":
        return cot[: tokens[n_kept - 1][1]].rstrip()
    if kind == "tail":
        return cot[tokens[-n_kept][0] :].lstrip()
    units = segment(cot)
    spans = [(unit.start, unit.end) for unit in units]
    (scores,) = RandomScorer(seed).score([Passage(question="", cot=cot)], [units])
    kept = cut(rank_units(scores), unit_costs(tokens, spans), n_kept / len(tokens))
    return join_spans(cot, kept_spans(spans, kept))


def closed_block(prompt: str, cot: str) -> str:
    """The think block that is put behind a prompt, so that the model goes on with its answer."""
    is_open = prompt.rstrip().endswith(THINK_START)
    opening = ("" if prompt.endswith("\n") else "\n") if is_open else f"{THINK_START}\n"
    return f"{opening}{cot}\n{THINK_END}\n\n"

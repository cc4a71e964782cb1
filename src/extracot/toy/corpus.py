"""What the toy base model is trained on: toy problems answered in several styles."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from extracot.text.think import render_response
from extracot.toy.world import N_FACTS, STYLE_REQUESTS, Style, ToyProblem, sample_problems

STYLE_WEIGHTS: dict[Style, float] = {
    Style.VERBOSE: 0.12,
    Style.UNCHECKED: 0.03,
    Style.NEEDED: 0.10,
    Style.EQUATIONS: 0.75,
}
"""Share of each style among the documents. A real model has met terse solutions too; without them the step from the
verbose style to a terse one has to be learnt from nothing. Equations alone are the hardest to write, since no prose
leads from one to the next, and the shortest."""

LEVEL_WEIGHTS = (1.0,) * N_FACTS
"""All levels are equally common in training: the rare long chains are the hard ones."""


class Document(NamedTuple):
    """One exchange: what the user asks, and what the model should say."""

    request: str
    response: str


def sample_documents(seed: int, *, n_facts: int = N_FACTS) -> Iterator[Document]:
    """An endless stream of training documents on problems of the train split."""
    rng = random.Random(f"styles/{seed}")
    styles = list(STYLE_WEIGHTS)
    weights = list(STYLE_WEIGHTS.values())
    for problem in sample_problems("train", seed, n_facts=n_facts, level_weights=LEVEL_WEIGHTS):
        yield write_document(problem, rng.choices(styles, weights)[0])


def write_document(problem: ToyProblem, style: Style) -> Document:
    """The document of one problem in one style."""
    response = render_response(None, problem.chain_of_thought(style), problem.response())
    return Document(problem.question + STYLE_REQUESTS[style], response)


def sample_texts(seed: int, n: int) -> Iterator[str]:
    """n documents as plain text, and all numbers from 0 to 99 in every spelling: the tokenizer's training text."""
    documents = sample_documents(seed)
    for _ in range(n):
        request, response = next(documents)
        yield f"user\n{request}\nassistant\n{response}"
    for number in range(100):
        yield from [f"= {number} {{{number}}}"] * 20

"""The toy world: arithmetic word problems with exact answers and a verbose chain of thought.

A problem is a list of facts in one or more *chains*. A chain starts with a plain amount ("Gus has 4 shells") and
goes on by comparisons ("Compared to Gus, Ola has 5 more shells"); every chain has its own item and its own people.
The question asks for one person's item. Only the links from that chain's start to that person are needed; later
links and the other chains are distractors. The number of needed equations is the problem's *level*, 1 to N_FACTS.

The world is built so that compression can be studied on a tiny model:

- a verbose trace works through every fact, then checks every sum, whatever the level, so easy questions waste most;
- a terse trace can go from one equation to the next by looking up the last name, so it needs no prose;
- the trace never says who is asked about, so a compressor that does not read the question cannot know what to keep.

Train and held-out problems are disjoint by construction: a hash of the question's text decides its split.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

Split = Literal["train", "heldout"]
SPLITS: tuple[str, ...] = get_args(Split)

N_FACTS = 6
MAX_VALUE = 40
LEVEL_WEIGHTS = (0.20, 0.27, 0.20, 0.15, 0.10, 0.08)
"""Chance of level 1, 2, … N_FACTS: easier questions are commoner, as in the benchmarks of real models."""

NAMES = ("Ada", "Ben", "Cal", "Dan", "Eve", "Fay", "Gus", "Hal", "Ian", "Jon", "Kim", "Leo") + (
    "Mia",
    "Ned",
    "Ola",
    "Pam",
    "Quin",
    "Ray",
    "Sue",
    "Tom",
    "Uma",
    "Val",
    "Wes",
    "Zoe",
)
ITEMS = ("shells", "stamps", "marbles", "cards", "pens", "coins", "beads", "books")


class Style(StrEnum):
    """How a chain of thought is written, from everything to the needed equations alone."""

    VERBOSE = "verbose"
    UNCHECKED = "unchecked"
    NEEDED = "needed"
    EQUATIONS = "equations"


STYLE_REQUESTS: dict[Style, str] = {
    Style.VERBOSE: "",
    Style.UNCHECKED: " Skip the check.",
    Style.NEEDED: " Keep to what is needed.",
    Style.EQUATIONS: " Use equations only.",
}
"""What a user adds to the question to get a style; nothing for the verbose one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence of the question and the amount that follows from it."""

    person: str
    item: str
    reference: str | None
    """Whom the person is compared to; None where the amount is given outright."""
    wording: str
    """What the person has: "4 shells", "5 more shells", "twice as many shells"."""
    sum: str
    """The arithmetic, without the name: "4", "4 + 5 = 9"."""
    value: int

    @property
    def equation(self) -> str:
        """The equation that a chain of thought writes down for this fact."""
        return f"$ {self.person} = {self.sum} $"


@dataclass(frozen=True, slots=True)
class ToyProblem:
    """A question with everything that is known about it."""

    facts: tuple[Fact, ...]
    target: int
    """Index of the fact that the question asks about."""

    @property
    def answer(self) -> int:
        """The asked amount."""
        return self.facts[self.target].value

    @property
    def needed(self) -> tuple[int, ...]:
        """Indices of the facts that the answer depends on, in order."""
        chain = [self.target]
        while (reference := self.facts[chain[0]].reference) is not None:
            chain.insert(0, next(i for i in range(chain[0]) if self.facts[i].person == reference))
        return tuple(chain)

    @property
    def level(self) -> int:
        """Number of needed equations, 1 to N_FACTS."""
        return len(self.needed)

    @property
    def question(self) -> str:
        """The text of the question."""
        asked = self.facts[self.target]
        told = " ".join(_sentence(fact) for fact in self.facts)
        return f"How many {asked.item} does {asked.person} have? {told}"

    @property
    def split(self) -> Split:
        """The split that this question belongs to, decided by its text alone."""
        return "heldout" if hashlib.sha256(self.question.encode()).digest()[0] % 8 == 0 else "train"

    def chain_of_thought(self, style: Style = Style.VERBOSE) -> str:
        """The chain of thought in one style; none of them names what is asked."""
        chosen = self.needed if style in (Style.NEEDED, Style.EQUATIONS) else range(len(self.facts))
        facts = [self.facts[i] for i in chosen]
        if style is Style.EQUATIONS:
            return " ".join(f"{fact.equation}." for fact in facts)
        steps = " ".join(_step(fact, is_first=i == 0) for i, fact in enumerate(facts))
        if style is Style.NEEDED:
            return steps
        walk = f"Let me go through the facts one by one. {steps}"
        if style is Style.UNCHECKED:
            return walk
        checks = " ".join(f"$ {fact.sum} $ holds." for fact in facts if fact.reference is not None)
        return f"{walk} Let me check the sums. {checks} That settles every amount."

    def response(self) -> str:
        """The visible text after the think block; the only place that names who was asked about."""
        asked = self.facts[self.target]
        return f"\n\nSo {asked.person} holds {asked.value} {asked.item}: \\boxed{{{asked.value}}}"


def _sentence(fact: Fact) -> str:
    opening = "" if fact.reference is None else f"Compared to {fact.reference}, "
    return f"{opening}{fact.person} has {fact.wording}."


def _step(fact: Fact, is_first: bool) -> str:
    sentence = _sentence(fact)[:-1]
    opening = "Next" if fact.reference is not None else "First" if is_first else "Also"
    if fact.reference is not None:
        sentence = sentence[0].lower() + sentence[1:]
    return f"{opening}, {sentence}: {fact.equation}. So {fact.person} holds {fact.value}."


def sample_problem(
    rng: random.Random,
    *,
    n_facts: int = N_FACTS,
    level: int | None = None,
    level_weights: Sequence[float] = LEVEL_WEIGHTS,
) -> ToyProblem:
    """Draw one problem.

    Args:
        rng: the only source of randomness.
        n_facts: number of facts in the question, at least 1.
        level: number of needed equations, 1 to n_facts; drawn by `level_weights` when None.
        level_weights: [>= n_facts] chance of level 1, 2, …, up to a factor; the first n_facts count.

    Raises:
        ValueError: level outside 1..n_facts.
    """
    if level is None:
        level = rng.choices(range(1, n_facts + 1), weights=level_weights[:n_facts])[0]
    if not 1 <= level <= n_facts:
        raise ValueError(f"level {level} must lie in 1..{n_facts}, the number of facts")
    names = iter(rng.sample(NAMES, n_facts))
    items = iter(rng.sample(ITEMS, len(ITEMS)))
    asked_length = level + rng.randint(0, min(2, n_facts - level))
    lengths = [asked_length, *_split_lengths(rng, n_facts - asked_length)]
    chains = [_sample_chain(rng, next(items), [next(names) for _ in range(length)]) for length in lengths]
    order = list(range(len(chains)))
    rng.shuffle(order)
    target = sum(lengths[c] for c in order[: order.index(0)]) + level - 1
    facts = tuple(fact for c in order for fact in chains[c])
    return ToyProblem(facts=facts, target=target)


def sample_problems(
    split: Split,
    seed: int,
    *,
    n_facts: int = N_FACTS,
    level: int | None = None,
    level_weights: Sequence[float] = LEVEL_WEIGHTS,
) -> Iterator[ToyProblem]:
    """An endless stream of problems of one split; the same arguments give the same stream."""
    rng = random.Random(f"{split}/{seed}/{n_facts}/{level}")
    while True:
        problem = sample_problem(rng, n_facts=n_facts, level=level, level_weights=level_weights)
        if problem.split == split:
            yield problem


def _split_lengths(rng: random.Random, total: int) -> list[int]:
    """Lengths of the distractor chains: one or two, adding up to `total`."""
    if total == 0:
        return []
    first = rng.randint(1, total) if total > 3 or rng.random() < 0.5 else total
    return [first] if first == total else [first, total - first]


def _sample_chain(rng: random.Random, item: str, people: list[str]) -> list[Fact]:
    value = rng.randint(2, 20)
    facts = [Fact(people[0], item, None, f"{value} {item}", str(value), value)]
    for reference, person in zip(people, people[1:], strict=False):
        operator, operand = _sample_operation(rng, value)
        result = {"+": value + operand, "-": value - operand, "*": value * operand, "/": value // operand}[operator]
        wording = _WORDINGS[operator, operand if operator in "*/" else 0].format(n=operand, item=item)
        facts.append(Fact(person, item, reference, wording, f"{value} {operator} {operand} = {result}", result))
        value = result
    return facts


_WORDINGS = {
    ("+", 0): "{n} more {item}",
    ("-", 0): "{n} fewer {item}",
    ("*", 2): "twice as many {item}",
    ("*", 3): "thrice as many {item}",
    ("/", 2): "half as many {item}",
}


def _sample_operation(rng: random.Random, value: int) -> tuple[str, int]:
    """An operator and operand that keep the amount a whole number in 2..MAX_VALUE."""
    choices = [("+", n) for n in range(2, 10) if value + n <= MAX_VALUE]
    choices += [("-", n) for n in range(2, 10) if value - n >= 2]
    scalings = [("*", n) for n in (2, 3) if value * n <= MAX_VALUE]
    scalings += [("/", 2)] if value % 2 == 0 and value >= 4 else []
    return rng.choice(scalings) if scalings and rng.random() < 0.4 else rng.choice(choices)

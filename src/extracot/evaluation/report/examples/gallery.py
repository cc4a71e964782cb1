"""What the browser of examples is given: one gallery per data set, and one of the compressor's own cuts.

The page's script reads these as JSON, so the fields are its interface (see `page.js`).
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, TypedDict

from extracot.text.edits import Edit


class GalleryRow(TypedDict):
    """One row of the evaluation, or one ratio of a compressor."""

    arm: str
    asked: str
    """base, policy, or the ratio asked for."""
    style: str
    """CSS class of the arm."""


class Shown(TypedDict):
    """One completion of a question, or one compression of a trace."""

    row: int
    """Index into the gallery's rows."""
    sample: int
    """Index into the gallery's samples."""
    asked: str
    """As the row's, with the ratio that a policy chose."""
    outcome: str
    versus: str
    """"lost" where the base model is right and this is not, "won" the other way round, else ""."""
    facts: str
    text: str
    """The thinking as it was written, or what the compressor left of it."""
    visible: str
    edits: list[Edit] | None
    """How the thinking came from the item's pieces; None where there is nothing to compare with."""


class GalleryItem(TypedDict):
    """One question."""

    question: str
    answer: str
    level: int | None
    pieces: list[str]
    """The thinking that edits start from, cut where they need it."""
    shown: list[Shown]


class Gallery(NamedTuple):
    """A set of questions to step through."""

    title: str
    note: str
    """What is compared with what."""
    rows: list[GalleryRow]
    samples: list[str]
    """Names of the samples; one name where there is nothing to choose."""
    items: Iterable[GalleryItem]
    """In the order in which they are shown; made one by one, since a page may have room for a part only."""
    n_items: int
    choice: str
    """How those that a page has room for are chosen, for its readers."""


def in_turn(levels_of: dict[str, int | None]) -> list[str]:
    """Every id once, levels in turn from the easiest, within a level by a hash: nobody's favourites.

    Args:
        levels_of: difficulty of each id.
    """
    by_level: dict[int, list[str]] = {}
    for name, level in levels_of.items():
        by_level.setdefault(-1 if level is None else level, []).append(name)
    queues = [sorted(by_level[level], key=_hash) for level in sorted(by_level)]
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()

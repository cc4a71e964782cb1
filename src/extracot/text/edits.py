"""How one text came from another, unit by unit: what it kept, what it dropped, what it says that is new.

A rewriting is read as an edit of the original: its longest common subsequence with the original is what was kept.
Not covered: units that were moved (dropped in one place, new in another).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Edit = int | str
"""n > 0: the next n pieces of the original are kept. n < 0: the next -n are dropped. A text: new in this place."""


@dataclass(frozen=True, slots=True)
class EditedText:
    """An original, cut wherever one of its edits needs it, and those edits counted in the pieces."""

    pieces: list[str]
    """Joined, they are the original."""
    edits: list[list[Edit]]
    """Per rewriting, in the order given; each covers every piece once."""


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> list[tuple[int, int]]:
    """The positions (i, j) of a longest common subsequence, ascending in both.

    Time is len(second) steps on integers of len(first) bits, so texts of thousands of units take milliseconds.

    Source: the bit-parallel algorithm of Hyyrö 2004, "Bit-parallel LCS-length computation revisited".
    """
    where: dict[str, int] = {}
    for i, item in enumerate(first):
        where[item] = where.get(item, 0) | 1 << i
    every = (1 << len(first)) - 1
    # Bit i of rows[j] is 0 where item i lengthens the subsequence common to first[: i + 1] and second[: j + 1].
    rows = []
    row = every
    for item in second:
        hits = row & where.get(item, 0)
        row = ((row + hits) | (row - hits)) & every
        rows.append(row)
    pairs = []
    i, j = len(first), len(second)
    while i and j:
        if rows[j - 1] >> (i - 1) & 1:
            i -= 1  # item i - 1 is not needed for this length
            continue
        j -= 1
        if j == 0 or rows[j - 1] >> (i - 1) & 1:
            i -= 1  # it was not there before item j came: the two meet
            pairs.append((i, j))
    return pairs[::-1]


def edit_units(original: Sequence[str], rewritten: Sequence[str]) -> list[Edit]:
    """The edit that makes the second list of units from the first, counted in units of the first.

    Units are the same when they differ in the white space around them only. What is new stands behind what was
    dropped in its place.
    """
    pairs = common_subsequence([unit.strip() for unit in original], [unit.strip() for unit in rewritten])
    edits: list[Edit] = []
    last_i = last_j = 0
    for i, j in [*pairs, (len(original), len(rewritten))]:
        if i > last_i:
            edits.append(last_i - i)
        if j > last_j:
            edits.append("".join(rewritten[last_j:j]))
        if i < len(original):
            if edits and isinstance(edits[-1], int) and edits[-1] > 0:
                edits[-1] += 1
            else:
                edits.append(1)
        last_i, last_j = i + 1, j + 1
    return edits


def cut_for_edits(original: Sequence[str], edits: Iterable[Sequence[Edit]]) -> EditedText:
    """The original in as few pieces as its edits allow, and the edits counted in them."""
    listed = list(edits)
    ends_of = [_ends(edit) for edit in listed]
    bounds = sorted({0, len(original), *(end for ends in ends_of for end in ends)})
    number = {bound: index for index, bound in enumerate(bounds)}
    recounted = []
    for edit in listed:
        row: list[Edit] = []
        position = 0
        for step in edit:
            if isinstance(step, str):
                row.append(step)
                continue
            end = position + abs(step)
            n_pieces = number[end] - number[position]
            row.append(n_pieces if step > 0 else -n_pieces)
            position = end
        recounted.append(row)
    pieces = ["".join(original[start:end]) for start, end in zip(bounds, bounds[1:], strict=False)]
    return EditedText(pieces, recounted)


def keep_spans(text: str, spans_of: Sequence[Sequence[tuple[int, int]]]) -> EditedText:
    """A text and what is left of it by spans of characters, one list of ascending half-open spans per edit."""
    bounds = sorted({0, len(text), *(bound for spans in spans_of for span in spans for bound in span)})
    number = {bound: index for index, bound in enumerate(bounds)}
    edits: list[list[Edit]] = []
    for spans in spans_of:
        row: list[Edit] = []
        position = 0
        for start, end in spans:
            row += [number[position] - number[start], number[end] - number[start]]
            position = end
        row.append(number[position] - number[len(text)])
        edits.append([step for step in row if step])
    return EditedText([text[a:b] for a, b in zip(bounds, bounds[1:], strict=False)], edits)


def _ends(edit: Sequence[Edit]) -> list[int]:
    """Where each step that counts units ends."""
    ends = []
    position = 0
    for step in edit:
        if isinstance(step, int):
            position += abs(step)
            ends.append(position)
    return ends

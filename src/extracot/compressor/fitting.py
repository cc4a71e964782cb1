"""Meeting a ratio more closely than whole clauses in the order of their scores do; nested like any other cut.

Whatever the ratios, nested cuts are the beginnings of one ranking, so at an arbitrary ratio they miss by a quarter of a
unit on average, of a long one by more. Two things help. Units that are ranked a little lower may fill what is left
below round ratios (`meet_marks`): they come a little early, whole. Where that does not reach, the clause at the cut
gives a part of its words (`seam_unit`, `part_of_clause`); there is one such clause in a text at most, and formulas,
quantities and code are never parted.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from extracot.compressor.alignment import Span
from extracot.text.units import segment

TOLERANCE: Final = 0.002
"""Share of all tokens; a cut that misses its target by less is let be."""
N_MARKS: Final = 20
"""Round ratios: multiples of 0.05."""
REACH: Final = 32
"""Units that are looked at to fill what is left below a mark."""


def meet_marks(order: Sequence[int], costs: Sequence[int], may_jump: Sequence[bool], n_forced: int = 0) -> list[int]:
    """A ranking changed a little, so that its beginnings cost multiples of 1 / N_MARKS of the whole.

    Where the next unit would pass a mark, units behind it that fit below the mark come first. A unit that costs more
    than the distance of two marks passes one wherever it stands, so it keeps its place.

    Args:
        order: [U] a permutation of the units, the first to keep first.
        costs: [U] tokens of each unit, not negative.
        may_jump: [U] whether a unit reads well without those that it would overtake.
        n_forced: the first so many units of the ranking stay where they are.

    Returns:
        [U] a permutation. It depends on no ratio that is asked for, so cuts of it are nested. Time is linear in U.
    """
    total = sum(costs)
    step = total / N_MARKS
    arranged = list(order[:n_forced])
    spent = sum(costs[unit] for unit in arranged)
    waiting = deque(order[n_forced:])
    for mark in range(1, N_MARKS):
        target = mark * step
        while waiting and (spent + costs[waiting[0]] <= target or costs[waiting[0]] > step):
            spent += costs[waiting[0]]
            arranged.append(waiting.popleft())
        if not waiting or spent >= target:
            continue
        near = [waiting.popleft() for _ in range(min(REACH, len(waiting)))]
        candidates = [unit for unit in near if may_jump[unit] and costs[unit] > 0]
        jumping = nearest_sum(candidates, costs, target - spent, TOLERANCE / 2 * total)
        arranged.extend(jumping)
        spent += sum(costs[unit] for unit in jumping)
        waiting.extendleft(unit for unit in reversed(near) if unit not in jumping)
    return [*arranged, *waiting]


def nearest_sum(candidates: Sequence[int], costs: Sequence[int], target: float, tolerance: float) -> tuple[int, ...]:
    """Some of the candidates whose costs add up to the target as nearly as possible, and not to more.

    Args:
        candidates: units, the better first; no more of them are looked at than are needed to come within `tolerance`.
        costs: [U] tokens of each unit.
        target: positive.
        tolerance: distance from the target that is near enough.

    Returns:
        Units, in the order of the candidates; of equally near choices the one found first. None where nothing fits.
    """
    chosen_by_sum: dict[int, tuple[int, ...]] = {0: ()}
    for unit in candidates:
        for spent, chosen in list(chosen_by_sum.items()):
            reached = spent + costs[unit]
            if reached <= target and reached not in chosen_by_sum:
                chosen_by_sum[reached] = (*chosen, unit)
        if target - max(chosen_by_sum) <= tolerance:
            break
    return chosen_by_sum[max(chosen_by_sum)]


class Seam(NamedTuple):
    """Where a target falls into a unit."""

    n_before: int
    """Units that are ranked before that unit."""
    room: float
    """Tokens of it that the target has room for."""


def seam_unit(order: Sequence[int], costs: Sequence[int], ratio: float, n_forced: int = 0) -> Seam | None:
    """The unit that a target falls into; None where the target, or one that is near enough, falls between two units.

    Args:
        order: [U] a permutation of the units.
        costs: [U] tokens of each unit.
        ratio: share of all tokens, in (0, 1].
        n_forced: the first so many units of the ranking stay whole.
    """
    spent = list(accumulate((costs[unit] for unit in order), initial=0))
    target = ratio * spent[-1]
    above = bisect_left(spent, target)
    n_before = bisect_right(spent, target) - 1
    if above > len(order) or n_before < n_forced or n_before >= len(order):
        return None
    room = target - spent[n_before]
    if min(room, spent[n_before + 1] - target) <= TOLERANCE * spent[-1]:
        return None
    return Seam(n_before, room)


def part_of_clause(
    text: str, clause: Span, token_starts: Sequence[int], room: float, from_left: bool
) -> Span | None:
    """The words of a clause that come nearest to a number of tokens.

    Args:
        text: the whole chain of thought.
        clause: where the clause stands in it.
        token_starts: [T] where the tokens of the text begin, ascending.
        room: tokens to come near to.
        from_left: whether the part is the beginning of the clause; else it is the end.

    Returns:
        The part, or None for nothing at all. Quantities are not parted.
    """
    start, end = clause
    borders = [start, *(start + unit.end for unit in segment(text[start:end], "word"))]
    n_before = [bisect_left(token_starts, border) for border in borders]

    def distance(index: int) -> float:
        n_kept = n_before[index] - n_before[0] if from_left else n_before[-1] - n_before[index]
        return abs(n_kept - room)

    best = min(range(len(borders)), key=distance)
    part = (start, borders[best]) if from_left else (borders[best], end)
    return part if part[0] < part[1] else None

"""The parts of the reward of one response: pure functions of what was chosen, measured and graded.

Every part is unweighted; weights are laid on after (or before) group normalisation by `advantages`. Ratios
are kept over original, r_c is the chosen ratio, r* the teacher budget, d = r_c - r* their distance.

Order of outcomes, with the defaults, for accuracy plus mode and for the head reward alike, on any grid with
steps of at least 0.1: right and cheap > right and dear > wrong and generous > wrong and cut too far.

Source: METHOD, stage 3. The paper gives no coefficients; every default below is ours, with its reason.
"""

from collections.abc import Collection
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from extracot.records.outcome import Outcome


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class CalibrationShape(_Shape):
    """How a realised length that breaks the promise of the chosen token is punished."""

    tolerance: float = Field(default=0.1, ge=0)
    """Half width of the free band around the chosen ratio, as in the published data preparation."""
    delta: float = Field(default=0.2, gt=0)
    """Where the penalty turns from quadratic to linear: a miss of one step of the default grid."""
    cap: float = Field(default=1.0, gt=0)
    """Larger misses count as this one, so that one run-away response does not flatten its whole group. Ours:
    the method has no cap."""


class ModeShape(_Shape):
    """How the chosen budget is paid, once the outcome is known."""

    gain: float = Field(default=0.5, ge=0)
    """Right, d <= 0: paid per unit of ratio saved below the teacher budget."""
    bonus: float = Field(default=0.2, ge=0)
    """Right, d <= 0: paid for staying at or below the teacher budget at all, so that d = 0 beats d > 0
    clearly."""
    cap: float = Field(default=0.3, ge=0)
    """Right, d <= 0: the most that can be paid, reached one grid step (0.2) below r*. Further leaps pay no
    more."""
    over_right: float = Field(default=0.5, ge=0, lt=1)
    """Right, d > 0: charged per unit of ratio overspent. Below 1, so that a right answer always beats a wrong
    one."""
    under_wrong: float = Field(default=1.0, ge=0)
    """Wrong, d < 0: charged per unit cut too far, the heaviest rate."""
    over_wrong: float = Field(default=0.1, ge=0)
    """Wrong, d >= 0: charged per unit above r*. A tenth of `under_wrong`: falling back by the whole scale
    costs less than cutting one step of 0.1 too far, which makes recovery quick."""
    unsolved_wrong: float = Field(default=0.1, ge=0)
    """Wrong, no teacher budget: charged per unit of ratio below 1, so that hopeless problems pull gently
    upwards (recovery) instead of rewarding the cheapest failure."""


class IntegrityShape(_Shape):
    """What a broken form costs."""

    penalty: float = Field(default=0.5, ge=0)
    """Per kind of violation: one is half of the worst, so that mending one of several is already an
    improvement."""
    cap: float = Field(default=1.0, ge=0)
    """The most that one response can be charged."""


class HeadShape(_Shape):
    """How good the choice was, right at the choice."""

    peak: float = Field(default=1.0, gt=0)
    """Right at d = 0."""
    below_right: float = Field(default=0.1, ge=0)
    """Right, d < 0: charged per unit. Small, so that it stays near the peak and a saving is never discouraged
    for
    long: a success below r* says that r* was measured too high."""
    over_right: float = Field(default=1.0, ge=0)
    """Right, d > 0: charged per unit. At most `peak`, so that a right answer is never worth less than a wrong
    one."""
    under_wrong: float = Field(default=1.0, ge=0)
    """Wrong, d < 0: charged per unit, as in the mode reward."""
    over_wrong: float = Field(default=0.1, ge=0)
    """Wrong, d >= 0: charged per unit, as in the mode reward."""
    unsolved_wrong: float = Field(default=0.1, ge=0)
    """Wrong, no teacher budget: charged per unit of ratio below 1, as in the mode reward."""


class Violation(StrEnum):
    """Ways in which a response breaks the form."""

    NO_CHOICE = "no_choice"
    """The first token is no ratio token."""
    NO_THINK = "no_think"
    """No think block behind the choice."""
    UNCLOSED_THINK = "unclosed_think"
    """The think block has no end."""
    NO_ANSWER = "no_answer"
    """There is no final answer to compare."""
    STRAY_CONTROL = "stray_control"
    """A control token inside the text."""
    DEGENERATE = "degenerate"
    """The reasoning repeats itself."""


def accuracy_reward(outcome: Outcome) -> float | None:
    """1 for a correct answer, 0 for any other ending; None when grading could not decide."""
    return None if outcome is Outcome.UNGRADED else float(outcome is Outcome.CORRECT)


def calibration_reward(actual_ratio: float, chosen_ratio: float | None, shape: CalibrationShape) -> float:
    """-huber(max(0, |actual - chosen| - tolerance)), in [-huber(cap), 0]; a missing choice keeps no promise:
    the worst.

    Huber: x²/(2δ) up to δ, x - δ/2 beyond.
    """
    if chosen_ratio is None:
        miss = shape.cap
    else:
        miss = min(shape.cap, max(0.0, abs(actual_ratio - chosen_ratio) - shape.tolerance))
    if miss <= shape.delta:
        return -miss * miss / (2 * shape.delta)
    return -(miss - shape.delta / 2)


def mode_reward(is_correct: bool, chosen_ratio: float | None, teacher_ratio: float | None, shape: ModeShape) -> float:
    """Pay savings, charge overspending, charge failures by cutting too far the most.

    Args:
        is_correct: the answer equals the gold.
        chosen_ratio: r_c; None for a response without a choice, which is paid like the worst choice that its
            outcome allows (right: r_c = 1; wrong: r_c -> 0), so that leaving the choice out never pays.
        teacher_ratio: r*; None for a problem that no budget solves. Only correctness and recovery act there:
            a right answer gets 0 at any ratio, a wrong one is charged for every unit below the full budget.
    """
    chosen = _chosen_or_worst(is_correct, chosen_ratio)
    if teacher_ratio is None:
        return 0.0 if is_correct else -shape.unsolved_wrong * (1 - chosen)
    distance = _distance(chosen, teacher_ratio)
    if is_correct:
        if distance <= 0:
            return min(shape.cap, shape.gain * -distance + shape.bonus)
        return -shape.over_right * distance
    if distance < 0:
        return -shape.under_wrong * -distance
    return -shape.over_wrong * distance


def integrity_reward(violations: Collection[Violation], shape: IntegrityShape) -> float:
    """Minus the penalty per kind of violation, up to the cap; 0 for a sound form."""
    return -min(shape.cap, shape.penalty * len(set(violations)))


def head_reward(is_correct: bool, chosen_ratio: float | None, teacher_ratio: float | None, shape: HeadShape) -> float:
    """How good the choice was: near the peak for a right answer at r_c <= r*, falling on both sides, steeper
    above.

    Args:
        is_correct: the answer equals the gold.
        chosen_ratio: r_c; None for a first token that is no ratio: minus the peak, whatever came after it.
        teacher_ratio: r*; None for a problem that no budget solves: the peak when right, else recovery as in
            `mode_reward`.
    """
    if chosen_ratio is None:
        return -shape.peak
    if teacher_ratio is None:
        return shape.peak if is_correct else -shape.unsolved_wrong * (1 - chosen_ratio)
    distance = _distance(chosen_ratio, teacher_ratio)
    if is_correct:
        return shape.peak - (shape.over_right * distance if distance > 0 else shape.below_right * -distance)
    return -(shape.under_wrong * -distance if distance < 0 else shape.over_wrong * distance)


def mirror_reward(chosen_ratio: float | None, asked_ratio: float, shape: HeadShape) -> float:
    """The head reward where the prompt asks for a ratio: the peak for repeating it, minus the peak for all else."""
    return shape.peak if chosen_ratio == asked_ratio else -shape.peak


def _chosen_or_worst(is_correct: bool, chosen_ratio: float | None) -> float:
    if chosen_ratio is not None:
        return chosen_ratio
    return 1.0 if is_correct else 0.0


def _distance(chosen_ratio: float, teacher_ratio: float) -> float:
    """d = r_c - r*, free of float noise: equal ratios of a grid give exactly 0 however they were computed."""
    return round(chosen_ratio - teacher_ratio, 6)

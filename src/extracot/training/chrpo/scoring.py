"""From generated ids to reward parts: parse, grade once per batch, compute every part.

The trainer asks one function per part; they share one `ResponseScorer`, which scores a batch the first time
it sees it. Grading is bounded: exact rules decide almost all answers, the rest runs in processes that are
killed when slow.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from extracot.grading.grader import Grader
from extracot.records.outcome import Outcome
from extracot.text.repetition import RepetitionLimits, is_degenerate
from extracot.training.chrpo.monitor import head_stats
from extracot.training.chrpo.rewards import (
    CalibrationShape,
    HeadShape,
    IntegrityShape,
    ModeShape,
    Violation,
    accuracy_reward,
    calibration_reward,
    head_reward,
    integrity_reward,
    mirror_reward,
    mode_reward,
)
from extracot.training.chrpo.rivals import NO_RIVAL, RivalCase, RivalReward, rival_rewards
from extracot.training.response_ids import ParsedResponse, ResponseTokens, parse_response

GRADING_TIMEOUT_S = 30.0
"""For the answers of one step. Honest ones take well under a second, and hostile ones may not hold up the training:
what is undecided then has no reward."""
MAIN_PARTS = ("accuracy", "calibration", "mode", "integrity")
"""Parts of the main reward, in the order of the trainer's columns."""
RIVAL = "rival"
"""The reward of another method, a further part behind those, only where one is asked for."""
HEAD = "head"
"""The control-head reward, the last column."""


@dataclass(frozen=True, slots=True)
class ScoredResponse:
    """One response with everything that was measured on it."""

    parsed: ParsedResponse
    outcome: Outcome
    actual_ratio: float
    """Think tokens over the problem's reference; may pass 1."""
    violations: frozenset[Violation]
    rewards: dict[str, float | None]
    """Part -> unweighted reward; None where grading could not decide what it depends on."""
    asked_ratio: float | None = None
    """The ratio that its prompt asked for; None for its own choice."""


class ResponseScorer:
    """Scores batches of responses.

    Args:
        tokens: the structural ids.
        decode: ids to text, special tokens kept.
        grader: open; the caller closes it.
        calibration, mode, integrity, head: see `rewards`.
        repetition: what counts as degenerate, in words.
    """

    def __init__(
        self,
        tokens: ResponseTokens,
        decode: Callable[[Sequence[int]], str],
        grader: Grader,
        calibration: CalibrationShape,
        mode: ModeShape,
        integrity: IntegrityShape,
        head: HeadShape,
        repetition: RepetitionLimits,
    ) -> None:
        self._tokens = tokens
        self._decode = decode
        self._grader = grader
        self._calibration, self._mode, self._integrity, self._head = calibration, mode, integrity, head
        self._repetition = repetition
        self._is_blank_by_id: dict[int, bool] = {}

    def score(
        self,
        completion_ids: Sequence[Sequence[int]],
        golds: Sequence[str],
        teacher_ratios: Sequence[float | None],
        n_reference_think_tokens: Sequence[float],
        asked_ratios: Sequence[float | None] | None = None,
    ) -> list[ScoredResponse]:
        """Score responses, in order; all sequences are equally long, reference lengths are above 0.

        Args:
            completion_ids: of each response.
            golds: gold answers.
            teacher_ratios: None for a problem that no budget solves.
            n_reference_think_tokens: of each problem.
            asked_ratios: what each prompt asked for, None for the model's own choice; None if all asked for that.
        """
        asked_ratios = asked_ratios or [None] * len(completion_ids)
        parsed = [parse_response(ids, self._tokens, self._is_blank) for ids in completion_ids]
        # The visible part holds the answer; a box in an unclosed think block is none.
        grades = self._grader.grade_many(
            [(gold, self._decode(p.visible_ids)) for gold, p in zip(golds, parsed, strict=True)]
        )
        return [
            self._score_one(p, Outcome.TRUNCATED if p.is_truncated else grade.outcome, teacher, n_reference, asked)
            for p, grade, teacher, n_reference, asked in zip(
                parsed, grades, teacher_ratios, n_reference_think_tokens, asked_ratios, strict=True
            )
        ]

    def _score_one(
        self,
        parsed: ParsedResponse,
        outcome: Outcome,
        teacher_ratio: float | None,
        n_reference: float,
        asked_ratio: float | None,
    ) -> ScoredResponse:
        actual_ratio = parsed.n_think_tokens / n_reference
        violations = frozenset(self._violations(parsed, outcome))
        is_correct = None if outcome is Outcome.UNGRADED else outcome is Outcome.CORRECT
        choice = parsed.choice
        rewards: dict[str, float | None] = {
            "accuracy": accuracy_reward(outcome),
            "calibration": calibration_reward(actual_ratio, choice, self._calibration),
            "mode": None if is_correct is None else mode_reward(is_correct, choice, teacher_ratio, self._mode),
            "integrity": integrity_reward(violations, self._integrity),
            HEAD: None if is_correct is None else head_reward(is_correct, choice, teacher_ratio, self._head),
        }
        if asked_ratio is not None:  # nothing is chosen, so no choice is paid
            promised = None if choice is None else asked_ratio
            rewards["calibration"] = calibration_reward(actual_ratio, promised, self._calibration)
            rewards["mode"] = 0.0
            rewards[HEAD] = mirror_reward(choice, asked_ratio, self._head)
        return ScoredResponse(parsed, outcome, actual_ratio, violations, rewards, asked_ratio)

    def _violations(self, parsed: ParsedResponse, outcome: Outcome) -> Iterable[Violation]:
        if parsed.choice is None:
            yield Violation.NO_CHOICE
        if not parsed.has_think:
            yield Violation.NO_THINK
        elif not parsed.is_closed:
            yield Violation.UNCLOSED_THINK
        if outcome in (Outcome.NO_ANSWER, Outcome.TRUNCATED):
            yield Violation.NO_ANSWER
        if parsed.has_stray_control:
            yield Violation.STRAY_CONTROL
        if is_degenerate(self._decode(parsed.think_ids).split(), self._repetition):
            yield Violation.DEGENERATE

    def _is_blank(self, token: int) -> bool:
        if token not in self._is_blank_by_id:
            self._is_blank_by_id[token] = not self._decode([token]).strip()
        return self._is_blank_by_id[token]


def main_parts(rival: RivalReward) -> tuple[str, ...]:
    """Parts of the main reward, in the order of the trainer's columns."""
    return MAIN_PARTS if rival.kind == "none" else (*MAIN_PARTS, RIVAL)


def rival_case(scored: ScoredResponse, n_reference_think_tokens: float) -> RivalCase:
    """What a rival's reward needs to know of a scored response."""
    return RivalCase(
        is_correct=None if scored.outcome is Outcome.UNGRADED else scored.outcome is Outcome.CORRECT,
        chosen_ratio=scored.parsed.choice,
        asked_ratio=scored.asked_ratio,
        n_think_tokens=scored.parsed.n_think_tokens,
        n_tokens=scored.parsed.n_tokens,
        n_reference_think_tokens=n_reference_think_tokens,
    )


class BatchRewards:
    """The reward functions that the trainer calls, one per part, over one shared scoring of the batch.

    Relies on the trainer passing the very same `completion_ids` list to every reward function of a batch.

    Args:
        scorer: of single responses.
        grid: every ratio that can be chosen.
        rival: the reward of another method to compute as well; batches are then whole groups, one after the other.
        group_size: responses of one prompt; only a rival asks.
    """

    def __init__(
        self, scorer: ResponseScorer, grid: Sequence[float], rival: RivalReward = NO_RIVAL, group_size: int = 1
    ) -> None:
        self._scorer = scorer
        self._grid = tuple(grid)
        self._rival = rival
        self._group_size = group_size
        self._seen: Sequence[Sequence[int]] | None = None
        self._rewards: dict[str, list[float | None]] = {}

    @cached_property
    def functions(self) -> list[Callable[..., list[float | None]]]:
        """One function per main part, one for the rival if there is one, then the head."""
        return [self._part_function(part) for part in (*main_parts(self._rival), HEAD)]

    def _part_function(self, part: str) -> Callable[..., list[float | None]]:
        def reward(
            *,
            completion_ids: Sequence[Sequence[int]],
            answer: Sequence[str],
            teacher_ratio: Sequence[float | None],
            n_reference_think_tokens: Sequence[float],
            asked_ratio: Sequence[float | None],
            log_metric: Callable[[str, float], None],
            **_: Any,
        ) -> list[float | None]:
            if self._seen is not completion_ids:
                scored = self._scorer.score(
                    completion_ids, answer, teacher_ratio, n_reference_think_tokens, asked_ratio
                )
                self._rewards = {name: [s.rewards[name] for s in scored] for name in (*MAIN_PARTS, HEAD)}
                if self._rival.kind != "none":
                    cases = [
                        rival_case(s, n_reference)
                        for s, n_reference in zip(scored, n_reference_think_tokens, strict=True)
                    ]
                    self._rewards[RIVAL] = rival_rewards(cases, self._group_size, self._grid, self._rival)
                self._seen = completion_ids
                for name, value in batch_metrics(scored, self._grid).items():
                    log_metric(name, value)
            return self._rewards[part]

        reward.__name__ = part  # the trainer names its columns after it
        return reward


def share_metric(ratio: float) -> str:
    """Name of the metric that holds the share of responses which chose this ratio."""
    return f"head/share_{ratio:.2f}"


def batch_metrics(scored: Sequence[ScoredResponse], grid: Sequence[float]) -> dict[str, float]:
    """Means over a batch of at least one response: lengths, outcomes, violations and the head's choices.

    Where some prompts ask for a ratio and some do not, lengths and choices are those of the others, and `knob/error` is
    how far the asked ones are from their ratio.
    """
    asked = [s for s in scored if s.asked_ratio is not None]
    free = [s for s in scored if s.asked_ratio is None] or scored
    stats = head_stats([s.parsed.choice for s in free], grid)
    knob = {}
    if asked:
        knob["knob/error"] = sum(abs(s.actual_ratio - (s.asked_ratio or 0.0)) for s in asked) / len(asked)
    violations = Counter(violation for s in scored for violation in s.violations)
    n = len(scored)
    return {
        "accuracy": sum(s.outcome is Outcome.CORRECT for s in scored) / n,
        "think_tokens/mean": sum(s.parsed.n_think_tokens for s in free) / len(free),
        "tokens/mean": sum(s.parsed.n_tokens for s in free) / len(free),
        "visible_tokens/mean": sum(len(s.parsed.visible_ids) for s in free) / len(free),
        "actual_ratio/mean": sum(s.actual_ratio for s in free) / len(free),
        "outcome/truncated": sum(s.outcome is Outcome.TRUNCATED for s in scored) / n,
        "outcome/ungraded": sum(s.outcome is Outcome.UNGRADED for s in scored) / n,
        **knob,
        "head/entropy": stats.entropy,
        "head/no_choice": stats.no_choice_share,
        **{share_metric(ratio): share for ratio, share in stats.shares.items()},
        **{f"violation/{violation}": violations[violation] / n for violation in Violation},
    }

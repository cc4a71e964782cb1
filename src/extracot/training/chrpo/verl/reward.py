"""The rewards of one response, in the form of verl's custom reward function; no verl is needed to import this.

verl calls it with the response as text. The choice, the lengths and the end of a response are read from token ids
and from nothing else, so the ids have to be in `extra_info`: `reward_manager` puts them there, verl's own managers
do not.
"""

import atexit
import math
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict

from extracot.errors import ConfigError
from extracot.grading.grader import Grader
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.records.outcome import Outcome
from extracot.text.repetition import RepetitionLimits
from extracot.training.chrpo.rewards import CalibrationShape, HeadShape, IntegrityShape, ModeShape
from extracot.training.chrpo.scoring import GRADING_TIMEOUT_S, MAIN_PARTS, ResponseScorer, ScoredResponse
from extracot.training.response_ids import response_tokens

RESPONSE_IDS = "response_ids"
"""Key of the generated ids in `extra_info`, padding left out."""


class RewardSettings(BaseModel):
    """What the rewards depend on besides the response; verl passes it on with every call."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str
    """The model that training starts from: its tokenizer and its knob are read."""
    stop_ids: tuple[int, ...]
    """Tokens that end a response."""
    weights: tuple[tuple[str, float], ...]
    """Of the main parts in `score`, by name."""
    calibration_shape: CalibrationShape
    """Coefficients of the calibration reward."""
    mode_shape: ModeShape
    """Coefficients of the mode reward."""
    integrity_shape: IntegrityShape
    """Coefficients of the integrity reward."""
    head_shape: HeadShape
    """Coefficients of the control-head reward."""


_SHAPES = ("calibration_shape", "mode_shape", "integrity_shape", "head_shape")
_lock = threading.Lock()


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any],
    *,
    model: str,
    stop_ids: Sequence[int],
    weights: Mapping[str, float],
    calibration_shape: Mapping[str, float],
    mode_shape: Mapping[str, float],
    integrity_shape: Mapping[str, float],
    head_shape: Mapping[str, float],
) -> dict[str, float | str]:
    """Score one response: every reward part apart, their weighted sum, and what was measured.

    Args:
        data_source: not read.
        solution_str: not read; the ids say more than the text does.
        ground_truth: the gold answer.
        extra_info: `teacher_ratio`, `n_reference_think_tokens` and `grid` of the row, and `RESPONSE_IDS`.
        model, stop_ids, weights, calibration_shape, mode_shape, integrity_shape, head_shape: see `RewardSettings`.

    Returns:
        `score`, the weighted sum of the main parts that are known, which verl logs; `acc`, 1 or 0; each of `PARTS`,
        NaN where grading could not decide; `choice` (NaN for none), `n_think_tokens`, `actual_ratio`, `outcome`.

    Raises:
        ConfigError: no ids, or rows that were written for another grid.
    """
    given = (calibration_shape, mode_shape, integrity_shape, head_shape)
    settings = RewardSettings(
        model=model,
        stop_ids=tuple(stop_ids),
        weights=tuple(weights.items()),
        **{name: dict(shape) for name, shape in zip(_SHAPES, given, strict=True)},  # type: ignore[arg-type]
    )
    if RESPONSE_IDS not in extra_info:
        raise ConfigError(
            f"extra_info has no {RESPONSE_IDS}; set reward.reward_manager to "
            "extracot.training.chrpo.verl.reward_manager as chrpo-verl writes it"
        )
    with _lock:  # verl scores in many threads; only one may load
        scorer, grid = _scorer(settings)
    if tuple(extra_info["grid"]) != grid:
        raise ConfigError(
            f"the rows are for the ratios {list(extra_info['grid'])}, {model} has {list(grid)}; run chrpo-verl again"
        )
    scored = scorer.score(
        [[int(token) for token in extra_info[RESPONSE_IDS]]],
        [ground_truth],
        [_ratio(extra_info["teacher_ratio"])],
        [float(extra_info["n_reference_think_tokens"])],
    )[0]
    return as_verl(scored, dict(settings.weights))


def as_verl(scored: ScoredResponse, weights: Mapping[str, float]) -> dict[str, float | str]:
    """A scored response as verl takes it; see `compute_score`."""
    parts = {part: math.nan if reward is None else reward for part, reward in scored.rewards.items()}
    known = [weights[part] * parts[part] for part in MAIN_PARTS if not math.isnan(parts[part])]
    return {
        "score": sum(known),
        "acc": float(scored.outcome is Outcome.CORRECT),
        **parts,
        "choice": math.nan if scored.parsed.choice is None else scored.parsed.choice,
        "n_think_tokens": float(scored.parsed.n_think_tokens),
        "actual_ratio": scored.actual_ratio,
        "outcome": scored.outcome.value,
    }


@cache
def _scorer(settings: RewardSettings) -> tuple[ResponseScorer, tuple[float, ...]]:
    """The scorer of this process, and the grid of its model; made at the first response, closed at exit."""
    tokenizer = load_tokenizer(settings.model)
    grid = Knob.load(settings.model).grid
    grader = Grader(batch_timeout_s=GRADING_TIMEOUT_S)
    atexit.register(grader.close)

    def decode(ids: Sequence[int]) -> str:
        text = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    scorer = ResponseScorer(
        response_tokens(tokenizer, grid, settings.stop_ids),
        decode,
        grader,
        settings.calibration_shape,
        settings.mode_shape,
        settings.integrity_shape,
        settings.head_shape,
        RepetitionLimits(),
    )
    return scorer, grid


def _ratio(value: float | None) -> float | None:
    """r* as a row holds it: data frames write a missing number as NaN."""
    return None if value is None or math.isnan(value) else float(value)

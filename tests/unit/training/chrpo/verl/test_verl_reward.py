"""The reward function that verl calls: the chrpo stage's scores, one response at a time."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from extracot.errors import ConfigError
from extracot.training.chrpo.rewards import (
    CalibrationShape,
    HeadShape,
    ModeShape,
    calibration_reward,
    head_reward,
    mode_reward,
)
from extracot.training.chrpo.verl.reward import compute_score

Encode = Callable[[str], list[int]]


def score(kwargs: dict[str, Any], ids: list[int], gold: str = "9", **changes: Any) -> dict[str, Any]:
    info = {
        "teacher_ratio": 0.5,
        "n_reference_think_tokens": 10.0,
        "grid": [0.2, 0.5, 1.0],
        "response_ids": ids,
        "num_turns": 2,
        **changes,
    }
    return compute_score("extracot", "whatever the text says", gold, info, **kwargs)


def test_every_part_is_that_of_the_pure_functions(reward_kwargs: dict[str, Any], response_ids: Encode) -> None:
    found = score(reward_kwargs, response_ids("<COMP_20>\n<think>\n$ 4 + 5 = 9 $\n</think>\n\\boxed{9}"))
    n_think = len(response_ids("$ 4 + 5 = 9 $")) - 1
    assert found["n_think_tokens"] == n_think
    assert found["choice"] == 0.2
    assert found["actual_ratio"] == n_think / 10
    assert found["accuracy"] == found["acc"] == 1.0
    assert found["calibration"] == calibration_reward(n_think / 10, 0.2, CalibrationShape())
    assert found["mode"] == mode_reward(True, 0.2, 0.5, ModeShape())
    assert found["integrity"] == 0.0
    assert found["head"] == head_reward(True, 0.2, 0.5, HeadShape())
    assert found["outcome"] == "correct"
    assert found["score"] == pytest.approx(found["accuracy"] + 0.2 * found["calibration"] + 0.4 * found["mode"])


def test_a_control_token_that_merely_occurs_is_no_choice(reward_kwargs: dict[str, Any], response_ids: Encode) -> None:
    found = score(reward_kwargs, response_ids("\n<COMP_20><think>\n4\n</think>\n\\boxed{9}"))
    assert math.isnan(found["choice"])
    assert found["head"] == -HeadShape().peak
    assert found["integrity"] == -1.0  # no choice and a stray token, half of the worst each


def test_a_response_without_its_stop_token_is_truncated(reward_kwargs: dict[str, Any], response_ids: Encode) -> None:
    found = score(reward_kwargs, response_ids("<COMP_20><think>\n4\n</think>\n\\boxed{9}")[:-1])
    assert found["outcome"] == "truncated"
    assert found["accuracy"] == found["acc"] == 0.0


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_a_problem_without_a_teacher_budget_is_read_as_such(
    reward_kwargs: dict[str, Any], response_ids: Encode, unknown: float | None
) -> None:
    found = score(reward_kwargs, response_ids("<COMP_20><think>\n4\n</think>\n\\boxed{8}"), teacher_ratio=unknown)
    assert found["mode"] == mode_reward(False, 0.2, None, ModeShape())


def test_what_grading_cannot_decide_is_nan_and_no_part_of_the_score(
    reward_kwargs: dict[str, Any], response_ids: Encode
) -> None:
    found = score(reward_kwargs, response_ids("<COMP_20><think>\n4\n</think>\n\\boxed{9}"), gold="")
    assert found["outcome"] == "ungraded"
    assert math.isnan(found["accuracy"]) and math.isnan(found["mode"]) and math.isnan(found["head"])
    assert found["score"] == pytest.approx(0.2 * found["calibration"])
    assert found["acc"] == 0.0


def test_without_ids_the_error_says_which_manager_gives_them(reward_kwargs: dict[str, Any]) -> None:
    info = {"teacher_ratio": 0.5, "n_reference_think_tokens": 10.0, "grid": [0.2, 0.5, 1.0]}
    with pytest.raises(ConfigError, match="reward_manager"):
        compute_score("extracot", "<COMP_20>", "9", info, **reward_kwargs)


def test_rows_of_another_grid_are_an_error(reward_kwargs: dict[str, Any], response_ids: Encode) -> None:
    with pytest.raises(ConfigError, match=r"rows are for the ratios \[0.1\]"):
        score(reward_kwargs, response_ids("9"), grid=[0.1])


def test_many_threads_share_one_scorer(reward_kwargs: dict[str, Any], response_ids: Encode) -> None:
    right, wrong = (response_ids(f"<COMP_50><think>\n4\n</think>\n\\boxed{{{answer}}}") for answer in (9, 8))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda ids: score(reward_kwargs, ids), [right, wrong] * 20))
    assert [info["acc"] for info in found] == [1.0, 0.0] * 20

"""What is logged of a batch under verl."""

import math
from typing import Any

import pytest

from extracot.training.chrpo.verl.metrics import batch_figures, choices_of, flat_group_share


def info(choice: float = 0.2, **changes: Any) -> dict[str, Any]:
    parts = dict.fromkeys(("accuracy", "calibration", "mode", "integrity", "head"), 0.5)
    rest = {"choice": choice, "acc": 1.0, "n_think_tokens": 4.0, "actual_ratio": 0.4, "outcome": "correct"}
    return {**parts, **rest, **changes}


def test_the_head_is_counted_by_ratio_and_a_missing_choice_apart() -> None:
    head = choices_of([info(), info(1.0), info(1.0), info(math.nan)], (0.2, 1.0))
    assert head.shares == {0.2: 0.25, 1.0: 0.5}
    assert head.no_choice_share == 0.25


def test_figures_are_means_and_a_part_that_is_unknown_everywhere_has_none() -> None:
    infos = [info(accuracy=math.nan, mode=1.0, acc=0.0, outcome="ungraded"), info(accuracy=math.nan, mode=math.nan)]
    figures = batch_figures(infos, choices_of(infos, (0.2, 1.0)))
    assert "chrpo/reward/accuracy" not in figures
    assert figures["chrpo/reward/mode"] == 1.0
    assert figures["chrpo/accuracy"] == 0.5
    assert figures["chrpo/outcome/ungraded"] == 0.5
    assert figures["chrpo/think_tokens/mean"] == 4.0
    assert figures["chrpo/head/share_0.20"] == 1.0
    assert figures["chrpo/head/entropy"] == pytest.approx(0.0)


def test_a_group_of_equal_scores_is_flat() -> None:
    assert flat_group_share([1.0, 0.5, 1.0, 0.5, 0.2], ["a", "b", "a", "b", "b"]) == 0.5

"""What is logged of a batch under verl, from what the reward function returned; no verl is needed to import this."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from extracot.records.outcome import Outcome
from extracot.training.chrpo.monitor import HeadStats, head_stats
from extracot.training.chrpo.scoring import share_metric
from extracot.training.chrpo.verl.advantages import PARTS


def choices_of(infos: Sequence[Mapping[str, Any]], grid: Sequence[float]) -> HeadStats:
    """The choices of a batch of at least one response."""
    return head_stats([None if math.isnan(info["choice"]) else info["choice"] for info in infos], grid)


def batch_figures(infos: Sequence[Mapping[str, Any]], head: HeadStats) -> dict[str, float]:
    """Means over a batch of at least one response, under the names of the `chrpo` stage behind `chrpo/`.

    A part's mean is over the responses in which it is known; without one it is left out.
    """
    n = len(infos)
    figures = {
        "accuracy": sum(info["acc"] for info in infos) / n,
        "think_tokens/mean": sum(info["n_think_tokens"] for info in infos) / n,
        "actual_ratio/mean": sum(info["actual_ratio"] for info in infos) / n,
        "outcome/truncated": sum(info["outcome"] == Outcome.TRUNCATED for info in infos) / n,
        "outcome/ungraded": sum(info["outcome"] == Outcome.UNGRADED for info in infos) / n,
        "head/entropy": head.entropy,
        "head/no_choice": head.no_choice_share,
        **{share_metric(ratio): share for ratio, share in head.shares.items()},
    }
    for part in PARTS:
        known = [info[part] for info in infos if not math.isnan(info[part])]
        if known:
            figures[f"reward/{part}"] = sum(known) / len(known)
    return {f"chrpo/{name}": value for name, value in figures.items()}


def flat_group_share(scores: Sequence[float], index: Sequence[Hashable]) -> float:
    """Share of groups in which all scores are equal; equal entries of `index` are a group, at least one."""
    scores_by_group: dict[Hashable, set[float]] = {}
    for score, key in zip(scores, index, strict=True):
        scores_by_group.setdefault(key, set()).add(score)
    return sum(len(found) == 1 for found in scores_by_group.values()) / len(scores_by_group)

"""One data set's scores, arranged for showing: rows, distances to the base model, and who is drawn how."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import (
    CurvePoint,
    PairedDifference,
    RowKey,
    RowMetrics,
    area_under_curve,
    common_range,
    group_rows,
    interpolate_accuracy,
    paired_difference,
    row_metrics,
)
from extracot.records.score import Score

N_OTHER_STYLES = 9
"""Colours that there are beside those of the base model and of the main arm; further arms share them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row with its scores and its distance to the base model."""

    metrics: RowMetrics
    scores: Sequence[Score]
    versus_base: PairedDifference | None
    """None for the base row itself, or when the two share no question."""

    @property
    def key(self) -> RowKey:
        return self.metrics.key


@dataclass(frozen=True, slots=True)
class CurveComparison:
    """One arm's fixed-ratio curve, read where it can be compared."""

    arm: str
    accuracy_at_policy_cost: float | None
    """Interpolated at the headline policy's mean think tokens; None outside the curve."""
    area: float | None
    """Mean height over the token range that all curves cover; None without such a range."""


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report shows about one data set."""

    rows: Sequence[Row]
    """Base first, then arm by arm: fixed ratios ascending, policy last."""
    base: Row | None
    main_arm: str | None
    """The first arm with a policy row, else the first arm besides the base model."""
    headline: Row | None
    """The main arm's policy row."""
    styles: Mapping[str, str]
    """CSS class of each arm: base, main, other-1 ... other-9."""

    def rows_of(self, arm: str) -> list[Row]:
        return [row for row in self.rows if row.key.arm == arm]


def arrange_results(scores: Iterable[Score]) -> Results:
    """Compute every row of a data set and put the rows in the order in which they are shown."""
    groups = group_rows(scores)
    base_scores = next((group for key, group in groups.items() if key.arm == BASE_ARM), None)
    arms = list(dict.fromkeys(key.arm for key in groups))
    arms.sort(key=lambda arm: arm != BASE_ARM)  # stable: base first, the others as they came
    ordered = sorted(groups, key=lambda key: (arms.index(key.arm), _mode_order(key)))
    rows = [
        Row(
            metrics=row_metrics(groups[key]),
            scores=groups[key],
            versus_base=(
                paired_difference(groups[key], base_scores)
                if base_scores is not None and key.arm != BASE_ARM
                else None
            ),
        )
        for key in ordered
    ]
    others = [arm for arm in arms if arm != BASE_ARM]
    policies = [row for row in rows if row.key.mode == "policy"]
    headline = policies[0] if policies else None
    main_arm = headline.key.arm if headline else next(iter(others), None)
    return Results(
        rows=rows,
        base=next((row for row in rows if row.key.arm == BASE_ARM), None),
        main_arm=main_arm,
        headline=headline,
        styles=_styles(arms, main_arm),
    )


def compare_curves(results: Results) -> list[CurveComparison]:
    """Each arm's fixed-ratio curve at the policy's cost, and its area; arms with one ratio are left out."""
    curves: dict[str, list[CurvePoint]] = {}
    for row in results.rows:
        if row.key.mode == "fixed":
            point = CurvePoint(row.metrics.mean_think_tokens, row.metrics.accuracy)
            curves.setdefault(row.key.arm, []).append(point)
    curves = {arm: curve for arm, curve in curves.items() if len(curve) > 1}
    shared = common_range(curves.values())
    cost = results.headline.metrics.mean_think_tokens if results.headline else None
    return [
        CurveComparison(
            arm=arm,
            accuracy_at_policy_cost=None if cost is None else interpolate_accuracy(curve, cost),
            area=None if shared is None else area_under_curve(curve, *shared),
        )
        for arm, curve in curves.items()
    ]


def _mode_order(key: RowKey) -> tuple[int, float]:
    return ({"base": 0, "fixed": 1, "policy": 2}[key.mode], key.target_ratio or 0.0)


def _styles(arms: Sequence[str], main_arm: str | None) -> dict[str, str]:
    styles: dict[str, str] = {}
    n_others = 0
    for arm in arms:
        if arm == BASE_ARM:
            styles[arm] = "base"
        elif arm == main_arm:
            styles[arm] = "main"
        else:
            styles[arm] = f"other-{n_others % N_OTHER_STYLES + 1}"
            n_others += 1
    return styles

"""What a set of graded completions says: accuracy, tokens, control, latency and choices, with intervals.

Every function is pure and works on `Score` records. A *row* is one arm asked in one way: the base model,
one fixed ratio, or the policy. "Accuracy" is always Acc@all: correct divided by everything that was asked,
so an unparseable, truncated or ungraded completion counts as wrong and is never skipped.

Not covered: throughput under load (latencies are whatever the backend measured per completion), and
significance across more than one data set.
"""

from extracot.evaluation.metrics.accuracy import accuracy, accuracy_interval
from extracot.evaluation.metrics.curve import CurvePoint, area_under_curve, common_range, interpolate_accuracy
from extracot.evaluation.metrics.intervals import Interval, quantile, wilson_interval
from extracot.evaluation.metrics.levels import accuracy_by_level, choices_by_level
from extracot.evaluation.metrics.paired import (
    PairedDifference,
    PairedThinking,
    paired_difference,
    paired_thinking,
    sign_test_p_value,
)
from extracot.evaluation.metrics.passes import PassAtK, pass_at_k, pass_probability
from extracot.evaluation.metrics.ratios import (
    ControlQuality,
    act_ratio,
    act_ratio_interval,
    control_quality,
    question_ratios,
)
from extracot.evaluation.metrics.rows import Latency, RowKey, RowMetrics, group_rows, row_metrics

__all__ = [
    "ControlQuality",
    "CurvePoint",
    "Interval",
    "Latency",
    "PairedDifference",
    "PairedThinking",
    "PassAtK",
    "RowKey",
    "RowMetrics",
    "accuracy",
    "accuracy_by_level",
    "accuracy_interval",
    "act_ratio",
    "act_ratio_interval",
    "area_under_curve",
    "choices_by_level",
    "common_range",
    "control_quality",
    "group_rows",
    "interpolate_accuracy",
    "paired_difference",
    "paired_thinking",
    "pass_at_k",
    "pass_probability",
    "quantile",
    "question_ratios",
    "row_metrics",
    "sign_test_p_value",
    "wilson_interval",
]

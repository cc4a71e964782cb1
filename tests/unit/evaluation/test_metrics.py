"""Metrics against numbers worked out by hand."""

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.evaluation.metrics import (
    CurvePoint,
    Interval,
    accuracy,
    accuracy_by_level,
    accuracy_interval,
    act_ratio,
    act_ratio_interval,
    area_under_curve,
    choices_by_level,
    common_range,
    control_quality,
    group_rows,
    interpolate_accuracy,
    paired_difference,
    pass_at_k,
    pass_probability,
    quantile,
    row_metrics,
    sign_test_p_value,
    wilson_interval,
)
from extracot.evaluation.metrics.passes import shown_ks
from extracot.records.outcome import Outcome
from extracot.records.score import Score

MakeScore = Callable[..., Score]


def test_truncated_unparseable_and_ungraded_answers_are_wrong_and_never_skipped(score: MakeScore) -> None:
    outcomes = [Outcome.CORRECT, Outcome.WRONG, Outcome.NO_ANSWER, Outcome.TRUNCATED, Outcome.UNGRADED]
    scores = [score(f"p-{index}", outcome=outcome) for index, outcome in enumerate(outcomes)]
    metrics = row_metrics(scores)
    assert metrics.accuracy == 0.2
    assert (metrics.truncated_rate, metrics.no_answer_rate, metrics.ungraded_rate) == (0.2, 0.2, 0.2)


def test_wilson_interval_of_8_in_10() -> None:
    # z^2 = 3.8415; centre (0.8 + 3.8415/20) / 1.38415 = 0.7167;
    # half width 1.95996/1.38415 * sqrt(0.8*0.2/10 + 3.8415/400) = 0.2266.
    assert wilson_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_wilson_interval_keeps_a_width_when_nothing_is_right() -> None:
    # z^2 / (n + z^2) = 3.8415 / 8.8415
    assert wilson_interval(0, 5) == pytest.approx((0.0, 0.43448), abs=1e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_stays_in_the_unit_interval(counts: tuple[int, int]) -> None:
    n_correct, n = counts
    low, high = wilson_interval(n_correct, n)
    assert 0 <= low <= n_correct / n <= high <= 1


def test_wilson_interval_refuses_nothing_to_count() -> None:
    with pytest.raises(ValueError, match="n > 0"):
        wilson_interval(0, 0)


def test_copies_of_every_sample_do_not_narrow_the_interval(score: MakeScore) -> None:
    outcomes = [Outcome.CORRECT] * 7 + [Outcome.WRONG] * 3
    once = [score(f"p-{index}", outcome=outcome) for index, outcome in enumerate(outcomes)]
    copies = [one.model_copy(update={"sample": sample}) for one in once for sample in range(4)]
    assert accuracy_interval(once) == pytest.approx(wilson_interval(7, 10))
    assert accuracy_interval(copies) == pytest.approx(wilson_interval(7, 10))


def test_samples_that_differ_within_questions_do_narrow_it(score: MakeScore) -> None:
    # 4 questions, 2 samples each: shares 1, 0.5, 0.5, 0 -> p = 0.5, variance 0.125,
    # effective size 0.25 / (0.125 / 4) = 8.
    right = [(0, 0), (0, 1), (1, 0), (2, 1)]
    scores = [
        score(f"p-{q}", sample=s, outcome=Outcome.CORRECT if (q, s) in right else Outcome.WRONG)
        for q in range(4)
        for s in range(2)
    ]
    assert accuracy_interval(scores) == pytest.approx(wilson_interval(4, 8))
    assert row_metrics(scores).pass_rate == 0.75


def test_act_ratio_is_a_ratio_of_means_and_the_question_ratio_a_mean_of_ratios(score: MakeScore) -> None:
    scores = [
        score("p-1", n_think_tokens=20, reference=100.0),
        score("p-2", n_think_tokens=30, reference=50.0),
    ]
    metrics = row_metrics(scores)
    assert metrics.act_ratio == pytest.approx(1 / 3)  # 50 / 150
    assert metrics.saving == pytest.approx(2 / 3)
    assert metrics.mean_question_ratio == pytest.approx(0.4)  # (0.2 + 0.6) / 2
    # Residuals 20 - 100/3 and 30 - 50/3, s^2 = 355.56; half width 1.96 sqrt(355.56 / 2) / 75 = 0.3484.
    assert metrics.act_ratio_interval == pytest.approx((0.0, 1 / 3 + 0.34844), abs=1e-4)


def test_questions_without_a_reference_are_left_out_of_the_ratio_only(score: MakeScore) -> None:
    scores = [score("p-1", n_think_tokens=50), score("p-2", n_think_tokens=10, reference=None)]
    assert act_ratio(scores) == 0.5
    assert act_ratio_interval(scores) is None
    assert row_metrics(scores).mean_think_tokens == 30
    assert act_ratio(scores[1:]) is None


def test_control_errors(score: MakeScore) -> None:
    scores = [
        score("p-1", mode="fixed", target_ratio=0.2, n_think_tokens=10),
        score("p-2", mode="fixed", target_ratio=0.2, n_think_tokens=40),
    ]
    metrics = row_metrics(scores)
    assert metrics.control_error == pytest.approx(0.05)  # |0.25 - 0.2|
    assert metrics.question_control_error == pytest.approx(0.15)  # (0.1 + 0.2) / 2
    assert row_metrics([score()]).control_error is None


def test_control_quality_sees_two_targets_of_one_length() -> None:
    quality = control_quality({0.6: 0.7, 0.2: 0.3, 0.8: 0.7})
    assert quality is not None
    assert quality.mean_error == pytest.approx(0.1)
    assert not quality.is_monotone
    rising = control_quality({0.6: 0.6, 0.2: 0.3})
    assert rising is not None and rising.is_monotone
    assert control_quality({}) is None


def test_quantiles_are_interpolated() -> None:
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile([1, 2, 3, 4], 0.95) == pytest.approx(3.85)
    assert quantile([7], 0.95) == 7


def test_paired_difference_by_hand(score: MakeScore) -> None:
    # Right on a, b, c against a, d: D = 0, 1, 1, -1. With two pseudo-questions: centre 1/6,
    # variance (3 + 1)/6 - 1/36 = 0.63889, half 1.96 sqrt(0.63889 / 6) = 0.63957.
    first = [score(name, outcome=Outcome.CORRECT if name in "abc" else Outcome.WRONG) for name in "abcd"]
    second = [score(name, outcome=Outcome.CORRECT if name in "ad" else Outcome.WRONG) for name in "dcba"]
    paired = paired_difference(first, second)
    assert paired is not None
    assert (paired.n_problems, paired.difference) == (4, 0.25)
    assert paired.interval == pytest.approx((1 / 6 - 0.63957, 1 / 6 + 0.63957), abs=1e-5)
    assert (paired.n_first_better, paired.n_second_better, paired.p_value) == (2, 1, 1.0)


def test_two_equal_rows_still_have_an_interval(score: MakeScore) -> None:
    rows = [score(f"p-{index}") for index in range(100)]
    paired = paired_difference(rows, rows)
    assert paired is not None and paired.difference == 0
    assert paired.interval.low < 0 < paired.interval.high


def test_rows_without_a_common_question_have_no_difference(score: MakeScore) -> None:
    assert paired_difference([score("a")], [score("b")]) is None


def test_sign_test() -> None:
    assert sign_test_p_value(5, 0) == 2 / 32
    assert sign_test_p_value(0, 0) == 1.0
    assert sign_test_p_value(9000, 1000) == pytest.approx(0.0, abs=1e-12)


def test_choices_are_counted_by_level_and_a_missing_ratio_is_not_hidden(score: MakeScore) -> None:
    scores = [
        score("a", mode="policy", chosen_ratio=0.2, level=2),
        score("b", mode="policy", chosen_ratio=0.2, level=1),
        score("c", mode="policy", chosen_ratio=None, level=1),
        score("d", mode="policy", chosen_ratio=0.5, level=None),
    ]
    choices = choices_by_level(scores)
    assert list(choices) == [1, 2, None]
    assert choices[1] == {0.2: 1, None: 1}


def test_accuracy_by_level(score: MakeScore) -> None:
    scores = [score("a", level=2), score("b", level=1), score("c", level=1, outcome=Outcome.WRONG)]
    assert accuracy_by_level(scores) == {1: 0.5, 2: 1.0}


CURVE = [CurvePoint(40, 0.9), CurvePoint(10, 0.5), CurvePoint(20, 0.7)]


def test_area_under_the_curve_is_the_mean_height() -> None:
    # 10 wide at 0.6 and 20 wide at 0.8, over 30
    assert area_under_curve(CURVE, 10, 40) == pytest.approx(22 / 30)
    # from (15, 0.6) over (20, 0.7) to (30, 0.8): (5 * 0.65 + 10 * 0.75) / 15
    assert area_under_curve(CURVE, 15, 30) == pytest.approx(10.75 / 15)


def test_nothing_is_extrapolated() -> None:
    assert area_under_curve(CURVE, 5, 40) is None
    assert interpolate_accuracy(CURVE, 41) is None
    assert interpolate_accuracy(CURVE, 30) == pytest.approx(0.8)
    assert interpolate_accuracy([CurvePoint(10, 0.5)], 10) == 0.5


def test_points_of_equal_cost_are_averaged() -> None:
    curve = [CurvePoint(10, 0.4), CurvePoint(10, 0.6), CurvePoint(20, 0.5)]
    assert area_under_curve(curve, 10, 20) == pytest.approx(0.5)


def test_common_range_of_curves() -> None:
    assert common_range([CURVE, [CurvePoint(15, 0.1), CurvePoint(60, 0.2)]]) == (15, 40)
    assert common_range([CURVE, [CurvePoint(50, 0.1)]]) is None
    assert common_range([]) is None


def test_rows_are_told_apart_by_arm_mode_and_ratio(score: MakeScore) -> None:
    scores = [
        score(),
        score(arm="ours", mode="fixed", target_ratio=0.2),
        score(arm="ours", mode="policy"),
        score("b"),
    ]
    rows = group_rows(scores)
    assert [len(group) for group in rows.values()] == [2, 1, 1]
    with pytest.raises(ValueError, match="exactly one row"):
        row_metrics(scores)


def test_latency_and_unclosed_rate(score: MakeScore) -> None:
    scores = [score(f"p-{index}", latency_s=float(index), is_closed=index > 0) for index in range(4)]
    metrics = row_metrics(scores)
    assert (metrics.latency.mean_s, metrics.latency.p50_s) == (1.5, 1.5)
    assert metrics.latency.p95_s == pytest.approx(2.85)
    assert metrics.unclosed_rate == 0.25


def test_no_scores_have_no_accuracy() -> None:
    with pytest.raises(ValueError):
        accuracy([])


def test_intervals_are_finite(score: MakeScore) -> None:
    metrics = row_metrics([score("a"), score("b")])
    assert metrics.act_ratio_interval == Interval(1.0, 1.0)
    assert all(math.isfinite(bound) for bound in metrics.accuracy_interval)


def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample() -> None:
    # 4 samples, 1 correct: of the 6 pairs 3 hold it, of the 4 triples 3, the one quadruple does.
    assert [pass_probability(4, 1, k) for k in (1, 2, 3, 4)] == [0.25, 0.5, 0.75, 1.0]
    assert pass_probability(4, 0, 4) == 0.0
    # 2 of 5 correct: 3 of the 10 pairs have none.
    assert pass_probability(5, 2, 2) == pytest.approx(0.7)
    with pytest.raises(ValueError, match="1 <= k <= n"):
        pass_probability(3, 1, 4)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_probability_agrees_with_drawing_every_subset(case: tuple[int, int, int]) -> None:
    n, n_correct, k = case
    subsets = list(itertools.combinations([True] * n_correct + [False] * (n - n_correct), k))
    assert pass_probability(n, n_correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_a_row_with_several_samples_has_pass_at_powers_of_two_and_at_all(score: MakeScore) -> None:
    # Question a: 1 of 3 right, b: 3 of 3. pass@2: a has 2 of 3 pairs, so (2/3 + 1) / 2; pass@3: 1.
    right = {("a", 0), ("b", 0), ("b", 1), ("b", 2)}
    scores = [
        score(name, sample=sample, outcome=Outcome.CORRECT if (name, sample) in right else Outcome.WRONG)
        for name in "ab"
        for sample in range(3)
    ]
    metrics = row_metrics(scores)
    assert [(one.k, one.share) for one in metrics.passes] == [(2, pytest.approx(5 / 6)), (3, 1.0)]
    assert metrics.passes[1].share == metrics.pass_rate
    assert metrics.accuracy == pytest.approx(4 / 6)  # avg@3
    # pass@3 is one try per question, both of them good; pass@2 has an effective size of (5/6)(1/6) / ((1/36) / 2) = 10,
    # and only 6 / 2 = 3 tries were drawn.
    assert metrics.passes[1].interval == pytest.approx(wilson_interval(2, 2))
    assert metrics.passes[0].interval == pytest.approx(wilson_interval(2.5, 3))
    assert row_metrics(scores[:1]).passes == ()


def test_only_k_that_every_question_has_samples_for_are_estimated(score: MakeScore) -> None:
    scores = [score("a", sample=0), score("a", sample=1), score("a", sample=2), score("b", sample=0)]
    assert row_metrics(scores).passes == ()
    with pytest.raises(ValueError, match="1 <= k <= n"):
        pass_at_k(scores, [2])


@pytest.mark.parametrize(("n_samples", "ks"), [(1, []), (2, [2]), (3, [2, 3]), (8, [2, 4, 8]), (10, [2, 4, 8, 10])])
def test_shown_ks_are_powers_of_two_and_all(n_samples: int, ks: list[int]) -> None:
    assert shown_ks(n_samples) == ks


def test_tokens_outside_of_the_think_block_are_the_answers(score: MakeScore) -> None:
    metrics = row_metrics([score("a", n_think_tokens=20), score("b", n_think_tokens=40)])
    assert (metrics.mean_think_tokens, metrics.mean_answer_tokens, metrics.mean_tokens) == (30, 10, 40)

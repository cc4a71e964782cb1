"""What the report's benchmark is fed: whole evaluations, the same each time."""

from report_speed import GRID, make_scores


def test_every_question_is_asked_of_the_base_model_at_every_ratio_and_for_a_choice() -> None:
    scores = list(make_scores(3, 60, seed=0))
    assert scores == list(make_scores(3, 60, seed=0))
    assert len(scores) == 3 * (1 + len(GRID) + 1)
    assert {score.mode for score in scores} == {"base", "fixed", "policy"}


def test_smaller_ratios_give_shorter_thinking() -> None:
    scores = list(make_scores(30, 300, seed=0))
    means = [sum(score.n_think_tokens for score in scores if score.target_ratio == ratio) / 30 for ratio in GRID]
    assert means == sorted(means)
    base = [score.n_think_tokens for score in scores if score.mode == "base"]
    assert 250 < sum(base) / len(base) < 350  # 300 were asked for

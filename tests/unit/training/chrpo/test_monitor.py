import math

import pytest

from extracot.errors import StageError
from extracot.training.chrpo.monitor import HeadStats, HeadWatch, head_stats

GRID = (0.2, 0.5, 1.0)


def test_shares_cover_the_grid_and_the_silent() -> None:
    stats = head_stats([0.2, 0.2, 1.0, None], GRID)
    assert stats.shares == {0.2: 0.5, 0.5: 0.0, 1.0: 0.25}
    assert stats.no_choice_share == 0.25
    # among those that chose: 2/3 and 1/3
    assert stats.entropy == pytest.approx(-(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3))


@pytest.mark.parametrize("choices", [[0.5, 0.5], [None, None]])
def test_one_choice_or_none_has_no_entropy(choices: list[float | None]) -> None:
    assert head_stats(choices, GRID).entropy == 0


def collapsed() -> HeadStats:
    return HeadStats({0.2: 0.99, 0.5: 0.01, 1.0: 0.0}, 0.0)


def spread() -> HeadStats:
    return HeadStats({0.2: 0.5, 0.5: 0.5, 1.0: 0.0}, 0.0)


def silent() -> HeadStats:
    return HeadStats(dict.fromkeys(GRID, 0.0), 1.0)


def test_a_collapse_is_warned_of_once_after_patience() -> None:
    watch = HeadWatch(patience=3)
    said = [watch.observe(collapsed(), 0.0) for _ in range(5)]
    assert [len(warnings) for warnings in said] == [0, 0, 1, 0, 0]
    assert "99% of the responses chose ratio 0.2" in said[2][0]


def test_a_recovery_starts_the_count_again() -> None:
    watch = HeadWatch(patience=2)
    stats = [collapsed(), spread(), collapsed(), collapsed()]
    assert [len(watch.observe(s, 0.0)) for s in stats] == [0, 0, 0, 1]


def test_equal_rewards_everywhere_are_warned_of() -> None:
    watch = HeadWatch(patience=2)
    assert watch.observe(spread(), 1.0) == []
    assert "equal rewards" in watch.observe(spread(), 1.0)[0]


def test_where_nothing_pays_for_a_choice_its_absence_is_warned_of_once() -> None:
    watch = HeadWatch(patience=2, needs_choice=False)
    said = [watch.observe(silent(), 0.0) for _ in range(5)]
    assert [len(warnings) for warnings in said] == [0, 1, 0, 0, 0]
    assert "no response started with a ratio token" in said[1][0]


def test_a_model_that_never_chooses_ends_the_run() -> None:
    watch = HeadWatch(patience=2)
    watch.observe(silent(), 0.0)
    with pytest.raises(StageError, match="no response started with a ratio token"):
        watch.observe(silent(), 0.0)

import random
from collections import Counter

import pytest

from extracot.training.order import shuffled_epochs


def test_every_epoch_is_a_shuffle_of_its_own() -> None:
    order = shuffled_epochs(20, 60, random.Random(0))
    epochs = [order[:20], order[20:40], order[40:]]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("n_total", [0, 1, 7, 23])
def test_a_longer_run_starts_like_a_shorter_one(n_total: int) -> None:
    order = shuffled_epochs(5, n_total, random.Random(3))
    assert order == shuffled_epochs(5, 40, random.Random(3))[:n_total]
    counts = Counter(order).values()
    assert not counts or max(counts) <= -(-n_total // 5)

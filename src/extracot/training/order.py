"""In which order training sees its rows, fixed before it starts, so that a resumed run only has to skip.

The samplers of the trainers draw each epoch's order from a generator that they do not save: a run resumed in
its second epoch would see another order than the unbroken one.
"""

import random


def shuffled_epochs(n_rows: int, n_total: int, generator: random.Random) -> list[int]:
    """`n_total` row indices: one shuffle of all rows after the other, the last one cut off.

    Args:
        n_rows: at least 1.
        n_total: how many indices are wanted; may be less than one epoch.
        generator: makes the shuffles.
    """
    order: list[int] = []
    while len(order) < n_total:
        epoch = list(range(n_rows))
        generator.shuffle(epoch)
        order += epoch
    return order[:n_total]

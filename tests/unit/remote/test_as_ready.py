import threading
import time

import pytest

from extracot.remote.as_ready import map_as_ready


def test_every_item_gives_one_result_with_its_index() -> None:
    assert sorted(map_as_ready(lambda n: n * n, range(20), 4)) == [(n, n * n) for n in range(20)]
    assert list(map_as_ready(str, [], 4)) == []


def test_a_slow_item_does_not_hold_up_the_others() -> None:
    release = threading.Event()

    def function(n: int) -> int:
        if n == 0:
            assert release.wait(60)
        return n

    results = map_as_ready(function, range(9), 2)
    first_eight = [next(results)[0] for _ in range(8)]
    assert sorted(first_eight) == list(range(1, 9))
    release.set()
    assert [index for index, _ in results] == [0]


def test_an_exception_comes_after_the_results_that_are_there_and_begins_nothing_further() -> None:
    begun: list[int] = []

    def function(n: int) -> int:
        begun.append(n)
        if n == 3:
            raise ValueError("three")
        return n

    seen: list[int] = []
    with pytest.raises(ValueError, match="three"):
        for index, _ in map_as_ready(function, range(50), 1):
            seen.append(index)
    assert seen == [0, 1, 2] and begun == [0, 1, 2, 3]


def test_leaving_early_begins_nothing_further() -> None:
    begun: list[int] = []
    results = map_as_ready(lambda n: begun.append(n) or time.sleep(0.01), range(1000), 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    n_begun = len(begun)
    time.sleep(0.1)
    assert len(begun) <= n_begun + 2

from hypothesis import given
from hypothesis import strategies as st

from extracot.training.sft.packing import pack_steps


@given(st.lists(st.integers(1, 50), min_size=1, max_size=50), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_a_step_keeps_its_examples_and_its_number_of_passes(
    lengths: list[int], micro: int, n_passes: int, n_processes: int
) -> None:
    batch_size = micro * n_passes * n_processes
    packs = pack_steps(lengths, batch_size, micro, n_processes)
    assert all(packs)
    per_step = n_passes * n_processes
    n_whole = len(lengths) // batch_size
    for step in range(n_whole):
        members = sorted(place for pack in packs[step * per_step : (step + 1) * per_step] for place in pack)
        assert members == list(range(step * batch_size, (step + 1) * batch_size))
    rest = sorted(place for pack in packs[n_whole * per_step :] for place in pack)
    assert rest == list(range(n_whole * batch_size, len(lengths)))
    n_rest = len(packs) - n_whole * per_step
    assert n_rest % n_processes == 0 or n_rest == len(rest)


@given(st.lists(st.integers(1, 50), min_size=4, max_size=4))
def test_passes_differ_by_no_more_than_the_longest_example(lengths: list[int]) -> None:
    sums = [sum(lengths[place] for place in pack) for pack in pack_steps(lengths, 4, 2)]
    assert max(sums) - min(sums) <= max(lengths)


def test_long_and_short_examples_share_a_pass() -> None:
    assert pack_steps([9, 8, 2, 1], batch_size=4, micro_batch_size=2) == [[0, 3], [1, 2]]

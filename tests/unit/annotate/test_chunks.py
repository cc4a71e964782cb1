from hypothesis import given, settings
from hypothesis import strategies as st

from extracot.annotate.chunks import chunk_units


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 1)), max_size=40), st.integers(1, 9), st.integers(1, 60))
def test_chunks_tile_the_units_within_the_limits(units: list[tuple[int, int]], max_units: int, max_chars: int) -> None:
    sizes = [size for size, _ in units]
    sentences = [sum(step for _, step in units[: i + 1]) for i in range(len(units))]
    chunks = chunk_units(sizes, sentences, max_units, max_chars)
    assert [i for chunk in chunks for i in chunk] == list(range(len(units)))
    for chunk in chunks:
        assert 1 <= len(chunk) <= max_units
        assert len(chunk) == 1 or sum(sizes[chunk.start : chunk.stop]) <= max_chars


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=12))
def test_a_sentence_that_fits_is_never_cut(lengths: list[int]) -> None:
    sentences = [number for number, length in enumerate(lengths) for _ in range(length)]
    for chunk in chunk_units([1] * len(sentences), sentences, 4, 100):
        assert chunk.start == 0 or sentences[chunk.start] != sentences[chunk.start - 1]


def test_a_long_sentence_is_cut_between_units() -> None:
    # Five units of one sentence behind a short one: the short one first, then as many as go in.
    assert chunk_units([3] * 6, [0, 1, 1, 1, 1, 1], 3, 100) == [range(0, 1), range(1, 4), range(4, 6)]
    assert chunk_units([50, 1, 1], [0, 0, 1], 9, 10) == [range(0, 1), range(1, 3)]
    assert chunk_units([], [], 3, 100) == []

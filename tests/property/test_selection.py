"""Laws of ranking and cutting, whatever the scores and costs."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extracot.compressor.joining import join_spans, kept_spans
from extracot.compressor.selection import cut, rank_units
from extracot.compressor.windows import even_windows, overlapping_windows
from extracot.text.units import segment

SCORES = st.floats(-1, 2, allow_nan=False)
UNITS = st.lists(st.tuples(SCORES, st.integers(0, 30)), min_size=1, max_size=40)
RATIOS = st.floats(0.001, 1.0)
RESOLUTIONS = st.sampled_from([0.0, 0.05, 0.25])


@given(UNITS, RATIOS, RATIOS, RESOLUTIONS)
def test_a_larger_ratio_never_drops_a_kept_unit(
    units: list[tuple[float, int]], a: float, b: float, resolution: float
) -> None:
    scores, costs = zip(*units, strict=True)
    order = rank_units(scores, resolution=resolution)
    small, large = (cut(order, costs, ratio) for ratio in sorted((a, b)))
    assert all(after for before, after in zip(small, large, strict=True) if before)


@given(UNITS, RATIOS)
def test_the_cost_misses_the_target_by_half_a_unit_at_most(
    units: list[tuple[float, int]], ratio: float
) -> None:
    scores, costs = zip(*units, strict=True)
    kept = cut(rank_units(scores), costs, ratio)
    spent = sum(cost for cost, is_kept in zip(costs, kept, strict=True) if is_kept)
    assert abs(spent - ratio * sum(costs)) <= max(costs) / 2 + 1e-9


@given(UNITS, RESOLUTIONS)
def test_ratio_one_keeps_every_unit(units: list[tuple[float, int]], resolution: float) -> None:
    scores, costs = zip(*units, strict=True)
    assert all(cut(rank_units(scores, resolution=resolution), costs, 1.0))


@given(UNITS, st.data(), RATIOS)
def test_a_forced_unit_stays_at_every_ratio(
    units: list[tuple[float, int]], data: st.DataObject, ratio: float
) -> None:
    scores, costs = zip(*units, strict=True)
    forced = data.draw(st.integers(0, len(units) - 1))
    assert cut(rank_units(scores, {forced}), costs, ratio, n_forced=1)[forced]


@given(UNITS, RESOLUTIONS)
def test_a_ranking_holds_every_unit_once(units: list[tuple[float, int]], resolution: float) -> None:
    scores = [score for score, _ in units]
    assert sorted(rank_units(scores, resolution=resolution)) == list(range(len(units)))


TEXTS = st.lists(
    st.sampled_from(
        [" ", "\n", "\n\n", "so", "Ola", "$ x = 3 $", "$y$", "4", "×", ".", ", ", "(", ")", "`c`", "é"]
    ),
    max_size=30,
).map("".join)


@given(TEXTS, st.data())
def test_kept_text_is_a_subsequence_but_for_white_space(text: str, data: st.DataObject) -> None:
    units = segment(text, "word")
    kept = data.draw(st.lists(st.booleans(), min_size=len(units), max_size=len(units)))
    joined = join_spans(text, kept_spans([(unit.start, unit.end) for unit in units], kept))
    expected = "".join(unit.of(text) for unit, is_kept in zip(units, kept, strict=True) if is_kept)
    assert "".join(joined.split()) == "".join(expected.split())
    for unit, is_kept in zip(units, kept, strict=True):
        assert not is_kept or unit.of(text).strip() in joined


@given(TEXTS)
def test_keeping_everything_gives_the_text_back(text: str) -> None:
    bounds = [(unit.start, unit.end) for unit in segment(text, "clause")]
    assert join_spans(text, kept_spans(bounds, [True] * len(bounds))) == text.strip()


@given(st.integers(1, 500), st.integers(2, 60), st.data())
def test_windows_own_every_token_once_and_read_what_they_own(n: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    for windows in (overlapping_windows(n, size, overlap), even_windows(n, size, overlap)):
        assert [token for w in windows for token in range(w.own_start, w.own_end)] == list(range(n))
        assert all(w.start <= w.own_start < w.own_end <= w.end <= n and w.end - w.start <= size for w in windows)
        assert all(a.end - b.start >= overlap for a, b in pairwise(windows))


@given(st.integers(1, 500), st.integers(2, 60), st.data())
def test_even_windows_have_one_length_and_are_as_few_as_will_do(n: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    windows = even_windows(n, size, overlap)
    assert len({w.end - w.start for w in windows}) == 1
    # One window fewer would reach `size` tokens and then `size - overlap` new ones each.
    assert len(windows) == 1 or size + (len(windows) - 2) * (size - overlap) < n

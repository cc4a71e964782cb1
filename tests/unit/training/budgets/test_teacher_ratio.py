import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.training.budgets.teacher_ratio import teacher_ratio


@pytest.mark.parametrize(
    ("pass_rates", "threshold", "expected"),
    [
        ({0.2: 1.0, 0.5: 1.0, 1.0: 1.0}, 1.0, 0.2),
        ({0.2: 0.0, 0.5: 1.0, 1.0: 1.0}, 1.0, 0.5),
        ({0.2: 1.0, 0.5: 0.0, 1.0: 1.0}, 1.0, 1.0),  # a lucky success below a failure does not count
        ({0.2: 1.0, 0.5: 1.0, 1.0: 2 / 3}, 1.0, None),  # the largest fails
        ({0.2: 2 / 3, 0.5: 1.0, 1.0: 1.0}, 2 / 3, 0.2),  # reaching the threshold is enough
        ({0.2: 0.0, 0.5: 0.0, 1.0: 0.0}, 0.5, None),
        ({1.0: 1.0, 0.2: 1.0}, 1.0, 0.2),  # the order of the mapping does not matter
        ({0.3: 0.5}, 0.5, 0.3),
    ],
)
def test_the_budget_is_the_foot_of_the_reliable_run(
    pass_rates: dict[float, float], threshold: float, expected: float | None
) -> None:
    assert teacher_ratio(pass_rates, threshold) == expected


@given(
    st.dictionaries(st.sampled_from([0.1, 0.2, 0.5, 1.0]), st.floats(0, 1), min_size=1),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
)
def test_asking_for_more_never_lowers_the_budget(rates: dict[float, float], a: float, b: float) -> None:
    lenient, strict = sorted((a, b))
    loose, tight = teacher_ratio(rates, lenient), teacher_ratio(rates, strict)
    assert tight is None or (loose is not None and loose <= tight)

import pytest

from extracot.text.durations import format_duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(8.06, "8.1 s"), (125, "2 min 05 s"), (119.6, "2 min 00 s"), (11_059, "3 h 04 min")]
)
def test_a_duration_reads_well(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text

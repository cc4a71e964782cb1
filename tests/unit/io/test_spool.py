"""What is put aside comes back, in any order, and leaves nothing behind."""

from pathlib import Path

from extracot.io.spool import Spool


def test_values_come_back_in_any_order(tmp_path: Path) -> None:
    values = ["a\nb", {"cot": "½ \ud800"}, [[1, 2]], None, ""]
    with Spool(tmp_path) as spool:
        places = [spool.put(value) for value in values]
        assert [spool.get(place) for place in reversed(places)] == values[::-1]
        late = spool.put("late")
        assert (spool.get(places[0]), spool.get(late)) == ("a\nb", "late")
    assert not list(tmp_path.iterdir())

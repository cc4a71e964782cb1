"""Whatever byte a kill falls on, the records file goes on as if nothing had happened."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from extracot.io.jsonl import JsonlWriter, read_jsonl

texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.lists(texts, min_size=1, max_size=5), st.data())
def test_a_file_cut_at_any_byte_goes_on_to_the_same_records(values: list[str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        with JsonlWriter(path) as writer:
            for value in values:
                writer.write({"value": value})
        whole = path.read_bytes()
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
        with JsonlWriter(path) as writer:
            n_left = sum(1 for _ in read_jsonl(path))
            for value in values[n_left:]:
                writer.write({"value": value})
        assert path.read_bytes() == whole


@given(st.lists(texts, max_size=5))
def test_records_round_trip(values: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        with JsonlWriter(path) as writer:
            for value in values:
                writer.write({"value": value})
        assert [row["value"] for _, row in read_jsonl(path)] == values

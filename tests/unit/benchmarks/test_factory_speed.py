"""What the factory benchmark feeds the stage, and what it shows of a card."""

import json
from pathlib import Path

from factory_speed import multiply, rejections, texts_of


def test_copies_have_names_of_their_own(tmp_path: Path) -> None:
    source, target = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_text('{"id": "t-1", "cot": "½"}\n{"id": "t-2", "cot": "x"}\n', encoding="utf-8")
    multiply(source, target, 2, ["id"])
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["t-1", "t-2", "t-1 copy 2", "t-2 copy 2"]
    assert [row["cot"] for row in rows] == ["½", "x", "½", "x"]
    assert list(texts_of([str(source)])) == ["t-1", "½", "t-2", "x"]


def test_the_table_shows_the_filters_that_took_something() -> None:
    card = {
        "n_traces": 5,
        "n_traces_kept": 3,
        "dropped_traces": {"too_long": 2, "too_short": 0},
        "compression_faults": {"answer_lost": {"0.20": 1, "1.00": 0}, "chain_cut": {"0.20": 0, "1.00": 0}},
        "n_usable": {"0.20": 2, "1.00": 3},
    }
    shown = rejections(card)
    assert "too_long" in shown and "answer_lost" in shown
    assert "too_short" not in shown and "chain_cut" not in shown

"""Segmentation and slicing on real chains of thought, read where the environment says they lie."""

import gzip
import json
import os
import time
from pathlib import Path

import pytest

from extracot.text.formulas import formula_spans
from extracot.text.slicing import NEEDED, slice_importance
from extracot.text.units import segment

FOLDER = os.environ.get("EXTRACOT_SHARED_DATA")
pytestmark = pytest.mark.skipif(
    FOLDER is None or not (Path(FOLDER) / "cot_traces_dev.jsonl.gz").is_file(),
    reason="EXTRACOT_SHARED_DATA names no folder with cot_traces_dev.jsonl.gz",
)


@pytest.fixture(scope="module")
def traces() -> list[dict[str, str]]:
    assert FOLDER is not None
    with gzip.open(Path(FOLDER) / "cot_traces_dev.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_units_tile_every_trace_and_split_no_formula(traces: list[dict[str, str]]) -> None:
    for trace in traces[::16]:
        cot = trace["cot"]
        formulas = formula_spans(cot)
        for prose in ("word", "clause"):
            units = segment(cot, prose)  # type: ignore[arg-type]
            assert "".join(unit.of(cot) for unit in units) == cot
            borders = {unit.end for unit in units}
            assert not any(border in borders for start, end in formulas for border in range(start + 1, end))


def test_plain_text_maths_is_found(traces: list[dict[str, str]]) -> None:
    sample = traces[::16]
    n_formulas = sum(len(formula_spans(trace["cot"])) for trace in sample)
    n_chars = sum(len(trace["cot"]) for trace in sample)
    # 6.4 per thousand characters in the whole file when this was written; delimited LaTeX alone gives few.
    assert n_formulas / n_chars * 1000 > 5


def test_the_longest_trace_takes_well_under_a_second(traces: list[dict[str, str]]) -> None:
    longest = max((trace["cot"] for trace in traces), key=len)
    started = time.process_time()
    segment(longest)
    assert time.process_time() - started < 1.0


def test_most_traces_have_a_short_way_to_the_answer(traces: list[dict[str, str]]) -> None:
    shares = []
    for trace in traces[::16]:
        cot = trace["cot"]
        units = segment(cot)
        importance = slice_importance(trace["question"], cot, trace["answer"], units)
        kept = sum(u.end - u.start for u, value in zip(units, importance, strict=True) if value >= NEEDED)
        shares.append(kept / len(cot))
    # 96 % had one and the median share was 2.7 % when this was written.
    assert sum(share > 0 for share in shares) / len(shares) > 0.9
    assert 0.005 < sorted(shares)[len(shares) // 2] < 0.1

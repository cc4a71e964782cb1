"""The whole method, from the packaged model to the report, on a handful of problems."""

import json
from pathlib import Path

import pytest

from extracot.cli.main import main
from extracot.io.jsonl import read_records
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.models.served_template import check_served_prompts
from extracot.records.compression import Compression
from extracot.records.score import Score
from extracot.records.sft_example import SftExample
from extracot.text.control import POLICY_TOKEN, control_token


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of other people's trainers
def test_the_pipeline_runs_end_to_end_and_a_second_call_has_nothing_left_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "smoke"
    assert main(["pipeline", "toy-smoke", "--out", str(out)]) == 0
    steps = sorted(path.name for path in out.iterdir() if path.is_dir() and path.name[0].isdigit())
    assert len(steps) == 11
    assert all((out / step / "manifest.json").is_file() for step in steps)

    compressions = list(read_records(out / "04-compressions/records/compressions.jsonl", Compression))
    by_trace: dict[str, list[Compression]] = {}
    for compression in compressions:
        by_trace.setdefault(compression.trace_id, []).append(compression)
    for own in by_trace.values():
        small, large = sorted(own, key=lambda compression: compression.target_ratio)
        assert small.n_tokens <= large.n_tokens
        kept = [set(range(start, end)) for c in (small, large) for start, end in c.kept]
        assert set().union(*kept[: len(small.kept)]) <= set().union(*kept[len(small.kept) :])

    for example in read_records(out / "06-sft-data/records/sft.jsonl", SftExample):
        asked = control_token(example.target_ratio) if example.queue == "fixed" else POLICY_TOKEN
        assert f" {asked}<|im_end|>" in example.prompt
        assert example.completion.startswith(f"{control_token(example.target_ratio)}\n<think>\n")

    for step in ("05-prepared", "07-sft", "09-chrpo"):  # training keeps the knob in the template
        folder = out / step / "model"
        check_served_prompts(load_tokenizer(str(folder)), Knob.load(str(folder)))

    scores = list(read_records(out / "10-evaluation/records/scores.jsonl", Score))
    assert {(score.arm, score.mode) for score in scores} == {
        ("base", "base"),
        ("extracot", "policy"),
        ("extracot-sft", "fixed"),
    }
    assert len(scores) == 4 * 12
    page = (out / "11-report/report.html").read_text(encoding="utf-8")
    assert "Acc@all" in page and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "Acc@all" in capsys.readouterr().out

    manifest = (out / "03-compressor/manifest.json").read_text()
    assert main(["pipeline", "toy-smoke", "--out", str(out), "--resume"]) == 0
    assert (out / "03-compressor/manifest.json").read_text() == manifest
    assert json.loads((out / "manifest.json").read_text())["stage"] == "pipeline"

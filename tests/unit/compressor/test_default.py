"""The packaged compressor for real chains of thought."""

import hashlib
import json
from pathlib import Path

import pytest

from extracot.cli.main import main
from extracot.compressor.compressor import Compressor
from extracot.compressor.scorers.scorer import Passage
from extracot.io.jsonl import read_records
from extracot.models.load import DEFAULT_COMPRESSOR, resolve_model
from extracot.records.compression import Compression
from extracot.text.units import segment

QUESTION = "A shop sells pens at $3 and books at $8. Ann buys 4 pens and 2 books. How much does she pay?"
COT = (
    "Okay, so I need to figure out how much Ann pays. Let me think about it for a moment.\n\n"
    "The 4 pens cost 4 * 3 = 12 dollars. Hmm, that seems right. "
    "The 2 books cost 2 * 8 = 16 dollars. Okay, good. "
    "So altogether 12 + 16 = 28 dollars.\n\n"
    "Wait, let me double check. I want to be sure that I did not make a mistake here. "
    "Well, it all looks fine to me, so I think that is it. The answer is 28."
)


@pytest.fixture(scope="module")
def compressor() -> Compressor:
    return Compressor.from_pretrained(device="cpu")


def test_a_file_of_traces_and_ratios_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressor: Compressor
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.jsonl").write_text(json.dumps({"question": QUESTION, "cot": COT}) + "\n")
    assert main(["compress", "t.jsonl", "--ratios", "0.2", "0.4"]) == 0
    records = list(read_records("runs/compress/records/compressions.jsonl", Compression))
    texts = compressor.compress(QUESTION, COT, [0.2, 0.4], DEFAULT_COMPRESSOR)
    assert [(record.scorer, record.text) for record in records] == [("encoder", text.text) for text in texts]
    assert "answer is 28" in records[0].text  # though nobody told the answer


def test_it_keeps_the_steps_and_drops_the_talk(compressor: Compressor) -> None:
    [short] = compressor.compress(QUESTION, COT, [0.5], DEFAULT_COMPRESSOR, answer="28")
    assert all(step in short.text for step in ("4 * 3 = 12", "2 * 8 = 16", "12 + 16 = 28"))
    assert "make a mistake" not in short.text


def test_the_question_reaches_its_scores(compressor: Compressor) -> None:
    units = [segment(COT, "clause")]
    [own] = compressor.scorer.score([Passage(QUESTION, COT)], units)
    [other] = compressor.scorer.score([Passage("What is the area of a circle of radius 5?", COT)], units)
    assert own != other


def test_its_folder_is_small_and_its_card_names_these_very_weights() -> None:
    folder = Path(resolve_model(DEFAULT_COMPRESSOR))
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 12_000_000
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert digest in card and "Licence" in card


def test_a_text_is_cut_without_naming_a_tokenizer() -> None:
    question, cot = "How many shells?", "First, Gus has 4 shells. Then $4 + 5 = 9$. So the answer is \\boxed{9}."
    compressor = Compressor.from_pretrained()
    [unnamed] = compressor.compress(question, cot, ratios=[0.5])
    [named] = compressor.compress(question, cot, ratios=[0.5], tokenizer="default")
    assert unnamed == named

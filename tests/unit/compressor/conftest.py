"""A trace of the toy world, and scorers with known answers."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from extracot.compressor.scorers.scorer import Passage
from extracot.text.units import Unit

QUESTION = "Gus has 4 shells. Compared to Gus, Ola has 5 more shells. How many shells does Ola have?"
COT = (
    "Let me go through the facts. First, Gus has 4 shells, so $ Gus = 4 $. Next, compared to Gus, Ola has "
    "5 more shells, so $ Ola = 4 + 5 = 9 $. Let me check. $ 4 + 5 = 9 $ holds."
)


class LeftScorer:
    """The further left, the better."""

    name = "left"

    def __init__(self) -> None:
        self.n_calls = 0

    def score(self, passages: Sequence[Passage], units: Sequence[Sequence[Unit]]) -> list[list[float]]:
        self.n_calls += 1
        return [[-float(index) for index in range(len(own))] for own in units]


@pytest.fixture
def left_scorer() -> LeftScorer:
    return LeftScorer()


@pytest.fixture
def passage() -> Passage:
    return Passage(QUESTION, COT, "9")


@pytest.fixture(scope="session")
def tiny_compressor_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained compressor that reads 64 tokens at once."""
    from tests.conftest import build_tiny_tokenizer

    from extracot.compressor.encoder_input import CONFIG_KEY, fit_input
    from extracot.compressor.training.model import build_encoder

    tokenizer = build_tiny_tokenizer()
    tiers = (0.0, 0.5, 1.0)
    model = build_encoder(
        tokenizer, hidden_size=32, n_layers=2, n_heads=2, mlp_size=32, max_length=64, tiers=tiers, seed=0
    )
    setattr(model.config, CONFIG_KEY, fit_input(tokenizer, model.config, tiers, True).to_json())
    folder = tmp_path_factory.mktemp("compressor") / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

"""The hand-set start already looks words up."""

import random

import pytest
import torch
from transformers import Qwen3ForCausalLM

from extracot.toy.initialisation import set_lookup_heads
from extracot.toy.model import build_model
from extracot.toy.tokenizer import build_tokenizer
from extracot.toy.world import NAMES

TOKENIZER = build_tokenizer()


def fresh_model(n_key_value_heads: int) -> Qwen3ForCausalLM:
    return build_model(
        TOKENIZER,
        hidden_size=128,
        n_layers=4,
        n_heads=4,
        n_key_value_heads=n_key_value_heads,
        mlp_size=384,
        seed=0,
    )


@torch.no_grad()
def share_found(model: Qwen3ForCausalLM, n_texts: int = 40) -> float:
    """How often "So Ola holds" makes the amount that Ola was said to hold likelier than the five other amounts."""
    rng = random.Random(0)
    n_found = 0
    for _ in range(n_texts):
        names, values = rng.sample(NAMES, 6), rng.sample(range(2, 40), 6)
        told = " ".join(f"Next, so {name} holds {value}." for name, value in zip(names, values, strict=True))
        asked = rng.randrange(6)
        ids = TOKENIZER(f"{told} So {names[asked]} holds")["input_ids"]
        logits = model(torch.tensor([ids])).logits[0, -1]
        candidates = [logits[TOKENIZER(f" {value}")["input_ids"][0]].item() for value in values]
        n_found += candidates.index(max(candidates)) == asked
    return n_found / n_texts


def test_a_fresh_model_finds_what_stands_behind_a_name() -> None:
    assert share_found(fresh_model(n_key_value_heads=4)) >= 0.8


def test_without_the_heads_it_guesses() -> None:
    # One in six by chance; two key-value heads leave no room for the hand-set ones.
    assert share_found(fresh_model(n_key_value_heads=2)) <= 0.5


def test_a_shape_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="lookup heads need"):
        set_lookup_heads(fresh_model(n_key_value_heads=2), torch.Generator())

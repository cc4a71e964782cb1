"""The tokenizer, the optimizer and the loop that make the toy base model."""

from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from extracot.toy.corpus import sample_documents
from extracot.toy.model import build_model
from extracot.toy.muon import Muon, orthogonalize
from extracot.toy.pretraining import (
    IGNORED,
    batches,
    encode_document,
    learning_rate_factor,
    n_facts_at,
    pretrain,
)
from extracot.toy.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer()


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    return TOKENIZER


@given(st.text())
def test_any_text_round_trips(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"]) == text


def test_a_number_is_one_token(tokenizer: PreTrainedTokenizerBase) -> None:
    # " = 7" is two tokens: the sign and the number, each with its space.
    assert all(len(tokenizer(f" = {number}")["input_ids"]) == 2 for number in range(100))


def test_the_words_of_the_world_are_single_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    words = " Compared to Gus, Ola has thrice as many shells."
    assert len(tokenizer(words)["input_ids"]) == 11


def test_only_the_response_is_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    document = next(sample_documents(seed=0))
    ids, labels = encode_document(tokenizer, document)
    learnt = [i for i, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert tokenizer.decode(learnt) == document.response + tokenizer.eos_token


def test_batches_respect_the_budget_and_predict_the_next_token(tokenizer: PreTrainedTokenizerBase) -> None:
    for batch in islice(batches(tokenizer, sample_documents(seed=0), 2048), 5):
        assert batch.input_ids.numel() <= 2048
        learnt = batch.labels[:, :-1] != IGNORED
        assert torch.equal(batch.labels[:, :-1][learnt], batch.input_ids[:, 1:][learnt])


def test_orthogonalize_brings_singular_values_near_one() -> None:
    matrices = torch.randn(3, 8, 20, generator=torch.Generator().manual_seed(0))
    singular_values = torch.linalg.svdvals(orthogonalize(matrices))
    assert singular_values.min() > 0.5 and singular_values.max() < 1.4


def test_muon_treats_equal_matrices_alike_and_skips_those_without_gradient() -> None:
    first, second, idle = (torch.nn.Parameter(torch.eye(3)) for _ in range(3))
    optimizer = Muon([first, second, idle], lr=0.1)
    for param in (first, second):
        param.grad = torch.arange(9.0).reshape(3, 3)
    optimizer.step()
    assert torch.allclose(first, second)
    assert torch.equal(idle, torch.eye(3))
    assert not torch.allclose(first, torch.eye(3))


def test_the_schedules_begin_small_and_end_at_zero() -> None:
    assert [n_facts_at(p) for p in (0.0, 0.07, 0.12, 0.5)] == [2, 3, 4, 6]
    assert learning_rate_factor(0.005) == pytest.approx(0.5)
    assert learning_rate_factor(0.3) == 1.0
    assert learning_rate_factor(1.0) == 0.0


def test_a_few_steps_bring_the_loss_down(tokenizer: PreTrainedTokenizerBase) -> None:
    model = build_model(tokenizer, hidden_size=32, n_layers=2, n_heads=1, n_key_value_heads=1, mlp_size=64, seed=0)
    losses: list[float] = []
    pretrain(
        model,
        tokenizer,
        n_steps=12,
        batch_tokens=1024,
        matrix_lr=0.02,
        other_lr=5e-3,
        lookup_lr=5e-3,
        seed=0,
        on_step=lambda step, values: losses.append(values["loss"]),
    )
    assert losses[-1] < losses[0] - 0.5

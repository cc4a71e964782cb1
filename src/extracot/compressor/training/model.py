"""The token classifier: a small one from nothing, or any pretrained encoder."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    ModernBertConfig,
    ModernBertForTokenClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from extracot.errors import ModelError
from extracot.models.load import resolve_model

_MATCHING_GAIN = 1.5
"""Length of the equal query and key rows; of 0, 1.5 and 2.5 this learned fastest."""


def build_encoder(
    tokenizer: PreTrainedTokenizerBase,
    *,
    hidden_size: int,
    n_layers: int,
    n_heads: int,
    mlp_size: int,
    max_length: int,
    tiers: Sequence[float],
    seed: int,
) -> ModernBertForTokenClassification:
    """A fresh bidirectional encoder with rotary positions (ModernBERT), fp32, full attention everywhere.

    Queries and keys start equal, so that from the first step a token attends to its own kind: names in the
    chain of thought find the same names in the question. Without that, scores began to depend on the question
    after 1.2 million tokens of the toy world instead of 0.35 (one run each).

    Source: equal queries and keys after Trockman and Kolter, "Mimetic Initialization", arXiv 2305.09828; one
    random orthogonal projection per head is ours.
    """
    if hidden_size % n_heads:
        raise ModelError(f"hidden_size {hidden_size} is not a multiple of n_heads {n_heads}")
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        intermediate_size=mlp_size,
        max_position_embeddings=max_length,
        layer_types=["full_attention"] * n_layers,
        id2label={label: f"importance {tier:g}" for label, tier in enumerate(tiers)},
        label2id={f"importance {tier:g}": label for label, tier in enumerate(tiers)},
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=None,
        cls_token_id=None,
        sep_token_id=None,
        dtype="float32",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ModernBertForTokenClassification(config)
        for layer in model.model.layers:
            _equalise_queries_and_keys(layer.attn.Wqkv.weight, n_heads)
    return model


def load_encoder(name: str, n_labels: int, seed: int) -> PreTrainedModel:
    """A pretrained model with a fresh classification head, in fp32; `toy` is the packaged base model.

    Raises:
        ModelError: not loadable, or an architecture without token classification.
    """
    path = resolve_model(name)
    try:
        config = AutoConfig.from_pretrained(path, num_labels=n_labels)
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # of the head
            model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(
                path, config=config, dtype=torch.float32
            )
    except (OSError, ValueError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise ModelError(f"{name}: cannot be loaded as a token classifier: {first_line}") from error
    return model


@torch.no_grad()
def _equalise_queries_and_keys(weight: Tensor, n_heads: int) -> None:
    """Set the query and key rows of a joint [3D, D] projection to the same orthonormal rows, head by head."""
    hidden_size = weight.shape[1]
    head_size = hidden_size // n_heads
    for head in range(n_heads):
        orthogonal, _ = torch.linalg.qr(torch.randn(hidden_size, hidden_size))
        rows = orthogonal[:head_size] * _MATCHING_GAIN
        weight[head * head_size : (head + 1) * head_size] = rows
        weight[hidden_size + head * head_size : hidden_size + (head + 1) * head_size] = rows

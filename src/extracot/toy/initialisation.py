"""A start for tiny transformers in which looking a word up already works.

Solving a toy problem means finding what stands behind a name ("Ola has …", "$ Ola = …") again and again. A model of a
million parameters learns to do so late: from random weights it spends most of a training run on a plateau. So two
layers start with hand-set attention heads:

- layer 0 carries the identity of the token 1, 2 and 3 places back to every position;
- layer 1 finds an earlier place by it, and copies the token there: by what precedes that place (the usual induction
  head, arXiv 2209.11895), and by what stands two places before it ("Ola holds" finds the 9 of "Ola holds 9").

All of it is trained on from there. The method does not depend on it; the card of the packaged model names it.
"""

from typing import cast

import torch
from torch import Tensor
from transformers import Qwen3ForCausalLM

N_LOOKUP_LAYERS = 2
"""Layers whose attention is set by hand."""

_N_SHARP = 3
"""Rotary frequencies, from the highest, that an offset head uses: the ones that tell neighbours apart."""
_MAX_CONTENT_FREQUENCY = 0.006
"""Rotary coordinates slower than this hardly turn within a text; heads that match by content use them."""


def set_lookup_heads(model: Qwen3ForCausalLM, generator: torch.Generator, noise: float = 0.01) -> None:
    """Set the embeddings, and the attention of the first two layers, in place.

    Args:
        model: at least two layers and four attention heads, with as many key and value heads.
        generator: of the small noise that makes heads differ.
        noise: its size.

    Raises:
        ValueError: a shape that has no room for the heads.
    """
    config = model.config
    size, n_heads = config.hidden_size, config.num_attention_heads
    frequencies = cast(Tensor, model.model.rotary_emb.inv_freq)
    half = len(frequencies)
    slow = [i for i in range(half) if frequencies[i] < _MAX_CONTENT_FREQUENCY]
    content = [*slow, *(half + i for i in slow)]
    width = len(content)
    if n_heads != 4 or config.num_key_value_heads != 4 or size < 1 + 6 * width or len(model.model.layers) < 2:
        raise ValueError(
            f"lookup heads need two layers of 4 attention and 4 key-value heads, and a hidden size of {1 + 6 * width}"
        )
    # Residual stream: [constant | identity a | identity b | 1 back a | 1 back b | 2 back a | 3 back a | free]
    identity_a, identity_b, back_1a, back_1b, back_2, back_3 = (
        range(1 + i * width, 1 + (i + 1) * width) for i in range(6)
    )
    with torch.no_grad():
        embedding = cast(Tensor, model.get_input_embeddings().weight)
        embedding[:, 1 + 2 * width : 1 + 6 * width] = 0.0
        embedding[:, 0] = 2 * embedding[:, 1].std()
        model.lm_head.weight.copy_(0.1 * embedding)
        model.lm_head.weight[:, 0] = 0.0
        first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
        for attention in (first, second):
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
                projection.weight.copy_(noise * torch.randn(projection.weight.shape, generator=generator))
        for head, (offset, source, target) in enumerate(
            (
                (1, identity_a, back_1a),
                (1, identity_b, back_1b),
                (2, identity_a, back_2),
                (3, identity_a, back_3),
            )
        ):
            start = head * config.head_dim
            query, key = _offset_pair(frequencies, offset)
            first.q_proj.weight[start : start + 2 * half, 0] = query
            first.k_proj.weight[start : start + 2 * half, 0] = key
            for i in range(width):
                first.v_proj.weight[start + i, source[i]] = 1.0
                first.o_proj.weight[target[i], start + i] = 1.0
        for head, (asked, found, copied) in enumerate(
            (
                (identity_a, back_1a, identity_a),
                (back_1a, back_2, identity_a),
                (identity_a, back_1a, identity_b),
                (back_1a, back_2, identity_b),
            )
        ):
            start = head * config.head_dim
            for i, coordinate in enumerate(content):
                second.q_proj.weight[start + coordinate, asked[i]] = 1.0
                second.k_proj.weight[start + coordinate, found[i]] = 1.0
                second.v_proj.weight[start + i, copied[i]] = 1.0
                second.o_proj.weight[copied[i], start + i] = 2.0


def _offset_pair(frequencies: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """Query and key, the same at every position, whose rotated product peaks where the key is `offset` back.

    Args:
        frequencies: [D / 2] radians per position of the rotary pairs, falling.

    Returns:
        Two [D] vectors; pair i is made of coordinates i and D / 2 + i.
    """
    half = len(frequencies)
    query, key = torch.zeros(2 * half), torch.zeros(2 * half)
    turned = frequencies[:_N_SHARP] * offset
    query[:_N_SHARP] = 1.0
    key[:_N_SHARP] = torch.cos(turned)
    key[half : half + _N_SHARP] = torch.sin(turned)
    return query, key

"""The toy base model's architecture: a Qwen3 of about one million parameters."""

from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase, Qwen3Config, Qwen3ForCausalLM

from extracot.toy.initialisation import set_lookup_heads


def build_model(
    tokenizer: PreTrainedTokenizerBase,
    *,
    hidden_size: int,
    n_layers: int,
    n_heads: int,
    n_key_value_heads: int,
    mlp_size: int,
    seed: int,
) -> Qwen3ForCausalLM:
    """A freshly initialised model for this tokenizer, fp32, output matrix not tied to the input one.

    The residual branches start at zero, so that the stack is the identity at first and learns quickly; a shape with
    room for them gets the lookup heads of `set_lookup_heads`.
    """
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        num_key_value_heads=n_key_value_heads,
        head_dim=hidden_size // n_heads,
        intermediate_size=mlp_size,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=False,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        cast(Tensor, model.get_input_embeddings().weight).mul_(10.0)
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
            for norm in (layer.self_attn.q_norm, layer.self_attn.k_norm):
                norm.weight.fill_(2.0)
    if n_heads == n_key_value_heads == 4:
        set_lookup_heads(model, torch.Generator().manual_seed(seed))
    return model

"""What an SFT run takes, before anyone pays for it: tokens, steps, memory and time.

Memory of one process, in bytes; P weights, of which T are trained (all, or adapters and control rows):

- weights 4 P, in float32; beside them 2 P of a bfloat16 copy where the passes run in bfloat16;
- gradients 4 T, and Adam's two moments 8 T, in float32;
- activations, per token of a pass and layer, with h the hidden size, a and k the numbers of all query and all key
  heads, m the size of the MLP. In bfloat16 passes over float32 weights: two norms 20 h (input and normalised in
  float32, the product's input in bfloat16), query and key norms 10 (a + k) where the model has them, attention
  4 (a + k), MLP 8 m. In float32: 24 h, 8 (a + k), 8 (a + k), 16 m. With gradient checkpointing the layer's float32
  input 4 h, and one whole layer;
- the output layer, which works through a few hundred tokens at a time, is not counted, nor are fragments.

For the shape of Qwen3-1.7B in bfloat16 this gives 57.3 GiB for passes of 2 x 4,096 tokens and 85.7 for 4 x 4,096; an
H200 took 58.7 and 87.4 (benchmarks/README.md).

A pass holds `micro_batch_size` of the longest examples, or with packing as many of mean length and one of the longest.
Under FSDP2 or ZeRO-3 weights, gradients and moments divide by the number of processes; activations do not.

Not covered: other optimisers, quantised weights, offloading, attention without a fused kernel (n tokens squared).
"""

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

GIB = 2**30

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Shape:
    """What memory depends on, of a decoder of the usual build."""

    n_parameters: int
    """All of them; tied matrices count once."""
    n_layers: int
    hidden_size: int
    n_query_numbers: int
    """Heads times dimensions of the queries."""
    n_key_numbers: int
    """The same of the keys."""
    mlp_size: int
    has_query_norm: bool
    """Queries and keys are normalised, as in Qwen3."""

    @classmethod
    def of(cls, model: "PreTrainedModel") -> "Shape":
        """Read a model, which may be on `meta`; a mixture of experts counts as one MLP of `intermediate_size`."""
        text = model.config.get_text_config()
        n_heads = text.num_attention_heads
        head_size = getattr(text, "head_dim", None) or text.hidden_size // n_heads
        n_key_heads = getattr(text, "num_key_value_heads", None) or n_heads
        mlp_size = getattr(text, "intermediate_size", None) or getattr(text, "n_inner", None) or 4 * text.hidden_size
        return cls(
            n_parameters=sum(parameter.numel() for parameter in model.parameters()),
            n_layers=text.num_hidden_layers,
            hidden_size=text.hidden_size,
            n_query_numbers=n_heads * head_size,
            n_key_numbers=n_key_heads * head_size,
            mlp_size=mlp_size,
            has_query_norm=any(name.endswith("q_norm") for name, _ in model.named_modules()),
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one process."""

    weights: int
    gradients: int
    moments: int
    activations: int

    @property
    def total(self) -> int:
        """All four."""
        return self.weights + self.gradients + self.moments + self.activations


def memory(
    shape: Shape,
    *,
    n_trained: int,
    tokens_per_pass: int,
    is_bfloat16: bool,
    gradient_checkpointing: bool,
) -> Memory:
    """The formula of this module.

    Args:
        shape: of the model.
        n_trained: weights that get a gradient.
        tokens_per_pass: of one process, padding included.
        is_bfloat16: the passes, not the weights.
        gradient_checkpointing: activations are made again in the backward pass.
    """
    per_layer = layer_bytes(shape, is_bfloat16)
    kept = shape.n_layers * per_layer
    if gradient_checkpointing:
        kept = shape.n_layers * 4 * shape.hidden_size + per_layer
    return Memory(
        weights=(6 if is_bfloat16 else 4) * shape.n_parameters,
        gradients=4 * n_trained,
        moments=8 * n_trained,
        activations=tokens_per_pass * kept,
    )


def layer_bytes(shape: Shape, is_bfloat16: bool) -> int:
    """What one token leaves in one layer for the backward pass."""
    heads = shape.n_query_numbers + shape.n_key_numbers
    if is_bfloat16:
        norms = 20 * shape.hidden_size + 10 * heads * shape.has_query_norm
        return norms + 4 * heads + 8 * shape.mlp_size
    norms = 24 * shape.hidden_size + 8 * heads * shape.has_query_norm
    return norms + 8 * heads + 16 * shape.mlp_size


def adapter_parameters(
    model: "PreTrainedModel", rank: int, target_modules: "str | tuple[str, ...]", n_rows: int
) -> int:
    """Weights that adapters of this rank and `n_rows` whole control rows train; the model may be on `meta`."""
    from torch import nn

    embedding, output = model.get_input_embeddings(), model.get_output_embeddings()  # type: ignore[no-untyped-call]
    n_trained: int = n_rows * model.config.get_text_config().hidden_size
    if output is not None and output.weight is not embedding.weight:
        n_trained *= 2
    for name, module in model.named_modules():
        is_target = target_modules == "all-linear" or name.rpartition(".")[2] in target_modules
        if isinstance(module, nn.Linear) and module is not output and is_target:
            n_trained += rank * (module.in_features + module.out_features)
    return n_trained


def tokens_of_a_pass(lengths: list[int], micro_batch_size: int, packing: bool) -> int:
    """The most that one pass of one process may hold."""
    if packing:
        return math.ceil(micro_batch_size * statistics.fmean(lengths)) + max(lengths)
    return min(micro_batch_size, len(lengths)) * max(lengths)

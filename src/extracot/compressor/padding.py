"""Rows of token ids as the tensors that a model takes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel


def model_inputs(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], heads: Sequence[int], pad_id: int
) -> dict[str, Tensor]:
    """Pad on the right and move to the model's device.

    Args:
        model: decides which tensors there are. Longformer attends globally from the head (the question) and
            within a sliding window from the rest, as in METHOD section 2.3; other models attend everywhere.
        rows: [B] token ids.
        heads: [B] number of tokens before the chain of thought.
        pad_id: what to pad with.

    Returns:
        `input_ids` and `attention_mask`, [B, L] int64 each, and what else the model wants.
    """
    shape = (len(rows), max(len(row) for row in rows))
    inputs = {"input_ids": torch.full(shape, pad_id), "attention_mask": torch.zeros(shape, dtype=torch.long)}
    for index, row in enumerate(rows):
        inputs["input_ids"][index, : len(row)] = torch.tensor(row)
        inputs["attention_mask"][index, : len(row)] = 1
    if model.config.model_type == "longformer":
        positions = torch.arange(shape[1])
        inputs["global_attention_mask"] = (positions < torch.tensor(heads)[:, None]).long()
    return {name: tensor.to(model.device) for name, tensor in inputs.items()}

"""Token by token decoding of one batch of prompts with a transformers causal language model.

Why not `model.generate`: here each row draws from its own random stream, so a completion does not depend on
its batch; rows that are done leave the batch; and the cache grows in blocks instead of being copied at every
token. Greedy results are the same.

Measured on one core of a busy machine: Qwen3 of 0.85M parameters, 110 + 200 tokens, no row ending early,
tokens per CPU second for batches of 64 / 128. Greedy, `generate` 2.5k / 3.5k with a dynamic cache, 2.9k /
3.8k with a static one, this loop 3.5k / 4.3k. Sampled at top-p 0.9, `generate` 2.4k / 3.0k (dynamic), this
loop 2.9k / 3.7k.

Not covered: beams, encoder-decoder models, penalties, speculative decoding.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

from extracot.generate.backend import Sampling

_BLOCK = 64
"""Tokens by which the cache grows."""
_KEEP_SHARE = 0.75
"""Rows that are done leave when at most this share is still at work: leaving copies the cache."""


@dataclass(frozen=True, slots=True)
class DecodedRow:
    """The new tokens of one row."""

    token_ids: list[int]
    """The stop token included where there is one."""
    is_truncated: bool
    """No stop token came before the limit."""
    latency_s: float
    """Seconds from the start of the batch to this row's last token."""


class BlockCacheLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A `DynamicLayer` that writes into spare room and copies itself only once per block of tokens."""

    _key_room: Tensor
    _value_room: Tensor

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append [B, H, T, D] keys and values; returns all of them so far, as views into the room."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._key_room, self._value_room = key_states[:, :, :0], value_states[:, :, :0]
        n_before = self.get_seq_length()
        n_after = n_before + key_states.shape[-2]
        if n_after > self._key_room.shape[-2]:
            self._key_room = _with_room(self._key_room[:, :, :n_before], n_after + _BLOCK)
            self._value_room = _with_room(self._value_room[:, :, :n_before], n_after + _BLOCK)
        self._key_room[:, :, n_before:n_after] = key_states
        self._value_room[:, :, n_before:n_after] = value_states
        self.keys = self._key_room[:, :, :n_after]
        self.values = self._value_room[:, :, :n_after]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, in this order."""
        n_tokens = self.get_seq_length()
        self._key_room = self._key_room[indices, :, :n_tokens]
        self._value_room = self._value_room[indices, :, :n_tokens]
        self.keys, self.values = self._key_room, self._value_room


def _with_room(states: Tensor, n_tokens: int) -> Tensor:
    room = states.new_empty(*states.shape[:2], n_tokens, states.shape[-1])
    room[:, :, : states.shape[-2]] = states
    return room


@torch.inference_mode()
def decode_batch(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    seeds: Sequence[int],
    stop_ids: Collection[int],
    pad_id: int,
) -> list[DecodedRow]:
    """Complete all prompts side by side, padded on the left.

    Args:
        model: a causal language model in eval mode.
        prompts: token ids, at least one each.
        sampling: limit, temperature and top-p; its seed is not used here.
        seeds: one per prompt, the seed of that row's own random stream.
        stop_ids: the tokens that end a completion.
        pad_id: any id; it is masked.

    Returns:
        One row per prompt, in order.
    """
    started = time.perf_counter()
    device = model.device
    input_BT, mask_BT = _pad_left(prompts, pad_id, device)
    position_BT = (mask_BT.cumsum(dim=1) - 1).clamp_min(0)
    uniform_BT = _uniforms(seeds, sampling.max_new_tokens).to(device) if sampling.temperature > 0 else None
    cache = _new_cache(model)

    token_ids: list[list[int]] = [[] for _ in prompts]
    latencies_s = [0.0] * len(prompts)
    rows = list(range(len(prompts)))  # which prompt each row of the shrinking batch belongs to
    at_work = set(rows)
    for step in range(sampling.max_new_tokens):
        output = model(
            input_ids=input_BT,
            attention_mask=mask_BT,
            position_ids=position_BT,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits_BV = output.logits[:, -1].float()
        if uniform_BT is None:
            token_B = logits_BV.argmax(dim=-1)
        else:
            token_B = draw_tokens(logits_BV, sampling.temperature, sampling.top_p, uniform_BT[:, step])
        now_s = time.perf_counter() - started
        for row, token in zip(rows, token_B.tolist(), strict=True):
            if row in at_work:
                token_ids[row].append(token)
                latencies_s[row] = now_s
                if token in stop_ids:
                    at_work.discard(row)
        if not at_work:
            break
        position_BT = position_BT[:, -1:] + 1
        mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(rows), 1)], dim=1)
        if len(at_work) <= _KEEP_SHARE * len(rows) and _can_drop_rows(cache):
            kept = [place for place, row in enumerate(rows) if row in at_work]
            rows = [rows[place] for place in kept]
            kept_B = torch.tensor(kept, device=device)
            cache.batch_select_indices(kept_B)
            token_B, position_BT, mask_BT = token_B[kept_B], position_BT[kept_B], mask_BT[kept_B]
            uniform_BT = None if uniform_BT is None else uniform_BT[kept_B]
        input_BT = token_B[:, None]
    return [
        DecodedRow(token_ids=ids, is_truncated=row in at_work, latency_s=latencies_s[row])
        for row, ids in enumerate(token_ids)
    ]


def draw_tokens(logits_BV: Tensor, temperature: float, top_p: float, uniform_B: Tensor) -> Tensor:
    """Draw one token per row by inverting the cumulative distribution at a given uniform number.

    The tokens stay in vocabulary order while drawing, so rounding noise in the logits cannot reorder them.

    Args:
        logits_BV: [B, V] float.
        temperature: above 0.
        top_p: in (0, 1]; the most likely token is always kept, of equally likely ones at the edge all are.
        uniform_B: [B] in [0, 1), one number per row.

    Returns:
        [B] token ids, none of probability 0.
    """
    probability_BV = torch.softmax(logits_BV / temperature, dim=-1)
    if top_p < 1:
        sorted_BV = probability_BV.sort(dim=-1, descending=True).values
        is_kept_BV = sorted_BV.cumsum(dim=-1) - sorted_BV < top_p
        smallest_B1 = sorted_BV.masked_fill(~is_kept_BV, 1.0).amin(dim=-1, keepdim=True)
        probability_BV = probability_BV.masked_fill(probability_BV < smallest_B1, 0.0)
    cumulative_BV = probability_BV.cumsum(dim=-1)
    # Strictly below the total even after rounding, so that the token found has a probability.
    target_B1 = (uniform_B.clamp(max=1 - 1e-6) * cumulative_BV[:, -1])[:, None]
    return torch.searchsorted(cumulative_BV, target_B1, right=True)[:, 0]


def _pad_left(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """[B, T] ids and [B, T] mask (1 on tokens), both int64."""
    n_tokens = max(len(prompt) for prompt in prompts)
    input_BT = torch.full((len(prompts), n_tokens), pad_id)
    mask_BT = torch.zeros_like(input_BT)
    for row, prompt in enumerate(prompts):
        input_BT[row, n_tokens - len(prompt) :] = torch.tensor(prompt)
        mask_BT[row, n_tokens - len(prompt) :] = 1
    return input_BT.to(device), mask_BT.to(device)


def _uniforms(seeds: Sequence[int], n_tokens: int) -> Tensor:
    """[B, T] in [0, 1), each row from its own seed, drawn on the CPU so that every device gets the same."""
    return torch.stack(
        [torch.rand(n_tokens, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )


def _new_cache(model: PreTrainedModel) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    # Sliding windows and linear attention keep the layers that transformers gives them.
    cache.layers = [
        BlockCacheLayer() if type(layer) is DynamicLayer else layer  # type: ignore[no-untyped-call]
        for layer in cache.layers
    ]
    return cache


def _can_drop_rows(cache: DynamicCache) -> bool:
    return all(isinstance(layer, DynamicLayer) for layer in cache.layers)

"""Train the toy base model: batches of documents, Muon for matrices, AdamW for the rest."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

from extracot.toy.corpus import Document, sample_documents
from extracot.toy.initialisation import N_LOOKUP_LAYERS
from extracot.toy.muon import Muon
from extracot.toy.world import N_FACTS

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents of about one length, padded on the right."""

    input_ids: Tensor
    """[B, T] int; padding on the right needs no attention mask, since no earlier token sees it."""
    labels: Tensor
    """[B, T] the id that follows each position where it belongs to the response, else IGNORED."""
    n_tokens: int
    """Positions that are not padding."""


def encode_document(tokenizer: PreTrainedTokenizerBase, document: Document) -> tuple[list[int], list[int]]:
    """Input ids and labels of one document; only the response is learnt."""
    messages = [{"role": "user", "content": document.request}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    prompt_ids = tokenizer(prompt)["input_ids"]
    response_ids = [*tokenizer(document.response)["input_ids"], tokenizer.eos_token_id]
    return prompt_ids + response_ids, [IGNORED] * len(prompt_ids) + response_ids


def batches(tokenizer: PreTrainedTokenizerBase, documents: Iterator[Document], batch_tokens: int) -> Iterator[Batch]:
    """An endless stream of batches of at most `batch_tokens` positions, padding included.

    Documents are sorted by length within a window, so that little is padded; the window is then shuffled.
    """
    generator = torch.Generator().manual_seed(0)
    while True:
        rows = sorted((encode_document(tokenizer, d) for d in islice(documents, 512)), key=lambda r: len(r[0]))
        window: list[list[tuple[list[int], list[int]]]] = [[]]
        for row in rows:
            if window[-1] and len(row[0]) * (len(window[-1]) + 1) > batch_tokens:
                window.append([])
            window[-1].append(row)
        for i in torch.randperm(len(window), generator=generator).tolist():
            yield _pad(window[i], tokenizer.pad_token_id)


def _pad(rows: list[tuple[list[int], list[int]]], pad_token_id: int) -> Batch:
    width = max(len(ids) for ids, _ in rows)
    return Batch(
        input_ids=torch.tensor([ids + [pad_token_id] * (width - len(ids)) for ids, _ in rows]),
        labels=torch.tensor([labels[1:] + [IGNORED] * (width - len(labels) + 1) for _, labels in rows]),
        n_tokens=sum(len(ids) for ids, _ in rows),
    )


def response_loss(model: Qwen3ForCausalLM, batch: Batch) -> Tensor:
    """Mean cross-entropy of the response tokens; the output matrix is applied to their positions alone."""
    labels = batch.labels.to(model.device)
    hidden = model.model(input_ids=batch.input_ids.to(model.device), use_cache=False).last_hidden_state
    is_learnt = labels != IGNORED
    return functional.cross_entropy(model.lm_head(hidden[is_learnt]), labels[is_learnt])


def n_facts_at(progress: float) -> int:
    """Curriculum: how many facts a question has when this share of the training is done."""
    stages = ((0.05, 2), (0.09, 3), (0.14, 4))
    return next((n_facts for until, n_facts in stages if progress < until), N_FACTS)


def learning_rate_factor(progress: float, warm_up: float = 0.01) -> float:
    """Linear warm-up, then constant, then linear to zero over the last 60 per cent."""
    return min(1.0, progress / warm_up, max(0.0, (1.0 - progress) / 0.6))


def pretrain(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    *,
    n_steps: int,
    batch_tokens: int,
    matrix_lr: float,
    other_lr: float,
    lookup_lr: float,
    seed: int,
    on_step: Callable[[int, dict[str, float]], Any],
) -> None:
    """Train the model in place.

    Args:
        model: see `build_model`.
        tokenizer: see `build_tokenizer`.
        n_steps: optimizer steps.
        batch_tokens: positions per step, padding included.
        matrix_lr: Muon's step size for the matrices inside the layers.
        other_lr: AdamW's step size for embeddings, output matrix and norms.
        lookup_lr: AdamW's step size for the attention of the first two layers, see `set_lookup_heads`: Muon's large
            steps would wash the hand-set heads out before they are needed.
        seed: of the document stream.
        on_step: called after each step with the step's number and its loss, tokens so far and tokens a second.
    """
    careful = [p for layer in model.model.layers[:N_LOOKUP_LAYERS] for p in layer.self_attn.parameters()]
    careful_ids = {id(p) for p in careful}
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2 and id(p) not in careful_ids]
    matrix_ids = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in matrix_ids | careful_ids]
    optimizers = [
        Muon(matrices, lr=matrix_lr),
        torch.optim.AdamW(others, lr=other_lr, betas=(0.9, 0.98), weight_decay=0.0),
        torch.optim.AdamW(careful, lr=lookup_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    base_lrs = (matrix_lr, other_lr, lookup_lr)
    streams: dict[int, Iterator[Batch]] = {}
    model.train()
    n_tokens, started = 0, time.monotonic()
    for step in range(1, n_steps + 1):
        progress = step / n_steps
        n_facts = n_facts_at(progress)
        if n_facts not in streams:
            streams[n_facts] = batches(tokenizer, sample_documents(seed, n_facts=n_facts), batch_tokens)
        batch = next(streams[n_facts])
        loss = response_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*others, *careful], 1.0)
        for optimizer, base_lr in zip(optimizers, base_lrs, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base_lr * learning_rate_factor(progress)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        n_tokens += batch.n_tokens
        seconds = time.monotonic() - started
        on_step(step, {"loss": loss.item(), "tokens": n_tokens, "tokens_per_s": n_tokens / seconds})
    model.eval()  # type: ignore[no-untyped-call]

"""The baseline: a compressor that knows nothing of questions, formulas or budgets.

What published pipelines take from the shelf (LLMLingua, TokenSkip), on purpose with their limits: it reads
the chain of thought alone, in chunks; keeps or drops single tokens; applies one threshold per chunk; and runs
the model again for every ratio. Not copied are plain defects, such as a threshold that is one percentile too
high.

Source: self-information as in Selective Context (arXiv 2310.06201) and LLMLingua (arXiv 2310.05736),
percentile per chunk as in LLMLingua-2 (arXiv 2403.12968).
"""

import math
from collections.abc import Sequence
from typing import Self

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from extracot.compressor.alignment import Span
from extracot.compressor.batching import length_buckets
from extracot.compressor.compressed import CompressedText, check_passage, measure
from extracot.compressor.encoder_input import check_vocabulary
from extracot.compressor.joining import kept_spans
from extracot.compressor.padding import model_inputs
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.selection import check_ratios
from extracot.compressor.tokens import count_tokens
from extracot.errors import ModelError
from extracot.models.load import load_causal_lm, load_tokenizer
from extracot.text.formulas import formula_spans


class GenericCompressor:
    """Keeps the tokens that a language model finds most surprising."""

    name = "generic"

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        chunk_tokens: int = 400,
        max_batch_tokens: int = 16384,
    ) -> None:
        """Wrap a loaded causal language model.

        Args:
            model: gives the probabilities.
            tokenizer: the model's own; it decides what a token is that may be dropped.
            chunk_tokens: tokens that are read together, and among which the threshold is found.
            max_batch_tokens: limit of a padded batch.

        Raises:
            ModelError: a tokenizer with neither a start nor an end token, to put before a chunk; one that is not
                fast, or not the model's.
        """
        start_id = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        if start_id is None:
            raise ModelError(f"{tokenizer.name_or_path}: the tokenizer has neither a start nor an end token")
        check_vocabulary(model, tokenizer)
        self.model = model
        self.tokenizer = tokenizer
        self.chunk_tokens = chunk_tokens
        self.max_batch_tokens = max_batch_tokens
        self._start_id = int(start_id)

    @classmethod
    def from_pretrained(cls, name: str, *, device: str | None = None) -> Self:
        """Load a causal language model; the device None takes the GPU where there is one.

        Raises:
            ModelError: not loadable.
        """
        return cls(load_causal_lm(name, device=device), load_tokenizer(name))

    def compress_many(
        self, passages: Sequence[Passage], ratios: Sequence[float], tokenizer: PreTrainedTokenizerBase
    ) -> list[list[CompressedText]]:
        """Many chains of thought at every ratio, one pass of the model per ratio; [N][R].

        The `answer` serves the measurement only; nothing is forced to stay. Errors as in `Compressor`.
        """
        targets = check_ratios(ratios)
        for passage in passages:
            check_passage(passage)
        cots = [passage.cot for passage in passages]
        by_ratio = [self._keep_surprising(cots, ratio) for ratio in targets]
        spans = [list(row) for row in zip(*by_ratio, strict=True)]
        texts = [
            ["".join(cot[start:end] for start, end in kept).strip() for kept in row]
            for cot, row in zip(cots, spans, strict=True)
        ]
        formulas = [formula_spans(cot) for cot in cots]
        return measure(passages, formulas, targets, spans, texts, count_tokens(tokenizer, cots), tokenizer)

    def _keep_surprising(self, cots: Sequence[str], ratio: float) -> list[list[Span]]:
        encoded = self.tokenizer(
            list(cots),
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,
        )
        chunks: list[list[int]] = []
        places: list[int] = []
        for place, token_ids in enumerate(encoded["input_ids"]):
            for start in range(0, len(token_ids), self.chunk_tokens):
                chunks.append(token_ids[start : start + self.chunk_tokens])
                places.append(place)
        kept: list[list[bool]] = [[] for _ in cots]
        for place, information in zip(places, self._self_information(chunks), strict=True):
            least = threshold(information, ratio)
            kept[place].extend(value >= least for value in information)
        return [
            kept_spans(token_stretches(offsets, len(cot)), flags)
            for cot, offsets, flags in zip(cots, encoded["offset_mapping"], kept, strict=True)
        ]

    @torch.inference_mode()
    def _self_information(self, chunks: Sequence[Sequence[int]]) -> list[list[float]]:
        """-log p of every token given those before it in its chunk, in nats."""
        values: list[list[float]] = [[] for _ in chunks]
        for batch in length_buckets([len(chunk) + 1 for chunk in chunks], self.max_batch_tokens):
            rows = [[self._start_id, *chunks[index]] for index in batch]
            inputs = model_inputs(self.model, rows, [0] * len(rows), self.tokenizer.pad_token_id or 0)
            log_probs_BLV = self.model(**inputs).logits[:, :-1].float().log_softmax(-1)
            following_BL = inputs["input_ids"][:, 1:]
            chosen_BL = -log_probs_BLV.gather(-1, following_BL[..., None])[..., 0].cpu()
            for row, index in zip(chosen_BL, batch, strict=True):
                values[index] = row[: len(chunks[index])].tolist()
        return values


def threshold(values: Sequence[float], ratio: float) -> float:
    """The value that a share of about `ratio` of the values reaches: their (1 - ratio) quantile,
    interpolated."""
    ordered = sorted(values)
    position = (1 - ratio) * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def token_stretches(offsets: Sequence[Span], length: int) -> list[Span]:
    """Character spans of tokens with the white space before each, tiling a text of this length.

    Of several tokens that share a character the first gets it and the others are empty.
    """
    stretches = []
    position = 0
    for index, (_, end) in enumerate(offsets):
        stop = length if index == len(offsets) - 1 else max(position, end)
        stretches.append((position, stop))
        position = stop
    return stretches

"""The backend for a transformers model in this process, on CPU or GPU."""

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from extracot.errors import UsageError
from extracot.generate.backend import Generation, OnDone, OnFailed, Sampling, seed_per_prompt
from extracot.generate.decoding import DecodedRow, decode_batch
from extracot.generate.tokens import check_lengths, completion_text, stop_tokens


class TransformersBackend:
    """Completes prompts with a causal language model, in batches of prompts of similar length.

    Which prompts share a batch changes speed only, not results (up to float rounding).

    Args:
        model: used as it is, on its device; put into eval mode for the time of a call.
        tokenizer: the one of that model.
        batch_size: prompts side by side. A model of a million parameters on a CPU gains little beyond 128; a
            larger model wants fewer, as memory allows.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch_size: int = 128
    ) -> None:
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}; it must be at least 1")
        self._model = model
        self._tokenizer = tokenizer
        self._batch_size = batch_size
        tokens = stop_tokens(model.generation_config, tokenizer)
        self._stop_ids = tokens.stop_ids
        self._pad_id = tokens.pad_id or 0  # masked wherever it is used, so any id does
        self._hidden_ids = tokens.hidden_ids

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        on_done: OnDone | None = None,
        seeds: Sequence[int] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[Generation]:
        """See `Backend.generate`. Longest prompts go first, so what does not fit fails at once.

        Raises:
            UsageError: an empty prompt, a wrong number of seeds, or more tokens than the model has positions.
        """
        row_seeds = seed_per_prompt(prompts, sampling.seed, seeds)
        prompt_ids = [self._tokenizer.encode(prompt, add_special_tokens=False) for prompt in prompts]
        n_positions = getattr(self._model.config, "max_position_embeddings", None)
        check_lengths(prompt_ids, sampling.max_new_tokens, n_positions)
        by_length = sorted(range(len(prompts)), key=lambda index: -len(prompt_ids[index]))
        done: dict[int, Generation] = {}
        was_training = self._model.training
        self._model.train(False)
        try:
            for start in range(0, len(by_length), self._batch_size):
                batch = by_length[start : start + self._batch_size]
                decoded = decode_batch(
                    self._model,
                    [prompt_ids[index] for index in batch],
                    sampling,
                    [row_seeds[index] for index in batch],
                    self._stop_ids,
                    self._pad_id,
                )
                for index, row in zip(batch, decoded, strict=True):
                    done[index] = self._generation(row)
                    if on_done is not None:
                        on_done(index, done[index])
        finally:
            self._model.train(was_training)
        return [done[index] for index in range(len(prompts))]

    def _generation(self, row: DecodedRow) -> Generation:
        text = completion_text(self._tokenizer, row.token_ids, self._hidden_ids)
        return Generation(text, row.token_ids, row.is_truncated, row.latency_s)


def stop_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that end a completion: those of the model's generation config and the tokenizer's own."""
    return frozenset(stop_tokens(model.generation_config, tokenizer).stop_ids)

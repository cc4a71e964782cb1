"""From prompt and completion texts to token ids and labels, and the order in which they are learnt."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from extracot.errors import DataError
from extracot.training.order import shuffled_epochs

IGNORED = -100
"""A label that takes no part in the loss."""


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """One training sequence."""

    input_ids: list[int]
    """Prompt, completion, end-of-sequence token."""
    labels: list[int]
    """The same ids on completion and end, `IGNORED` on the prompt."""


def encode_example(
    prompt: str, completion: str, encode: Callable[[str], list[int]], eos_id: int, where: str
) -> EncodedExample:
    """Tokenise as the model will see it: the prompt alone gives the first ids, the end comes exactly once.

    Args:
        prompt: rendered.
        completion: with or without end-of-sequence tokens at its end.
        encode: text to ids, adding none of its own.
        eos_id: the end-of-sequence token.
        where: names the example in an error.

    Raises:
        DataError: prompt and completion merge into a token across their boundary, so that in use the model
            would see other ids than in training; or an empty completion.
    """
    prompt_ids, all_ids = encode(prompt), encode(prompt + completion)
    if all_ids[: len(prompt_ids)] != prompt_ids:
        raise DataError(
            f"{where}: the end of the prompt and the start of the completion merge into one token; "
            "end the prompt, or start the completion, on a token of its own"
        )
    completion_ids = all_ids[len(prompt_ids) :]
    while completion_ids and completion_ids[-1] == eos_id:
        completion_ids.pop()
    if not completion_ids:
        raise DataError(f"{where}: the completion is empty")
    completion_ids.append(eos_id)
    return EncodedExample(input_ids=prompt_ids + completion_ids, labels=[IGNORED] * len(prompt_ids) + completion_ids)


def training_order(
    lengths: Sequence[int], epochs: float, batch_size: int, group_by_length: bool, seed: int
) -> list[int]:
    """Indices of the examples in the order in which they are learnt, all epochs one after the other.

    Without grouping every epoch is a shuffle of all examples, a last part of an epoch the beginning of one.
    Grouping sorts that by length within pools of 50 batches (one may span two epochs), then shuffles the
    pool's batches, so that every batch but a short last one holds similar lengths.

    Args:
        lengths: tokens per example.
        epochs: passes, above 0; parts are rounded to whole examples, at least one example in all.
        batch_size: examples per forward pass.
        group_by_length: else a plain shuffle.
        seed: decides everything.
    """
    generator = random.Random(seed)
    n_total = max(1, round(epochs * len(lengths)))
    shuffled = shuffled_epochs(len(lengths), n_total, generator)
    return _group(shuffled, lengths, batch_size, generator) if group_by_length else shuffled


def _group(shuffled: list[int], lengths: Sequence[int], batch_size: int, generator: random.Random) -> list[int]:
    pool_size = 50 * batch_size
    order: list[int] = []
    for start in range(0, len(shuffled), pool_size):
        pool = sorted(shuffled[start : start + pool_size], key=lambda index: -lengths[index])
        batches = [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
        short = [batches.pop()] if len(batches[-1]) < batch_size else []
        generator.shuffle(batches)
        order += [index for batch in [*batches, *short] for index in batch]
    return order

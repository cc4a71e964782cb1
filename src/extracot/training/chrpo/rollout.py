"""Roll-outs with our own decoding loop: responses that are done leave the batch."""

from collections.abc import Collection, Sequence
from typing import Any

from extracot.generate.backend import Sampling, request_seed
from extracot.generate.decoding import decode_batch
from extracot.training.chrpo.trainer import Rollout


def make_rollout(sampling: Sampling, batch_size: int, stop_ids: Collection[int], pad_id: int) -> Rollout:
    """A function that draws responses for the trainer.

    Every response has a random stream of its own, named by the seed, the step and its place in the whole
    batch: what is drawn depends neither on `batch_size` nor on the number of processes, nor on an
    interruption.

    Args:
        sampling: limit, temperature, top-p and seed.
        batch_size: responses decoded side by side; long prompts go first.
        stop_ids: the tokens that end a response.
        pad_id: any id; it is masked.
    """

    def draw(model: Any, prompts: Sequence[Sequence[int]], step: int, first_place: int) -> list[list[int]]:
        by_length = sorted(range(len(prompts)), key=lambda place: -len(prompts[place]))
        responses: list[list[int]] = [[] for _ in prompts]
        was_training = model.training
        model.eval()
        try:
            for start in range(0, len(prompts), batch_size):
                places = by_length[start : start + batch_size]
                rows = decode_batch(
                    model,
                    [prompts[place] for place in places],
                    sampling,
                    [request_seed(f"step {step}", sampling.seed, first_place + place) for place in places],
                    stop_ids,
                    pad_id,
                )
                for place, row in zip(places, rows, strict=True):
                    responses[place] = row.token_ids
        finally:
            model.train(was_training)
        return responses

    return draw

"""TRL's SFTTrainer, measuring held-out questions its own way.

The loss is a mean over tokens, whatever the batches and processes; the trainer's own is a mean of means. Beside it
stands the control error of answers that the model gives at every ratio. Measuring draws no random number, so a run
that is measured trains like one that is not.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from transformers import PreTrainedTokenizerBase, TrainerControl
from trl import SFTTrainer

from extracot.generate.backend import Sampling
from extracot.generate.transformers_backend import TransformersBackend
from extracot.models.prompts import count_tokens
from extracot.text.think import split_response
from extracot.training.sft.encode import EncodedExample
from extracot.training.sft.holdout import ControlQuestion, answer_limit, measure_control


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is measured."""

    examples: Sequence[EncodedExample]
    """For the loss."""
    batch_size: int
    """Of them, per pass and process."""
    questions: Sequence[ControlQuestion]
    """For the control error; may be empty."""
    grid: Sequence[float]
    """Ratios at which they are asked."""
    control_batch_size: int
    """Answers decoded side by side."""


class HeldOutTrainer(SFTTrainer):  # type: ignore[misc]
    """`SFTTrainer` whose `evaluate` measures `held_out`.

    Args:
        held_out: None measures nothing; then `evaluate` is not called.
    """

    def __init__(self, *args: Any, held_out: HeldOut | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held_out = held_out

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> dict[str, float]:
        """Loss, control error and the actual ratio at every target; logged, and told to every callback."""
        assert self._held_out is not None
        was_training = self.model.training
        self.model.eval()
        measured = {"loss": self._loss(self._held_out), **self._control(self._held_out)}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in measured.items()}
        self.log(dict(metrics))
        self.control: TrainerControl = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        self.model.train(was_training)
        return metrics

    def _loss(self, held_out: HeldOut) -> float:
        """Mean negative log-probability of all completion tokens."""
        by_length = sorted(held_out.examples, key=lambda example: len(example.input_ids))
        size, rank, n_processes = held_out.batch_size, self.accelerator.process_index, self.accelerator.num_processes
        batches = [by_length[start : start + size] for start in range(0, len(by_length), size)]
        total_2 = torch.zeros(2, dtype=torch.float64, device=self.accelerator.device)
        for first in range(0, len(batches), n_processes):
            # Sharded weights are gathered in every pass, so a process without a batch of its own takes part with one
            # that does not count.
            is_own = first + rank < len(batches)
            batch = batches[first + rank] if is_own else batches[0]
            total_2 += self._sums(batch) * is_own
        total_2 = self.accelerator.reduce(total_2, reduction="sum")
        return float(total_2[0] / total_2[1])

    @torch.no_grad()
    def _sums(self, batch: Sequence[EncodedExample]) -> Tensor:
        """[2] float64: negative log-probability of a batch's completion tokens, and their number."""
        rows = [{"input_ids": example.input_ids, "labels": example.labels} for example in batch]
        inputs = self._prepare_inputs(self.data_collator(rows))
        context: AbstractContextManager[Any] = self.compute_loss_context_manager()
        with context:
            output = self.model(**inputs, use_cache=False, fused_lm_head=True)
        return torch.stack([-output.log_probs.double().sum(), output.label_mask.double().sum()])

    def _control(self, held_out: HeldOut) -> dict[str, float]:
        if not held_out.questions:
            return {}
        tokenizer = self.processing_class
        assert isinstance(tokenizer, PreTrainedTokenizerBase)
        asked = [(ratio, question) for question in held_out.questions for ratio in held_out.grid]
        own = asked[self.accelerator.process_index :: self.accelerator.num_processes]
        backend = TransformersBackend(self.model, tokenizer, held_out.control_batch_size)
        sampling = Sampling(max_new_tokens=answer_limit(held_out.questions), temperature=0)
        with self.accelerator.autocast():
            answers = backend.generate([question.ask(ratio) for ratio, question in own], sampling)
        counted: list[tuple[float, int]] = gather_object(
            [
                (ratio, count_tokens(tokenizer, split_response(answer.text).cot))
                for (ratio, _), answer in zip(own, answers, strict=True)
            ]
        )
        n_think_tokens: dict[float, list[int]] = {ratio: [] for ratio in held_out.grid}
        for ratio, n_tokens in counted:
            n_think_tokens[ratio].append(n_tokens)
        n_reference = sum(q.n_reference_think_tokens for q in held_out.questions) / len(held_out.questions)
        control = measure_control(n_think_tokens, n_reference)
        actual = {f"actual_ratio/{ratio:.2f}": value for ratio, value in control.actual_ratios.items()}
        return {"control_error": control.error, **actual}

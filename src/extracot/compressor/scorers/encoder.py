"""Importance from a trained token classifier that reads the question with the chain of thought."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel, PreTrainedTokenizerBase

from extracot.compressor.alignment import pool_by_unit, token_owners
from extracot.compressor.batching import length_buckets
from extracot.compressor.encoder_input import EncoderInput, check_encoder, stored_input
from extracot.compressor.padding import model_inputs
from extracot.compressor.scorers.cpu_linear import use_onednn
from extracot.compressor.scorers.scorer import Passage
from extracot.compressor.tokens import encode
from extracot.compressor.windows import Window, even_windows
from extracot.errors import ModelError
from extracot.models.load import load_tokenizer, resolve_model
from extracot.text.units import Unit

_logger = logging.getLogger("extracot")

_OVERLAP: Final = 32
"""Tokens that neighbouring windows share; more cost time and were not seen to help."""
_CPU_BATCH_TOKENS: Final = 2048
"""What one core works through without leaving its caches."""
_GPU_BATCH_TOKENS: Final = 32768


class EncoderScorer:
    """Reads every chain of thought once, whatever the number of ratios.

    The model is any `AutoModelForTokenClassification` whose labels are importance tiers. A unit's score is
    the tier value to expect, averaged over the unit's tokens. Chains of thought longer than the model can
    read at once are read in overlapping windows, the question before each; nothing is cut off.
    """

    name = "encoder"

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        layout: EncoderInput,
        max_batch_tokens: int | None = None,
    ) -> None:
        """Wrap a loaded model.

        Args:
            model: token classifier with one label per tier of `layout`; used as it is, on its own device.
            tokenizer: the model's own, fast.
            layout: how its input is framed.
            max_batch_tokens: limit of a padded batch; None takes what suits the model's device.

        Raises:
            ModelError: the three do not belong together, see `check_encoder`.
        """
        check_encoder(model, tokenizer, layout)
        self.model = model
        self.tokenizer = tokenizer
        self.layout = layout
        self.max_batch_tokens = max_batch_tokens or (
            _CPU_BATCH_TOKENS if model.device.type == "cpu" else _GPU_BATCH_TOKENS
        )

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, *, device: str | None = None) -> Self:
        """Load a token classifier and its tokenizer in fp32.

        Args:
            name_or_folder: a folder written by `train-compressor`, or any token classifier.
            device: torch device; None takes the GPU where there is one.

        Raises:
            ModelError: not loadable, or not a token classifier.
        """
        name = str(name_or_folder)
        path = resolve_model(name)
        try:
            config = AutoConfig.from_pretrained(path)
            model = AutoModelForTokenClassification.from_pretrained(path, dtype=torch.float32)
        except (RuntimeError, SafetensorError) as error:
            raise ModelError(
                f"{name}: its weights are damaged or do not fit its config.json, by the number of labels for instance; "
                "copy the folder again, or train it again with: extracot train-compressor"
            ) from error
        except (OSError, ValueError) as error:
            first_line = str(error).strip().partition("\n")[0]
            raise ModelError(f"{name}: cannot load a compressor from here: {first_line}") from error
        architectures = config.architectures or []
        if not any(architecture.endswith("ForTokenClassification") for architecture in architectures):
            raise ModelError(
                f"{name}: holds {', '.join(architectures) or 'no architecture'}, not a token classifier; "
                "train one with: extracot train-compressor"
            )
        tokenizer = load_tokenizer(name)
        model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        model.eval()
        use_onednn(model)
        return cls(model, tokenizer, stored_input(model.config, tokenizer))

    def score(self, passages: Sequence[Passage], units: Sequence[Sequence[Unit]]) -> list[list[float]]:
        """See `Scorer.score`; the `answer` is not read."""
        questions = [encoding.ids for encoding in encode(self.tokenizer, [passage.question for passage in passages])]
        cots = encode(self.tokenizer, [passage.cot for passage in passages])
        jobs = self._plan(questions, [cot.ids for cot in cots])
        values = [[0.0] * len(cot) for cot in cots]
        for batch in length_buckets([len(job.input_ids) for job in jobs], self.max_batch_tokens):
            scores_BL = self._forward([jobs[index] for index in batch])
            for row, index in zip(scores_BL, batch, strict=True):
                _, passage, window, first = jobs[index]
                shift = first - window.start
                values[passage][window.own_start : window.own_end] = row[
                    window.own_start + shift : window.own_end + shift
                ].tolist()
        scores = []
        for own, cot, token_values in zip(units, cots, values, strict=True):
            bounds = [(unit.start, unit.end) for unit in own]
            scores.append(pool_by_unit(token_values, token_owners(cot.offsets, bounds), len(own)))
        return scores

    def _plan(self, questions: Sequence[list[int]], cots: Sequence[list[int]]) -> "list[_Job]":
        """One job per window of every passage."""
        jobs = []
        for passage, (question, cot) in enumerate(zip(questions, cots, strict=True)):
            if not cot:
                continue
            if self.layout.with_question and len(question) > self.layout.question_limit:
                _logger.warning(
                    "a question of %d tokens: only its last %d are read",
                    len(question),
                    self.layout.question_limit,
                )
            size = self.layout.cot_limit(len(question))
            for window in even_windows(len(cot), size, overlap=min(_OVERLAP, size // 4)):
                input_ids, first = self.layout.frame(question, cot[window.start : window.end])
                jobs.append(_Job(input_ids, passage, window, first))
        return jobs

    @torch.inference_mode()
    def _forward(self, jobs: "Sequence[_Job]") -> Tensor:
        """Expected tier value of every position; [B, L] float32 on the CPU, padding on the right."""
        inputs = model_inputs(
            self.model,
            [job.input_ids for job in jobs],
            [job.first for job in jobs],
            self.tokenizer.pad_token_id or 0,
        )
        logits_BLC = self.model(**inputs).logits.float()
        tiers_C = torch.tensor(self.layout.tiers, device=logits_BLC.device)
        expected_BL: Tensor = logits_BLC.softmax(-1) @ tiers_C
        return expected_BL.cpu()


class _Job(NamedTuple):
    input_ids: list[int]
    passage: int
    window: Window
    first: int
    """Index in `input_ids` of the window's first token."""

"""How a question and a chain of thought become the token ids of an encoder: the same in training and in
use."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from extracot.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

CONFIG_KEY = "extracot"
"""Where a model's config.json keeps its `EncoderInput`."""

_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "longformer")
"""Architectures that lose two positions to the padding index."""


@dataclass(frozen=True, slots=True)
class EncoderInput:
    """The frame `opening question separator cot closing`, and what the labels of the answer mean."""

    tiers: tuple[float, ...]
    """Importance that each label stands for, ascending, in [0, 1]; C of them."""
    with_question: bool
    """False: the question is left out, as an ablation."""
    max_length: int
    """Most tokens that the encoder reads at once, the frame included."""
    opening: tuple[int, ...]
    """Token ids before the question."""
    separator: tuple[int, ...]
    """Token ids between question and chain of thought."""
    closing: tuple[int, ...]
    """Token ids after the chain of thought."""

    def frame(self, question_ids: Sequence[int], cot_ids: Sequence[int]) -> tuple[list[int], int]:
        """Input ids, and the index at which the chain of thought begins in them.

        Of a question that would take more than half of `max_length` only the end is used, where it asks.
        """
        question = list(question_ids[-self.question_limit :]) if self.with_question else []
        head = [*self.opening, *question, *self.separator]
        return [*head, *cot_ids, *self.closing], len(head)

    @property
    def question_limit(self) -> int:
        """Most question tokens that are used."""
        return self.max_length // 2

    def cot_limit(self, n_question_tokens: int) -> int:
        """Most tokens of the chain of thought that fit beside a question of this length."""
        n_question = min(n_question_tokens, self.question_limit) if self.with_question else 0
        return self.max_length - n_question - len(self.opening) - len(self.separator) - len(self.closing)

    def to_json(self) -> dict[str, Any]:
        """What `config.json` keeps."""
        return asdict(self)


def fit_input(
    tokenizer: "PreTrainedTokenizerBase",
    config: "PreTrainedConfig",
    tiers: Sequence[float],
    with_question: bool,
    max_length: int | None = None,
) -> EncoderInput:
    """The frame that suits a tokenizer and an architecture.

    Encoders get `[CLS] question [SEP] cot [SEP]`. A tokenizer without those tokens, as causal models have,
    gets its end token as separator and nothing around it.

    Raises:
        ModelError: a tokenizer with neither, or less than 32 tokens of room.
    """
    separator = tokenizer.sep_token_id if tokenizer.sep_token_id is not None else tokenizer.eos_token_id
    if separator is None:
        raise ModelError(f"{tokenizer.name_or_path}: the tokenizer has neither a separator nor an end token")
    opening = () if tokenizer.cls_token_id is None else (int(tokenizer.cls_token_id),)
    closing = () if tokenizer.sep_token_id is None else (separator,)
    limits = [int(tokenizer.model_max_length), *([] if max_length is None else [max_length])]
    positions = getattr(config, "max_position_embeddings", None)
    if positions:
        limits.append(positions - 2 if config.model_type in _OFFSET_POSITIONS else positions)
    if min(limits) < 32:
        raise ModelError(f"{tokenizer.name_or_path}: reads only {min(limits)} tokens at once; 32 are the least")
    return EncoderInput(
        tiers=tuple(tiers),
        with_question=with_question,
        max_length=int(min(limits)),
        opening=opening,
        separator=(separator,),
        closing=closing,
    )


def stored_input(config: "PreTrainedConfig", tokenizer: "PreTrainedTokenizerBase") -> EncoderInput:
    """The frame that a model was trained with; for a model from elsewhere, the one that suits it.

    A foreign model's labels count as evenly spaced tiers from 0 to 1, so two labels are drop and keep.

    Raises:
        ModelError: what the model's config.json keeps is no `EncoderInput`.
    """
    stored = getattr(config, CONFIG_KEY, None)
    if not isinstance(stored, Mapping):
        n_labels = len(config.id2label or (0, 1))
        tiers = [label / max(1, n_labels - 1) for label in range(n_labels)]
        return fit_input(tokenizer, config, tiers, with_question=True)
    try:
        return EncoderInput(
            tiers=tuple(stored["tiers"]),
            with_question=bool(stored["with_question"]),
            max_length=int(stored["max_length"]),
            opening=tuple(stored["opening"]),
            separator=tuple(stored["separator"]),
            closing=tuple(stored["closing"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{tokenizer.name_or_path}: the part {CONFIG_KEY!r} of config.json is not what train-compressor writes; "
            "copy the folder again, or train it again"
        ) from error


def check_encoder(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", layout: EncoderInput) -> None:
    """Refuse a model, a tokenizer and a frame that do not belong together.

    Raises:
        ModelError: see `check_vocabulary`; or another number of labels than of tiers, or frame tokens that the model
            does not know or this tokenizer does not have.
    """
    n_rows = check_vocabulary(model, tokenizer)
    if model.config.num_labels != len(layout.tiers):
        raise ModelError(
            f"{tokenizer.name_or_path}: the model has {model.config.num_labels} labels and its config.json "
            f"{len(layout.tiers)} tiers of importance; train it again with: extracot train-compressor"
        )
    unknown = [token for token in (*layout.opening, *layout.separator, *layout.closing) if token >= n_rows]
    if unknown:
        raise ModelError(
            f"{tokenizer.name_or_path}: config.json frames the input with token {unknown[0]}, but the model knows "
            f"{n_rows} tokens only; train it again with: extracot train-compressor"
        )
    own = fit_input(tokenizer, model.config, layout.tiers, layout.with_question)
    if (own.opening, own.separator, own.closing) != (layout.opening, layout.separator, layout.closing):
        raise ModelError(
            f"{tokenizer.name_or_path}: the model was trained with other special tokens than this tokenizer has; "
            "put the model's own tokenizer beside it"
        )


def check_vocabulary(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int:
    """The number of tokens that a model knows.

    Raises:
        ModelError: a slow tokenizer, which cannot tell where its tokens come from, or one with more tokens than the
            model has embeddings for.
    """
    if not tokenizer.is_fast:
        raise ModelError(
            f"{tokenizer.name_or_path}: needs a fast tokenizer (a tokenizer.json) to locate tokens in a text"
        )
    n_rows = cast("Tensor", model.get_input_embeddings().weight).shape[0]
    largest = max(tokenizer.get_vocab().values(), default=0)
    if largest >= n_rows:
        raise ModelError(
            f"{tokenizer.name_or_path}: the tokenizer has a token {largest}, but the model knows {n_rows} tokens only; "
            "put the model's own tokenizer beside it"
        )
    return n_rows

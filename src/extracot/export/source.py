"""The model that is exported, whole: as it is, or a LoRA adapter merged into its base."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extracot.errors import MissingExtraError, ModelError
from extracot.io.extras import install_hint
from extracot.models.knob import Knob
from extracot.models.load import load_causal_lm, load_tokenizer, resolve_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ADAPTER_FILE = "adapter_config.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts of an exported model come from."""

    model: str
    """The folder that brings weights, tokenizer and knob."""
    adapter: Path | None
    """The folder of the adapter that is merged into those weights; None without one."""
    knob: Knob
    """What the model was prepared with."""


def find_source(model: str, base_model: str | None) -> Source:
    """Find the parts by their files; loads nothing.

    Args:
        model: a model folder, or the folder of an adapter of a prepared model.
        base_model: for an adapter, instead of the base that it names itself.

    Raises:
        ModelError: no such folder, a model without control tokens, an adapter whose base is not there, or a base for
            what is no adapter.
    """
    folder = Path(model).expanduser()
    if not (folder / _ADAPTER_FILE).is_file():
        if base_model is not None:
            raise ModelError(f"{model} is no adapter, {_ADAPTER_FILE} is missing: drop base_model, or name an adapter")
        return Source(resolve_model(model), None, Knob.load(model))
    base = base_model or _named_base(folder)
    try:
        return Source(resolve_model(base), folder, Knob.load(base))
    except ModelError as error:
        raise ModelError(f"adapter {model}: {error}; or name its base with --set base_model=FOLDER") from error


def load_source(source: Source) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Model on the CPU, in the type it was saved in, an adapter merged into it; and its tokenizer.

    Raises:
        ModelError: weights or tokenizer that do not load, an adapter that does not fit its base.
        MissingExtraError: an adapter, and peft is not installed.
    """
    tokenizer = load_tokenizer(source.model)
    model = load_causal_lm(source.model, dtype="auto", device="cpu")
    if source.adapter is None:
        return model, tokenizer
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtraError(f"merging an adapter needs peft: {install_hint('lora')}") from error
    try:
        merged: PreTrainedModel = PeftModel.from_pretrained(model, str(source.adapter)).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        what = " ".join(str(error).split())
        raise ModelError(f"adapter {source.adapter} does not fit {source.model}: {what[:300]}") from error
    return merged, tokenizer


def _named_base(folder: Path) -> str:
    """The base model that an adapter names.

    Raises:
        ModelError: it names none.
    """
    path = folder / _ADAPTER_FILE
    try:
        name = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{path} is no JSON object; save the adapter again") from error
    if not isinstance(name, str) or not name:
        raise ModelError(f"{path} names no base model; name it with --set base_model=FOLDER")
    return name

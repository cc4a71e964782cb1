"""Find a model by name, and load its tokenizer and weights.

Importing this module is cheap: torch and transformers are loaded by the functions that need them.
"""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from extracot.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOY = "toy"
"""The name of the packaged toy model."""

DEFAULT_COMPRESSOR = "default"
"""The name of the packaged compressor for real chains of thought."""

_PACKAGED = {TOY: "toy", DEFAULT_COMPRESSOR: "compressor"}
"""Rooms that bring weights, by the name of their model."""


def resolve_model(name: str) -> str:
    """What transformers should load for a name: "toy" and "default" (the compressor) are packaged folders, then
    folders, then hub names.

    Raises:
        ModelError: a folder that holds no model, or a path to nothing.
    """
    if name in _PACKAGED:
        folder = Path(str(importlib.resources.files("extracot") / _PACKAGED[name] / "weights"))
        if not (folder / "config.json").is_file():
            raise ModelError(f"the packaged model {name!r} is missing from {folder}; install extracot again")
        return str(folder)
    path = Path(name).expanduser()
    if name and path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"{name} holds no model: config.json is missing; name the folder that has it")
        return str(path)
    # One slash is a hub name; a hub name is never absolute, never starts with a dot, never has two slashes.
    if not name or path.is_absolute() or name.startswith(".") or name.count("/") > 1 or path.exists():
        raise ModelError(f"model {name!r} is no folder; name a model folder, a hub model or 'toy'")
    return name


def load_tokenizer(name: str) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model, with a padding token (the end-of-sequence one if it has none of its own).

    Raises:
        ModelError: no such model, or one without a tokenizer.
    """
    from transformers import AutoTokenizer

    source = resolve_model(name)
    if Path(source).is_dir() and not any(
        (Path(source) / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json")
    ):
        raise ModelError(f"{name} has no tokenizer: copy tokenizer.json and tokenizer_config.json into it")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        if "slow tokenizer" in str(error):
            raise ModelError(
                f"{name} has no fast tokenizer, which locates tokens in a text; put its tokenizer.json beside it"
            ) from error
        raise ModelError(f"cannot load the tokenizer of {name}: {_first_line(error)}") from error
    if tokenizer.pad_token is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_causal_lm(
    name: str,
    dtype: Literal["float32", "bfloat16", "auto"] = "float32",
    device: str | None = None,
) -> "PreTrainedModel":
    """The language model of a name, in eval mode.

    Args:
        name: see `resolve_model`.
        dtype: of the weights in memory; "auto" keeps the one they were saved in.
        device: default the first GPU, or the CPU where there is none.

    Raises:
        ModelError: no such model, or none that generates text.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]  # stages report progress themselves
    source = resolve_model(name)
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"cannot load the model {name}: {_first_line(error)}") from error
    model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))  # type: ignore[arg-type]
    model.train(False)
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

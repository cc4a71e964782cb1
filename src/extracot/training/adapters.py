"""Low-rank adapters, with the rows of the control tokens trained whole, and their merging into a plain model."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extracot.errors import ConfigError, MissingExtraError
from extracot.io.extras import install_hint
from extracot.models.load import load_causal_lm

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


def require_peft() -> None:
    """See that peft is there.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"lora needs peft: {install_hint('lora')}, or set lora=null") from error


def lora_config(
    model: "PreTrainedModel",
    control_ids: Sequence[int],
    *,
    rank: int,
    alpha: float,
    dropout: float,
    target_modules: str | Sequence[str],
) -> Any:
    """peft's `LoraConfig` for this model.

    The rows of the control tokens are trained in the embedding and in the output matrix: adapters do not reach them,
    and a token that keeps its first embedding is never learnt. Where the two matrices are one, peft keeps them so.

    Args:
        model: what gets the adapters; not changed.
        control_ids: ids of the control tokens.
        rank: columns of each adapter matrix.
        alpha: the adapter counts alpha / rank times.
        dropout: on the adapter's input.
        target_modules: names of the layers that get one, or "all-linear".

    Raises:
        MissingExtraError: peft is not installed.
        ConfigError: a name that no layer has, or the output matrix among them.
    """
    require_peft()
    from peft import LoraConfig
    from peft.utils.other import TrainableTokensWrapper

    # TRL's fused output layer asks the output matrix for its bias, which this wrapper of peft 0.21 does not pass on.
    if not hasattr(TrainableTokensWrapper, "bias"):
        TrainableTokensWrapper.bias = None
    embedding, output = model.get_input_embeddings(), model.get_output_embeddings()  # type: ignore[no-untyped-call]
    rows = {_name_of(model, embedding): list(control_ids)}
    if output is not None and output.weight is not embedding.weight:
        rows[_name_of(model, output)] = list(control_ids)
    if not isinstance(target_modules, str):
        endings = {name.rpartition(".")[2] for name, _ in model.named_modules()}
        unknown = [name for name in target_modules if name not in endings]
        if unknown:
            raise ConfigError(f"lora.target_modules: no layer is called {', '.join(unknown)}; or say all-linear")
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=target_modules if isinstance(target_modules, str) else list(target_modules),
        trainable_token_indices=rows,
        task_type="CAUSAL_LM",
    )


def merge_adapter(base: str, adapter: Path, folder: Path) -> None:
    """Save the base model with the adapter's weights added in, as any loader takes it.

    Args:
        base: the model that the adapter was trained on, by name.
        adapter: as peft saves it.
        folder: made new.
    """
    from peft import PeftModel

    if folder.exists():
        shutil.rmtree(folder)
    model = load_causal_lm(base, device="cpu")
    PeftModel.from_pretrained(model, str(adapter)).merge_and_unload().save_pretrained(folder)


def _name_of(model: "PreTrainedModel", module: "nn.Module") -> str:
    """The last part of a module's name: what peft finds it by."""
    for name, found in model.named_modules():
        if found is module:
            return str(name.rpartition(".")[2])
    raise AssertionError("an embedding is a module of its own model")

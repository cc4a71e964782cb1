"""Check a base model before training, and save the trained one so that every later stage and server can load
it."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extracot.errors import ModelError
from extracot.models.control import control_token_ids
from extracot.models.knob import KNOB_FILE, Knob
from extracot.models.load import load_tokenizer, resolve_model
from extracot.text.control import control_tokens
from extracot.training.adapters import merge_adapter
from extracot.training.processes import from_first

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def load_prepared(model: str) -> tuple[Knob, "PreTrainedTokenizerBase"]:
    """Knob and tokenizer of a model that can be trained here.

    Raises:
        ModelError: a model without control tokens, a tokenizer that lost them, one without an end-of-sequence
            token, or one that puts tokens of its own around a prompt, which the chat template has already
            done.
    """
    knob = Knob.load(model)
    tokenizer = load_tokenizer(model)
    control_token_ids(tokenizer, control_tokens(knob.grid))
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{model} has no end-of-sequence token; set eos_token in its tokenizer_config.json")
    if tokenizer("a")["input_ids"] != tokenizer("a", add_special_tokens=False)["input_ids"]:
        raise ModelError(
            f"the tokenizer of {model} adds a begin or end token to every text, so prompts would get "
            "it twice; set add_bos_token and add_eos_token to false in its tokenizer_config.json"
        )
    return knob, tokenizer


def save_trained(trainer: Any, tokenizer: "PreTrainedTokenizerBase", source: str, folder: Path) -> None:
    """Save the trainer's model beside its tokenizer, with the knob and the generation config it started from.

    All processes have to call it; the first one writes, and the others wait until it is done. With adapters the
    folder `adapter` beside it gets those alone.

    Args:
        trainer: of transformers; gathers sharded weights itself.
        tokenizer: of the model.
        source: the model that training started from, as the config names it.
        folder: made new; what an earlier attempt left there is removed.
    """
    has_adapter = hasattr(trainer.model, "peft_config")
    saved = folder.with_name("adapter") if has_adapter else folder

    def clear() -> None:
        for old in {folder, saved}:
            if old.exists():
                shutil.rmtree(old)

    def complete() -> None:
        (saved / "training_args.bin").unlink(missing_ok=True)  # a pickle of paths and flags; config.json says it all
        if has_adapter:
            merge_adapter(source, saved, folder)
        tokenizer.save_pretrained(folder)
        _copy_origin(source, folder)

    from_first(clear)
    trainer.save_model(str(saved))
    from_first(complete)


def _copy_origin(source: str, folder: Path) -> None:
    origin = Path(resolve_model(source))
    for name in (KNOB_FILE, "generation_config.json"):
        if (origin / name).is_file():
            shutil.copyfile(origin / name, folder / name)

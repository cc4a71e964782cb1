"""What a prepared model says about its budget knob: `extracot.json` beside its weights.

Later stages read it from here, so nobody has to repeat it, or can repeat it wrongly.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from extracot.errors import ModelError
from extracot.io.atomic import write_text_atomic
from extracot.models.chat_template import Budget, default_efforts
from extracot.models.load import resolve_model
from extracot.models.prompts import PromptFormat

KNOB_FILE = "extracot.json"


class Knob(BaseModel):
    """The ratios that a model was given tokens for, and the prompts it expects."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    format: Literal["extracot.knob/1", "extracot.knob/2"] = "extracot.knob/2"
    """A reader refuses any other. Models prepared as /1 say nothing of their chat template: it has no knob."""
    grid: tuple[float, ...]
    """Target ratios, ascending, each in (0, 1]."""
    prompt_format: PromptFormat
    """What stands around a question."""
    base_model: str
    """The model that was prepared, as it was named then."""
    default_budget: Budget = "policy"
    """What the chat template takes for a request that names no budget."""
    efforts: dict[str, Budget] | None = None
    """What `reasoning_effort` means there; None for `default_efforts`, empty where it means nothing to the knob."""

    @property
    def effort_budgets(self) -> dict[str, Budget]:
        """What `reasoning_effort` means, resolved."""
        return default_efforts(self.grid) if self.efforts is None else self.efforts

    @classmethod
    def load(cls, model: str) -> "Knob":
        """The knob of a model folder (or "toy").

        Raises:
            ModelError: no such folder, one that was not prepared, or an `extracot.json` that does not parse.
        """
        knob = cls.find(model)
        if knob is None:
            if (Path(model) / "model" / KNOB_FILE).is_file():
                raise ModelError(f"{model} is a run; its model is {Path(model) / 'model'}")
            raise ModelError(f"model {model} has no control tokens; make one with: extracot prepare-model")
        return knob

    @classmethod
    def find(cls, model: str) -> "Knob | None":
        """As `load`, but None for a model that was not prepared. Hub models count as not prepared.

        Raises:
            ModelError: no such folder, or an `extracot.json` that does not parse.
        """
        path = Path(resolve_model(model)) / KNOB_FILE
        if not path.is_file():
            return None
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise ModelError(f"{path}: {where}: {first['msg']}; prepare the model again") from error

    def save(self, folder: str | Path) -> None:
        """Write it into a model folder."""
        write_text_atomic(Path(folder) / KNOB_FILE, self.model_dump_json(indent=2) + "\n")


def prompt_format_of(model: str) -> PromptFormat:
    """The prompt format of a prepared model; the bare question for any other.

    Raises:
        ModelError: as `Knob.find`.
    """
    knob = Knob.find(model)
    return PromptFormat() if knob is None else knob.prompt_format

"""The recipe: which stages run, in which order, with which settings."""

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from extracot.errors import ConfigError
from extracot.io.config import StageConfig, merge_trees
from extracot.io.nearest import did_you_mean
from extracot.pipeline.references import referenced_steps, referenced_values
from extracot.pipeline.stages import STAGES

NOT_GIVEN = "???"
"""Starts a value that the reader of a recipe has to give."""


class PipelineStep(BaseModel):
    """One stage of the recipe, in a run directory of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """What later steps call it, as in `@name/records/traces.jsonl`; also names its folder."""
    stage: str
    """The stage to run."""
    preset: str | None = None
    """A preset or config file of that stage; None starts from the stage's defaults."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Values laid over the preset; a text `@step/...` becomes a path in that earlier step's run directory."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise ValueError("needs small letters, digits and single hyphens")
        return name

    @field_validator("stage")
    @classmethod
    def _check_stage(cls, stage: str) -> str:
        if stage == "pipeline" or stage not in STAGES:
            known = [name for name in STAGES if name != "pipeline"]
            raise ValueError(f"no such stage{did_you_mean(stage, known) or '; stages: ' + ', '.join(known)}")
        return stage


class PipelineConfig(StageConfig):
    """A recipe."""

    resumes_part_by_part: ClassVar[bool] = True  # a step may be added to a recipe that has already run

    given: dict[str, str] = Field(default_factory=dict)
    """What steps call `$name`, as in `--set given.model=Qwen/Qwen3-1.7B`. A value that starts with `???` has to be
    given before anything runs; what follows says what it is."""
    steps: list[PipelineStep] = Field(min_length=1)
    """In the order in which they run; a step may read from any step before it."""
    overrides: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Step name to values laid over that step's `set`, as in `--set overrides.sft.epochs=1`."""
    leave_out: tuple[str, ...] = ()
    """Steps that are left out; no other step may read from them. The others keep their numbers."""

    @model_validator(mode="after")
    def _check_references(self) -> "PipelineConfig":
        seen: list[str] = []
        for step in self.steps:
            if step.name in seen:
                raise ValueError(f"two steps are called {step.name!r}; rename one")
            if step.name in self.leave_out:
                seen.append(step.name)
                continue
            values = merge_trees(step.set, self.overrides.get(step.name, {}))
            for name in referenced_values(values):
                if name not in self.given:
                    raise ValueError(f"step {step.name!r}: ${name} is not among given{did_you_mean(name, self.given)}")
            for reference in referenced_steps(values):
                if reference not in seen:
                    near = did_you_mean(reference, seen)
                    raise ValueError(
                        f"step {step.name!r} reads from @{reference}, which is no step before it{near}"
                    )
                if reference in self.leave_out:
                    raise ValueError(f"step {step.name!r} reads from @{reference}; do not leave that out")
            seen.append(step.name)
        asked_for = {name for step in self.steps for name in referenced_values([step.set, self.overrides])}
        for name in self.given:
            if name not in asked_for:
                raise ValueError(f"given.{name}: no step asks for ${name}{did_you_mean(name, asked_for)}")
        for key, names in (("overrides", list(self.overrides)), ("leave_out", list(self.leave_out))):
            for name in names:
                if name not in seen:
                    raise ValueError(f"{key}: no step is called {name!r}{did_you_mean(name, seen)}")
        return self

    def require_complete(self) -> None:
        """See that everything is given.

        Raises:
            ConfigError: a value that still starts with `???`; says what it is and how to give it.
        """
        missing = {
            name: value.removeprefix(NOT_GIVEN).strip()
            for name, value in self.given.items()
            if value.startswith(NOT_GIVEN)
        }
        if missing:
            asked = "; ".join(f"{name} ({what})" for name, what in missing.items())
            how = " ".join(f"given.{name}=..." for name in missing)
            raise ConfigError(f"the recipe does not know {asked}: give it with --set {how}, or in a copy of the recipe")

    def input_paths(self) -> list[str]:
        """None of its own: each step checks its inputs when its turn comes."""
        return []

"""Config of the evaluate stage."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from extracot.generate.backend import Sampling
from extracot.generate.backend_config import CompletionsConfig, ServerConfig
from extracot.io.config import looks_like_path
from extracot.models.prompts import PromptFormat
from extracot.problems.spec import without_benchmark
from extracot.text.control import control_token

BASE_ARM = "base"
"""Name of the arm that every other arm is measured against; no other arm may have it."""

ControlKind = Literal["random", "head", "tail"]
"""What a control keeps of the base model's thinking: random units, its beginning, its end."""

CONTROL_NAMES: dict[ControlKind, str] = {"random": "random deletion", "head": "head only", "tail": "tail only"}
"""What tables call a control arm that was given no name."""

Asked = Literal["base", "policy"] | float
"""How to ask a model: without a control token, for its own choice, or for a ratio."""


class EvaluateSampling(Sampling):
    """As `Sampling`, but greedy by default, so that a run says the same every time."""

    max_new_tokens: int = Field(default=1024, ge=1)
    """A completion that is still running here is truncated, hence wrong. The paper's tables use 4096."""
    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy. The paper's tables use 0.7."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Without effect when greedy. The paper's tables use 0.9."""


class ArmConfig(BaseModel):
    """One model to evaluate: ours, a baseline, an ablation."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    name: str = Field(min_length=1)
    """What tables call it, and the key of its records."""
    model: str
    """A folder, a hub name, or "toy". A prepared folder brings its ratio grid and its prompt format."""
    modes: tuple[Asked, ...] | None = Field(default=None, min_length=1)
    """Any of "base", ratios of its grid, and "policy". None: every ratio and "policy"; "base" for a model
    without control tokens."""
    server: ServerConfig | None = None
    """For `backend: openai`, the server that has this model; None for the one of all."""

    @field_validator("modes")
    @classmethod
    def _check_modes(cls, modes: tuple[Asked, ...] | None) -> tuple[Asked, ...] | None:
        for mode in modes or ():
            if isinstance(mode, float):
                control_token(mode)  # raises UsageError, a ValueError, for a ratio without a token
        if modes is not None and len(set(modes)) < len(modes):
            raise ValueError("lists a mode twice")
        return modes


class ControlConfig(BaseModel):
    """A control arm: the base model's own thinking of this run, cut blindly and closed; then the base model answers.

    It says what thinking of that length is worth without any compressor or training. Give `ratios` or `matches`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    kind: ControlKind
    """head: the beginning stays, as with a limit on thinking tokens. tail: the end, which often states the answer.
    random: units at random. The latter two need the whole thinking first, so they save nothing in use."""
    name: str | None = Field(default=None, min_length=1)
    """What tables call it; null for "head only", "tail only" or "random deletion"."""
    ratios: tuple[Annotated[float, Field(gt=0, le=1)], ...] | None = Field(default=None, min_length=1)
    """Shares of the thinking's tokens to keep, each a row of its own."""
    matches: str | None = None
    """Instead of ratios, the name of an arm: on each question as large a share is kept as that arm spent there of the
    base model's tokens, mode by mode. An arm that spent more than the base model is matched by all of its thinking."""
    max_answer_tokens: int | None = Field(default=None, ge=1)
    """Of the answer alone; null for sampling.max_new_tokens. A completion that passes sampling.max_new_tokens, thinking
    and answer together, is truncated here as anywhere. Lower it where prompt, thinking and answer would exceed the
    model's positions."""

    @property
    def arm_name(self) -> str:
        """The name that its scores bear."""
        return self.name or CONTROL_NAMES[self.kind]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.ratios is None) == (self.matches is None):
            raise ValueError(f"control {self.arm_name!r} needs either ratios or matches, which say how much stays")
        if self.ratios is not None and len(set(self.ratios)) < len(self.ratios):
            raise ValueError(f"control {self.arm_name!r} lists a ratio twice")
        return self


class EvaluateConfig(CompletionsConfig):
    """Which models answer which problems at which budgets, all decoded alike."""

    # What is done at once is not among them: latency is one of the results.
    free_on_resume: ClassVar[frozenset[str]] = frozenset(
        f"{where}.{key}"
        for where in ("server", "arms.server")
        for key in ServerConfig.changes_no_record - {"concurrency"}
    )

    problems: str
    """A benchmark by name (`gsm8k`; `extracot config benchmarks` lists them) or with a file of its rows
    (`gsm8k:test.jsonl`), a `.jsonl` of your own, or a toy spec as `toy:heldout:500:seed=7`."""
    problems_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Checksum that the problems must have, as `problems_sha256` in the manifest of an earlier run says it; null for
    any. It is of all questions and gold answers in order, before `limit`."""
    unreadable_golds: Literal["keep", "stop"] = "keep"
    """What to do about gold answers that the grader cannot read, each of which is told with its line before any model
    runs. keep: ask all the same; those count as wrong for everyone, so accuracies compare. stop: ask nothing."""
    base_model: str
    """The uncompressed model: its think tokens on a problem are the reference of every actual ratio."""
    arms: tuple[ArmConfig, ...] = ()
    """What is compared with the base model, in table order; the first with a policy is the headline."""
    controls: tuple[ControlConfig, ...] = ()
    """Blind cuts of the base model's thinking, as `{kind: head, matches: extracot}` or `{kind: random, ratios: [0.2]}`;
    they come last in the table. They need a backend that takes prompts as text: any but a server with api chat."""
    prompt_format: PromptFormat | None = None
    """What stands around a question, for every arm. None takes each model's own; the base model, where it has
    none, takes that of the first arm that has one."""
    sampling: EvaluateSampling = EvaluateSampling()
    """Token limit, temperature, top-p and seed; one stack for everyone."""
    samples_per_problem: int = Field(default=1, ge=1)
    """Completions per problem and mode."""
    batch_size: int = Field(default=128, ge=1)
    """Prompts side by side in this process, and the most that a kill can lose there. A large model wants fewer. Of a
    server everything is asked at once, as far as `concurrency` allows, and a kill loses what is under way."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the weights in memory; bfloat16 is for GPUs, on most CPUs it is far slower."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first so many problems; None for all."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [*(arm.name for arm in self.arms), *(control.arm_name for control in self.controls)]
        if BASE_ARM in names:
            raise ValueError(f"arm name {BASE_ARM!r} is taken by base_model; choose another")
        if len(set(names)) < len(names):
            raise ValueError(f"two arms have one name: {', '.join(names)}")
        if self.samples_per_problem > 1 and self.sampling.temperature == 0:
            raise ValueError(
                "samples_per_problem > 1 repeats one greedy completion; set sampling.temperature above 0"
            )
        for control in self.controls:
            if control.matches is not None and control.matches not in {arm.name for arm in self.arms}:
                known = ", ".join(arm.name for arm in self.arms) or "none"
                raise ValueError(f"control {control.arm_name!r} matches {control.matches!r}; the arms are: {known}")
        for arm in self.arms:
            if arm.server is not None and self.backend != "openai":
                raise ValueError(f"arm {arm.name!r} has a server; set backend=openai, or drop it")
            fault = arm.server.find_fault("server") if arm.server is not None else None
            if fault is not None:
                raise ValueError(f"arm {arm.name!r}: {fault}")
        return self

    def input_paths(self) -> list[str]:
        """See `CompletionsConfig.input_paths`."""
        named = [without_benchmark(self.problems), self.base_model, *(arm.model for arm in self.arms)]
        return [value for value in named if looks_like_path(value)]

"""What the `annotate` stage can be told."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from extracot.errors import ConfigError
from extracot.io.config import StageConfig, looks_like_path
from extracot.models.prompts import PromptFormat
from extracot.remote.config import EndpointConfig


class LlmConfig(EndpointConfig):
    """For `annotator: llm`, the teacher and how it is asked. Whatever names no source is ours; the numbers of
    attempts and seconds waited are those of the release."""

    model: str = Field(min_length=1)
    """As the server calls it."""
    structured: Literal["auto", "json_schema", "none"] = "auto"
    """Whether to ask for the reply's JSON schema (`response_format`); auto asks, and does without where the server
    refuses it. Replies are read tolerantly in any case."""
    max_tokens: int = Field(default=2048, ge=1)
    """Of one reply, reasoning included; a reply that gets there is a failure, so rather too many."""
    temperature: float | None = Field(default=0.0, ge=0)
    """Of first requests; null leaves it to the server. 0 as in the authors' release."""
    retry_temperature: float = Field(default=0.5, ge=0)
    """At least this, once a reply could not be used: asked the same at 0, a model says the same."""
    chunk_units: int = Field(default=200, ge=1)
    """Most units in one request."""
    chunk_chars: int = Field(default=8000, ge=1)
    """Most characters of the chain of thought in one request; the release takes about 512 tokens, more lets the
    teacher see what is used later."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Chains of thought that are asked about at once; changes speed, not records. The release takes 32."""
    prompt_price_per_million: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens, in any currency; null reckons no costs."""
    completion_price_per_million: float | None = Field(default=None, ge=0)
    """Price of a million completion tokens, in the same currency."""

    def find_fault(self, section: str) -> str | None:
        """See `EndpointConfig.find_fault`."""
        if (self.prompt_price_per_million is None) != (self.completion_price_per_million is None):
            return f"{section}: give both prices per million or none; a free one is 0"
        return super().find_fault(section)


class AnnotateConfig(StageConfig):
    """Traces in, one annotation per trace out."""

    free_on_resume: ClassVar[frozenset[str]] = frozenset(
        {"max_batch_tokens"} | {f"llm.{key}" for key in LlmConfig.changes_no_record}
    )

    traces: str
    """A `.jsonl` or `.jsonl.gz` of traces, ours or plain `{question, cot, answer, response}` rows."""
    annotator: Literal["slice", "attribution", "llm"] = "slice"
    """slice: walk back from the answer through the equations, no model. attribution: how much a formula is
    missed by a language model, chained back from the answer. llm: ask a model behind a chat endpoint."""
    prose: Literal["word", "clause"] = "clause"
    """What a unit of prose is; compress with the same."""
    discount_checks: bool = False
    """For slice: what stands behind the derivation of the answer and is not needed goes to the lowest tier, and
    what merely repeats something before it does not. For real traces, half of which is checks."""
    limit: int | None = Field(default=None, ge=1)
    """Stop after this many traces; null takes all."""
    model: str | None = None
    """For `annotator: attribution`, a causal language model: a folder, a hub name, or `toy`."""
    prompt_format: PromptFormat | None = None
    """For attribution, what stands around a question; null takes the model's own, or the bare question."""
    method: Literal["leave_one_out", "gradient"] = "leave_one_out"
    """For attribution. leave_one_out: delete every formula in turn and measure. gradient: estimate that from one
    forward pass and a backward pass per needed formula; much less accurate, and no faster on the short toy texts."""
    influence_cap_nats: float = Field(default=4.0, gt=0)
    """For attribution: a drop of log-probability this large counts as full influence; ours, as in the probe
    that put chained attribution at .84 average precision in a toy world."""
    needed_influence: float = Field(default=0.2, gt=0, le=1)
    """For attribution: a formula is needed from this chained influence on; ours, untuned."""
    max_batch_tokens: int = Field(default=8192, ge=1)
    """For attribution: tokens in one forward pass, with padding; changes speed and memory, not results."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """For attribution, of the weights; bfloat16 is for GPUs."""
    device: str | None = None
    """For attribution, the torch device; null takes the GPU where there is one."""
    llm: LlmConfig | None = None
    """For `annotator: llm`, the teacher."""

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if self.annotator == "attribution" and self.model is None:
            raise ConfigError(
                "annotator attribution needs a language model; give one with --set model=toy, "
                "or take --set annotator=slice, which needs none"
            )
        if self.annotator == "attribution" and self.discount_checks:
            raise ConfigError("discount_checks is for annotator slice; drop the key")
        if self.annotator == "slice" and self.model is not None:
            raise ConfigError("annotator slice uses no model; drop the key, or set annotator=attribution")
        if self.annotator != "attribution" and self.method != "leave_one_out":
            raise ConfigError(f"annotator {self.annotator} has no method; drop the key, or set annotator=attribution")
        if self.annotator == "llm" and self.model is not None:
            raise ConfigError("annotator llm loads no model; drop the key, or name the teacher with llm.model")
        if self.annotator == "llm" and self.llm is None:
            raise ConfigError(
                "annotator llm needs a teacher; give one with --set llm.base_url=http://127.0.0.1:8000/v1 "
                "--set llm.model=NAME, or take the preset annotate-llm"
            )
        if self.annotator != "llm" and self.llm is not None:
            raise ConfigError(f"annotator {self.annotator} asks no teacher; drop llm, or set annotator=llm")
        # Here and not in a validator of LlmConfig, whose errors would be shown with the values that it was given.
        fault = self.llm.find_fault("llm") if self.llm is not None else None
        if fault is not None:
            raise ConfigError(fault)
        return self

    def input_paths(self) -> list[str]:
        """Traces and model; what a server calls its model may look like a path and is none here."""
        return [value for value in (self.traces, self.model) if value is not None and looks_like_path(value)]

"""What the `annotate` stage can be told."""

import re
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from extracot.errors import ConfigError
from extracot.io.config import StageConfig, looks_like_path
from extracot.models.prompts import PromptFormat

_VARIABLE_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


class LlmConfig(BaseModel):
    """For `annotator: llm`, the teacher and how it is asked. Whatever names no source is ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    base_url: str
    """Of an OpenAI-compatible server, up to and without `/chat/completions`, as in `http://127.0.0.1:8000/v1`."""
    model: str = Field(min_length=1)
    """As the server calls it."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key, never the key; null sends none."""
    structured: Literal["auto", "json_schema", "none"] = "auto"
    """Whether to ask for the reply's JSON schema (`response_format`); auto asks, and does without where the server
    refuses it. Replies are read tolerantly in any case."""
    max_tokens: int = Field(default=2048, ge=1)
    """Of one reply, reasoning included; a reply that gets there is a failure, so rather too many."""
    temperature: float | None = Field(default=0.0, ge=0)
    """Of first requests; null leaves it to the server. 0 as in the authors' release."""
    retry_temperature: float = Field(default=0.5, ge=0)
    """At least this, once a reply could not be used: asked the same at 0, a model says the same."""
    extra_body: dict[str, Any] = {}
    """Laid over every request; null takes a key out: `{max_tokens: null, max_completion_tokens: 4096}`. No keys."""
    chunk_units: int = Field(default=200, ge=1)
    """Most units in one request."""
    chunk_chars: int = Field(default=8000, ge=1)
    """Most characters of the chain of thought in one request; the release takes about 512 tokens, more lets the
    teacher see what is used later."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Chains of thought that are asked about at once; changes speed, not records. The release takes 32."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Of all threads together, evenly spaced; null does not limit."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Of one request."""
    max_attempts: int = Field(default=5, ge=1)
    """Per request, the first included; as in the release."""
    first_wait_s: float = Field(default=1.0, ge=0)
    """Longest wait behind a first failure, doubled behind each further one; as in the release."""
    max_wait_s: float = Field(default=120.0, ge=0)
    """No wait is longer; a server that asks for more stops the run, which then can be resumed."""
    stop_after_failures: int = Field(default=20, ge=1)
    """Stop the run once so many chains of thought in a row failed for want of an answer from the server."""
    prompt_price_per_million: float | None = Field(default=None, ge=0)
    """Price of a million prompt tokens, in any currency; null reckons no costs."""
    completion_price_per_million: float | None = Field(default=None, ge=0)
    """Price of a million completion tokens, in the same currency."""

    def find_fault(self) -> str | None:
        """What is wrong with the values together, or None. Repeats none of them: one may be a secret by mistake."""
        if self.api_key_env is not None and not _VARIABLE_NAME.fullmatch(self.api_key_env):
            return (
                "llm.api_key_env is the NAME of an environment variable, in capitals, as in OPENAI_API_KEY; "
                "put the key into that variable, not into the config"
            )
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc or url.query or url.fragment:
            return (
                "llm.base_url must look like https://host/v1: http or https, without user, password or query; "
                "a key goes into the variable that llm.api_key_env names"
            )
        if url.path.rstrip("/").endswith("/completions"):
            return "llm.base_url ends too late: leave out /chat/completions, as in https://host/v1"
        if (self.prompt_price_per_million is None) != (self.completion_price_per_million is None):
            return "llm: give both prices per million or none; a free one is 0"
        return None


class AnnotateConfig(StageConfig):
    """Traces in, one annotation per trace out."""

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
        fault = self.llm.find_fault() if self.llm is not None else None
        if fault is not None:
            raise ConfigError(fault)
        return self

    def input_paths(self) -> list[str]:
        """Traces and model; what a server calls its model may look like a path and is none here."""
        return [value for value in (self.traces, self.model) if value is not None and looks_like_path(value)]

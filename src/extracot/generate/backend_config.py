"""What the stages that ask a model for completions can be told about where these come from."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from extracot.errors import ConfigError
from extracot.io.config import StageConfig, looks_like_path, texts_in
from extracot.problems.spec import without_benchmark
from extracot.remote.config import EndpointConfig

ServerKind = Literal["vllm", "transformers-serve", "generic"]
"""What a server takes and gives back; `servers.py` has the profile of each."""

Api = Literal["completions", "chat"]
"""Whether a prompt goes out as text (or tokens) or as messages."""


class ServerConfig(EndpointConfig):
    """For `backend: openai`, the server and how it is asked. The values are ours."""

    kind: ServerKind = "generic"
    """Which fields it is sent: vllm and transformers-serve take more than the standard's, and are asked so that their
    model's own sampling defaults do not interfere."""
    model: str | None = Field(default=None, min_length=1)
    """As the server calls it; null takes the name that `model` has here, whose tokenizer counts in any case."""
    api: Api | None = None
    """completions: the prompt as rendered here. chat: messages, rendered by the server. Null takes completions, which
    is exact, for the two kinds that are known, and chat for a generic server."""
    concurrency: int = Field(default=32, ge=1, le=1024)
    """Requests at once; changes speed, not records."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Of one request, so of a whole completion."""

    def served_name(self, model: str) -> str:
        """What to call a model there."""
        return self.model or model


class CompletionsConfig(StageConfig):
    """Base of the configs of stages that ask a model for completions."""

    free_on_resume: ClassVar[frozenset[str]] = frozenset(
        {"batch_size"} | {f"server.{key}" for key in ServerConfig.changes_no_record}
    )

    backend: Literal["transformers", "vllm", "openai"] = "transformers"
    """transformers: in this process. vllm: in this process, with the extra `vllm`. openai: a server that speaks
    OpenAI's HTTP interface, as `server` says."""
    server: ServerConfig | None = None
    """For `backend: openai`."""
    vllm: dict[str, Any] = {}
    """For `backend: vllm`, arguments of `vllm.LLM`: `{gpu_memory_utilization: 0.8, tensor_parallel_size: 2}`."""

    @model_validator(mode="after")
    def _check_backend(self) -> Self:
        if self.backend == "openai" and self.server is None:
            raise ConfigError(
                "backend openai needs a server; give one with --set server.base_url=http://127.0.0.1:8000/v1 "
                "server.kind=vllm"
            )
        if self.backend != "openai" and self.server is not None:
            raise ConfigError(f"backend {self.backend} asks no server; drop server, or set backend=openai")
        if self.backend != "vllm" and self.vllm:
            raise ConfigError(f"backend {self.backend} takes no arguments of vLLM; drop vllm, or set backend=vllm")
        # Here and not in a validator of ServerConfig, whose errors would be shown with the values that it was given.
        fault = self.server.find_fault("server") if self.server is not None else None
        if fault is not None:
            raise ConfigError(fault)
        return self

    def input_paths(self) -> list[str]:
        """As `StageConfig.input_paths`; what a server calls its model may look like a path and is none here."""
        local = self.model_dump(mode="json", exclude={"server", "vllm"})
        return [path for value in texts_in(local) if looks_like_path(path := without_benchmark(value))]

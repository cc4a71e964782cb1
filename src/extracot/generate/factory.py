"""From a config to a backend, and to the prompts that it reads: the one place that knows all of them."""

import json
from typing import TYPE_CHECKING, Literal

from extracot.errors import UsageError
from extracot.generate.backend import Backend
from extracot.generate.backend_config import CompletionsConfig, ServerConfig
from extracot.generate.openai_backend import OpenAiBackend, api_of
from extracot.generate.servers import PROFILES
from extracot.generate.tokens import stop_tokens_of
from extracot.models.load import load_causal_lm, resolve_model
from extracot.models.prompts import NO_BUDGET, PromptFormat
from extracot.text.think import THINK_START

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def open_backend(
    config: CompletionsConfig,
    model: str,
    tokenizer: "PreTrainedTokenizerBase",
    *,
    dtype: Literal["float32", "bfloat16"],
    batch_size: int,
    server: ServerConfig | None = None,
) -> Backend:
    """The backend that a config asks for; loads the model if it is to run in this process.

    Args:
        config: says which one.
        model: see `resolve_model`; for a server, the one whose tokenizer counts, and its name there by default.
        tokenizer: of that model.
        dtype: of the weights, in this process.
        batch_size: prompts side by side, in this process.
        server: instead of the config's own.

    Raises:
        ModelError: no such model.
        ConfigError: no key for the server.
        MissingExtraError: vLLM is not installed.
    """
    if config.backend == "transformers":
        from extracot.generate.transformers_backend import TransformersBackend

        return TransformersBackend(load_causal_lm(model, dtype=dtype), tokenizer, batch_size)
    if config.backend == "vllm":
        from extracot.generate.vllm_backend import VllmBackend

        tokens = stop_tokens_of(model, tokenizer)
        return VllmBackend(resolve_model(model), tokenizer, tokens, batch_size, {"dtype": dtype, **config.vllm})
    asked = server or config.server
    if asked is None:
        raise UsageError("backend openai needs a server: give one in the config")
    tokens = stop_tokens_of(model, tokenizer)
    return OpenAiBackend(asked, asked.served_name(model), tokenizer, tokens, _opens_think(tokenizer))


def render_prompt(
    config: CompletionsConfig,
    tokenizer: "PreTrainedTokenizerBase",
    prompt_format: PromptFormat,
    question: str,
    control: str | None,
    server: ServerConfig | None = None,
) -> str:
    """The prompt of a question in the form that the config's backend reads.

    For a server's chat interface that is the messages as JSON; for everything else the text that the model continues.
    """
    asked = server or config.server
    if config.backend == "openai" and asked is not None and api_of(asked) == "chat":
        return json.dumps(prompt_format.messages(question, control), ensure_ascii=False)
    return prompt_format.render(tokenizer, question, control)


def tokens_counted_by(config: CompletionsConfig, server: ServerConfig | None = None) -> str:
    """Where token counts come from: "ids", as the model generated them, or "the tokenizer", of the text here."""
    asked = server or config.server
    if config.backend == "openai" and asked is not None and not PROFILES[asked.kind].returns_token_ids:
        return "the tokenizer"
    return "ids"


def _opens_think(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the chat template ends with `<think>`; a completion then begins inside the block."""
    if not tokenizer.chat_template:
        return False
    messages = [{"role": "user", "content": "?"}]
    prompt = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, comp_ratio=NO_BUDGET
    )
    return isinstance(prompt, str) and prompt.rstrip().endswith(THINK_START)

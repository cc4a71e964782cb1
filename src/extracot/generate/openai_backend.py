"""The backend for any server that speaks OpenAI's HTTP interface.

A request that fails in passing is asked again with back-off. One that the server refuses for good, or never answers, is
a `FailedRequest`. A server that is down, refuses the key or has no such model stops the run: what came until then has
been handed over, and a resume asks for the rest.
"""

import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from extracot.errors import ModelError, StageError, UsageError
from extracot.generate.backend import FailedRequest, Generation, OnDone, OnFailed, Sampling, seed_per_prompt
from extracot.generate.backend_config import Api, ServerConfig
from extracot.generate.servers import PROFILES, ServedText, join_reasoning, read_reply, request_body
from extracot.generate.tokens import StopTokens, completion_text
from extracot.io.nearest import did_you_mean
from extracot.remote.as_ready import map_as_ready
from extracot.remote.endpoint import Delivery, Endpoint, Reply
from extracot.remote.service import Service, may_pass

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SECTION = "server"
"""The key under which the config stands, in messages."""
_LIST_TIMEOUT_S = 10.0


class OpenAiBackend:
    """Completes prompts by asking a server, many at once."""

    def __init__(
        self,
        config: ServerConfig,
        model: str,
        tokenizer: "PreTrainedTokenizerBase",
        tokens: StopTokens,
        opens_think: bool = False,
    ) -> None:
        """Read the key; nothing is sent yet.

        Args:
            config: the server.
            model: as the server calls it.
            tokenizer: of that model; makes token ids of prompts, and counts where the server does not.
            tokens: of that model.
            opens_think: for the chat interface, the model's chat template ends with `<think>`.

        Raises:
            ConfigError: no key in the environment variable that the config names.
        """
        self._config = config
        self._profile = PROFILES[config.kind]
        self._api: Api = api_of(config)
        self._model = model
        self._tokenizer = tokenizer
        self._tokenizer_lock = threading.Lock()  # fast tokenizers are not made for several threads
        self._tokens = tokens
        self._opens_think = opens_think
        path = "chat/completions" if self._api == "chat" else "completions"
        self._service = Service(config, path, model=model, section=SECTION, asked_for="completions")
        self._list = Endpoint(config.url_of("models"), config.read_key(SECTION), min(_LIST_TIMEOUT_S, config.timeout_s))
        self._served: list[str] | None = None

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        on_done: OnDone | None = None,
        seeds: Sequence[int] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[Generation]:
        """See `Backend.generate`. Which draws a seed leads to is the server's affair. After an error the backend is of
        no further use.

        Raises:
            StageError: see the module; also a failed prompt without `on_failed`.
            UsageError: an empty prompt, or a wrong number of seeds.
            ModelError: the server would put special tokens around a prompt that are not those of its rendering.
        """
        row_seeds = seed_per_prompt(prompts, sampling.seed, seeds)
        if not prompts:
            return []
        self._check_server()
        done: dict[int, Generation] = {}
        try:
            for index, result in map_as_ready(
                lambda index: self._ask(prompts[index], sampling, row_seeds[index]),
                range(len(prompts)),
                self._config.concurrency,
            ):
                if isinstance(result, Generation):
                    done[index] = result
                    if on_done is not None:
                        on_done(index, result)
                elif on_failed is not None:
                    on_failed(index, result)
                else:
                    raise StageError(f"{self._service.url} gave no completion: {result.error}; --resume asks again")
        except BaseException:
            self._service.stop()
            raise
        return [done[index] for index in sorted(done)]

    def _ask(self, prompt: str, sampling: Sampling, seed: int) -> Generation | FailedRequest:
        """One completion, asked for as often as the config allows."""
        body = request_body(
            self._profile,
            self._api,
            self._model,
            self._sent_prompt(prompt),
            sampling,
            seed,
            self._tokens,
            self._config.extra_body,
        )
        for attempt in range(1, self._config.max_attempts + 1):
            reply = self._service.send(body)
            self._check(reply)
            served = self._read(reply)
            if served.error is None:
                self._service.count_answer()
                return self._generation(served, reply.latency_s)
            if not may_pass(reply) or attempt == self._config.max_attempts:
                break
            self._service.wait(reply, attempt)
        self._service.count_failure(served.error)
        requests = "1 request" if attempt == 1 else f"{attempt} requests"
        return FailedRequest(f"{served.error} ({requests})", is_refusal=not may_pass(reply))

    def _read(self, reply: Reply) -> ServedText:
        if reply.delivery is not Delivery.ANSWERED:
            return ServedText(error=reply.error)
        served = read_reply(reply.content, self._api, self._opens_think)
        return served if served.error is None else ServedText(error=f"{served.error}: {reply.shown}")

    def _check(self, reply: Reply) -> None:
        if reply.status == 404 and self._served:
            raise StageError(self._no_such_model(reply.error or "HTTP 404"))
        self._service.check(reply)

    def _generation(self, served: ServedText, latency_s: float) -> Generation:
        if self._profile.returns_token_ids:
            if served.token_ids is None:
                raise StageError(
                    f"{self._service.url} gave no token ids, so it is no {self._config.kind} that knows "
                    "return_token_ids; set server.kind=generic server.api=completions in a new run"
                )
            # The text of the ids and not the server's: that loses half a character at a cut, and the tags to a parser.
            with self._tokenizer_lock:
                text = completion_text(self._tokenizer, served.token_ids, self._tokens.hidden_ids)
            if self._api == "chat":
                text = join_reasoning("", text, served.is_truncated, self._opens_think)
            return Generation(text, served.token_ids, served.is_truncated, latency_s)
        ids = self._encode(served.text)
        stop_id = self._tokenizer.eos_token_id
        if not served.is_truncated and isinstance(stop_id, int):
            ids = [*ids, stop_id]
        return Generation(served.text, ids, served.is_truncated, latency_s)

    def _sent_prompt(self, prompt: str) -> str | list[int] | list[dict[str, str]]:
        if self._api == "chat":
            messages: list[dict[str, str]] = json.loads(prompt)
            return messages
        ids = self._encode(prompt)
        if not ids:
            raise UsageError("a prompt has no tokens; a completion needs something to continue")
        if self._profile.takes_prompt_ids:
            return ids
        with self._tokenizer_lock:
            return _without_specials(self._tokenizer, prompt, ids)

    def _encode(self, text: str) -> list[int]:
        with self._tokenizer_lock:
            return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _check_server(self) -> None:
        """Once, before the first prompt: is anybody there, and does it have the model?"""
        if self._served is not None:
            return
        reply = self._list.send(None)
        if reply.delivery is Delivery.UNREACHABLE:
            raise StageError(
                f"no server at {self._config.base_url}: {reply.error}; start it, or correct server.base_url, "
                "then --resume"
            )
        if reply.status in (401, 403):
            self._service.check(reply)
        self._served = _model_names(reply)
        if self._profile.lists_all_models and self._served and self._model not in self._served:
            raise StageError(self._no_such_model("it is not on its list"))

    def _no_such_model(self, why: str) -> str:
        served = self._served or []
        near = did_you_mean(self._model, served)
        return (
            f"{self._config.base_url} has no model {self._model}: {why}{near}; it serves {', '.join(served[:8])}; "
            "correct server.model"
        )


def api_of(config: ServerConfig) -> Api:
    """The interface that a server is asked by."""
    return config.api or PROFILES[config.kind].api


def _without_specials(tokenizer: "PreTrainedTokenizerBase", prompt: str, ids: Sequence[int]) -> str:
    """The text that a server has to get so that it reads exactly the prompt, having put special tokens around it."""
    if list(tokenizer.encode(prompt)) == list(ids):
        return prompt
    bos = tokenizer.bos_token
    if isinstance(bos, str) and prompt.startswith(bos):
        rest = prompt.removeprefix(bos)
        if list(tokenizer.encode(rest)) == list(ids):
            return rest
    raise ModelError(
        "the tokenizer puts special tokens around a text, so the server would read another prompt than the chat "
        "template makes; set server.api=chat"
    )


def _model_names(reply: Reply) -> list[str]:
    """The ids on a server's list of models; empty where it has none to read."""
    try:
        return [str(item["id"]) for item in json.loads(reply.content)["data"]]
    except (ValueError, RecursionError, KeyError, TypeError):
        return []

"""What each kind of server takes and gives back: the JSON of a request, and how its reply is read. No network here.

Sampling is said in full, since servers fill gaps from their model's `generation_config.json` (vLLM its top-k and
repetition penalty, transformers serve even whether to sample at all). `n` is never sent: every sample is a request of
its own with its own seed, so a resumed run draws the same; a server's prefix cache makes that cheap.

Source: vLLM 0.31 and transformers 5.23, read and run. Not covered: streaming, logprobs (nothing here needs them).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from extracot.generate.backend import Sampling
from extracot.generate.backend_config import Api, ServerKind
from extracot.generate.tokens import StopTokens
from extracot.models.prompts import NO_BUDGET
from extracot.text.control import CONTROL_TOKEN
from extracot.text.think import THINK_END, THINK_START

_SEED_LIMIT: Final = 2**31
"""Seeds are sent modulo this: some servers keep them in 32 bits."""

_ENDED: Final = frozenset({"stop", "eos", "eos_token", "end_turn", "stop_sequence"})
_CUT: Final = frozenset({"length", "max_tokens", "model_length"})

_NO_KNOB: Final = {"chat_template_kwargs": {"comp_ratio": NO_BUDGET}}
"""The control token stands in the user turn already, so a knob in the served template must not add one."""


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """What one kind of server can do."""

    api: Api
    """Where prompts go unless the config says otherwise."""
    takes_prompt_ids: bool
    """A prompt may be token ids; as text, such a server puts special tokens around it."""
    returns_token_ids: bool
    """A reply tells the ids of what was generated; else the text is counted by the tokenizer here."""
    takes_seed: bool
    """A seed decides one request's draws and nothing else."""
    takes_generation_config: bool
    """Sampling is sent as the JSON of a transformers `GenerationConfig`."""
    lists_all_models: bool
    """A model that is not on its list is not there."""
    always: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every request."""
    always_chat: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every chat request."""


PROFILES: Mapping[ServerKind, ServerProfile] = {
    "vllm": ServerProfile(
        api="completions",
        takes_prompt_ids=True,
        returns_token_ids=True,
        takes_seed=True,
        takes_generation_config=False,
        lists_all_models=True,
        always={
            "return_token_ids": True,
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        },
        always_chat=_NO_KNOB,
    ),
    "transformers-serve": ServerProfile(
        api="completions",
        takes_prompt_ids=False,
        returns_token_ids=False,
        takes_seed=False,  # it seeds the whole process, whatever other requests are doing
        takes_generation_config=True,
        lists_all_models=False,
        always_chat=_NO_KNOB,
    ),
    "generic": ServerProfile(
        api="chat",
        takes_prompt_ids=False,
        returns_token_ids=False,
        takes_seed=True,
        takes_generation_config=False,
        lists_all_models=False,
    ),
}


def request_body(
    profile: ServerProfile,
    api: Api,
    model: str,
    prompt: str | Sequence[int] | Sequence[Mapping[str, str]],
    sampling: Sampling,
    seed: int,
    tokens: StopTokens,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The JSON of one request.

    Args:
        profile: what the server takes.
        api: decides whether `prompt` is text or token ids (completions), or messages (chat).
        model: as the server calls it.
        prompt: see `api`.
        sampling: limit, temperature and top-p; its seed is not used here.
        seed: of this request.
        tokens: of the model, for a server that takes a whole generation config.
        extra: laid over the rest; what is None then is left out.
    """
    body: dict[str, Any] = {"model": model, "max_tokens": sampling.max_new_tokens}
    body["messages" if api == "chat" else "prompt"] = list(prompt) if not isinstance(prompt, str) else prompt
    if profile.takes_generation_config:
        body["generation_config"] = json.dumps(_generation_config(sampling, tokens))
    else:
        body["temperature"] = sampling.temperature
        if sampling.temperature > 0:
            body["top_p"] = sampling.top_p
    if profile.takes_seed and sampling.temperature > 0:
        body["seed"] = seed % _SEED_LIMIT
    body.update(profile.always)
    if api == "chat":
        body.update(profile.always_chat)
    body.update(extra)
    return {key: value for key, value in body.items() if value is not None}


def _generation_config(sampling: Sampling, tokens: StopTokens) -> dict[str, Any]:
    config: dict[str, Any] = {
        "max_new_tokens": sampling.max_new_tokens,
        "eos_token_id": list(tokens.stop_ids) or None,
        "pad_token_id": tokens.pad_id,
        "do_sample": sampling.temperature > 0,
    }
    if sampling.temperature > 0:
        config |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}  # 0: no top-k
    return config


@dataclass(frozen=True, slots=True)
class ServedText:
    """What a reply says."""

    text: str = ""
    """The completion, its think block inline."""
    token_ids: list[int] | None = None
    """As generated; None where the server does not tell."""
    is_truncated: bool = False
    """The token limit cut it."""
    error: str | None = None
    """Why there is no completion, in one line; None when there is one."""


def read_reply(content: bytes, api: Api, opens_think: bool) -> ServedText:
    """Read the body of a reply. A text that the server broke off for any reason but the token limit is an error.

    Args:
        content: the body of a reply of status 200.
        api: which interface was asked.
        opens_think: the chat template ends with `<think>`, which then is missing in an inline reply.
    """
    try:
        choice = json.loads(content)["choices"][0]
        finish = choice["finish_reason"]
        message = choice["message"] if api == "chat" else choice
        text = message["content"] if api == "chat" else message["text"]
        reasoning = message.get("reasoning_content") or message.get("reasoning")  # older and newer name
        token_ids = choice.get("token_ids")
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return ServedText(error=f"the reply is no completion{_what_else(content)}")
    if finish not in _ENDED and finish not in _CUT:
        return ServedText(error=f"the server broke the completion off (finish_reason {finish!r})")
    if not isinstance(text, str | None) or not isinstance(reasoning, str | None):
        return ServedText(error="the reply holds something other than text")
    is_cut = finish in _CUT
    whole = text or ""
    if api == "chat":
        whole = join_reasoning(reasoning or "", text or "", is_cut, opens_think)
    return ServedText(whole, token_ids if _are_ids(token_ids) else None, is_cut)


def _what_else(content: bytes) -> str:
    """What a reply is instead of a completion, as the end of a sentence; "" where nothing more can be said."""
    start = content.lstrip()[:16]
    if not start:
        return " but empty"
    if start.startswith(b"<"):
        return " but a web page; server.base_url may end in the wrong place"
    if start.startswith((b"data:", b"event:", b":")):
        return " but an event stream, which was not asked for"
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return ": its JSON is cut off or broken"
    return "" if isinstance(value, dict) and value.get("choices") else ": it holds no choices"


def join_reasoning(reasoning: str, content: str, is_cut: bool, opens_think: bool) -> str:
    """One text of what a chat server may give in two fields: control token, think block, visible answer.

    A server that takes the block out also takes its tags; then a block is open only where the limit cut the text
    before any answer. A control token that came first went into the reasoning with everything else; here it comes
    first again.
    """
    if not reasoning:
        return f"{THINK_START}\n{content}" if opens_think and not content.lstrip().startswith(THINK_START) else content
    control = CONTROL_TOKEN.match(reasoning.lstrip())
    if control is not None:
        reasoning = reasoning.lstrip()[control.end() :].lstrip("\n").removeprefix(THINK_START)
    else:
        control = CONTROL_TOKEN.match(content)
        content = content[control.end() :] if control is not None else content
    head = f"{control[0]}\n" if control is not None else ""
    block = f"{head}{THINK_START}\n{reasoning.strip(chr(10))}"
    if is_cut and not content:
        return block
    visible = content.lstrip("\n")
    return f"{block}\n{THINK_END}\n\n{visible}" if visible else f"{block}\n{THINK_END}"


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, int) and not isinstance(item, bool) for item in value)

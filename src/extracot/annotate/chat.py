"""Chat completions: the JSON of a request, and what a reply says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extracot.records.teacher_call import CallOutcome
from extracot.remote.endpoint import Delivery, Reply, count_in


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What one reply says."""

    outcome: CallOutcome
    """OK: there is text, which nobody has read yet."""
    text: str = ""
    error: str | None = None
    """One line; None when ok."""
    n_prompt_tokens: int | None = None
    n_completion_tokens: int | None = None


def read_completion(reply: Reply) -> ChatReply:
    """The text of a chat completion with its usage, or why there is none."""
    if reply.delivery is not Delivery.ANSWERED:
        return ChatReply(CallOutcome(reply.delivery), error=reply.error)
    try:
        value = json.loads(reply.content)
        choice = value["choices"][0]
        text = choice["message"]["content"]
        usage = value.get("usage")
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return ChatReply(CallOutcome.NO_COMPLETION, error=f"the reply is no chat completion: {reply.shown}")
    counts = usage if isinstance(usage, dict) else {}
    outcome, error = CallOutcome.OK, None
    if choice.get("finish_reason") == "length":
        outcome, error = CallOutcome.CUT_OFF, "the reply reached max_tokens; raise llm.max_tokens"
    elif not isinstance(text, str) or not text.strip():
        outcome, error = CallOutcome.EMPTY, "the reply is empty"
        text = ""
    return ChatReply(
        outcome,
        text=text if isinstance(text, str) else "",
        error=error,
        n_prompt_tokens=count_in(counts, "prompt_tokens"),
        n_completion_tokens=count_in(counts, "completion_tokens"),
    )


def request_body(
    model: str,
    messages: Sequence[Mapping[str, str]],
    *,
    max_tokens: int,
    temperature: float | None,
    schema: Mapping[str, Any] | None,
    extra: Mapping[str, Any],
) -> dict[str, Any]:
    """The JSON of a request; `extra` is laid over it; what is None then is left out."""
    body: dict[str, Any] = {
        "model": model,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": temperature,
    }
    if schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "keep", "strict": True, "schema": dict(schema)},
        }
    body.update(extra)
    return {key: value for key, value in body.items() if value is not None}

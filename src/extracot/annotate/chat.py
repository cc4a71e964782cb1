"""One request to an OpenAI-compatible chat endpoint, and what came of it. Retries and rates are the caller's.

The standard library's HTTP client, so that no extra has to be installed. Redirects are not followed: they would take
the key to another host. Not covered: streaming, and connections kept alive between requests.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from extracot.annotate.pacing import retry_after_s
from extracot.records.teacher_call import CallOutcome

_MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_SHOWN_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What one request came to."""

    outcome: CallOutcome
    """OK: there is text, which nobody has read yet."""
    latency_s: float
    text: str = ""
    error: str | None = None
    """One line, without the key; None when ok."""
    status: int | None = None
    n_prompt_tokens: int | None = None
    n_completion_tokens: int | None = None
    retry_after_s: float | None = None
    """What the server asked to wait."""


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """Where the model is, and the key."""

    url: str
    """Of the chat completions, whole."""
    api_key: str | None = field(repr=False)
    """None sends no Authorization header."""
    timeout_s: float
    """For the first byte, then for the whole reply, however slowly it trickles in."""

    def send(self, body: Mapping[str, Any]) -> ChatReply:
        """Post one request and wait for the reply. Never raises for what the other side does."""
        request = urllib.request.Request(
            self.url,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "extracot"},
        )
        if self.api_key is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self.api_key}")
        started_s = time.monotonic()
        try:
            with _opener().open(request, timeout=self.timeout_s) as response:
                content = _read(response, started_s + self.timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                content = _read_error(error)
            return ChatReply(
                CallOutcome.HTTP_ERROR,
                time.monotonic() - started_s,
                error=_one_line(f"HTTP {error.code}: {_error_message(self._redact(content)) or error.reason}"),
                status=error.code,
                retry_after_s=retry_after_s(error.headers),
            )
        except (OSError, http.client.HTTPException) as error:
            latency_s = time.monotonic() - started_s
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, TimeoutError):
                return ChatReply(CallOutcome.TIMEOUT, latency_s, error=f"no reply within {self.timeout_s:g} s")
            shown = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason)
            return ChatReply(CallOutcome.UNREACHABLE, latency_s, error=_one_line(shown))
        return self._completion(content, time.monotonic() - started_s)

    def _completion(self, content: bytes, latency_s: float) -> ChatReply:
        try:
            value = json.loads(content)
            choice = value["choices"][0]
            text = choice["message"]["content"]
            usage = value.get("usage")
        except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
            shown = self._redact(content).decode(errors="replace")[:_SHOWN_CHARS]
            return ChatReply(
                CallOutcome.NO_COMPLETION,
                latency_s,
                error=_one_line(f"the reply is no chat completion: {shown!r}"),
                status=200,
            )
        counts = usage if isinstance(usage, dict) else {}
        n_prompt, n_completion = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
        outcome, error = CallOutcome.OK, None
        if choice.get("finish_reason") == "length":
            outcome, error = CallOutcome.CUT_OFF, "the reply reached max_tokens; raise llm.max_tokens"
        elif not isinstance(text, str) or not text.strip():
            outcome, error = CallOutcome.EMPTY, "the reply is empty"
            text = ""
        return ChatReply(
            outcome,
            latency_s,
            text=text if isinstance(text, str) else "",
            error=error,
            status=200,
            n_prompt_tokens=n_prompt,
            n_completion_tokens=n_completion,
        )

    def _redact(self, content: bytes) -> bytes:
        """A body without the key, should the server repeat it."""
        return content.replace(self.api_key.encode(), b"***") if self.api_key else content


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """A redirect then surfaces as the HTTP error that it is."""


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirect)


def _read(response: http.client.HTTPResponse, deadline_s: float) -> bytes:
    """The whole body; a TimeoutError at the deadline even while bytes trickle in."""
    parts: list[bytes] = []
    n_bytes = 0
    while part := response.read1(65536):
        parts.append(part)
        n_bytes += len(part)
        if time.monotonic() > deadline_s:
            raise TimeoutError
        if n_bytes > _MAX_BODY_BYTES:
            raise http.client.HTTPException(f"the reply is longer than {_MAX_BODY_BYTES} bytes")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


def _read_error(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(65536)
    except (OSError, http.client.HTTPException):
        return b""


def _error_message(content: bytes) -> str:
    """What the body of an error says: OpenAI's `error.message`, FastAPI's `detail`, else its beginning."""
    text = content.decode(errors="replace")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return text[:_SHOWN_CHARS]
    if isinstance(value, dict):
        error = value.get("error", value.get("detail", value.get("message")))
        text = str(error.get("message", error) if isinstance(error, dict) else error or text)
    return text[:_SHOWN_CHARS]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _count(usage: Mapping[str, Any], key: str) -> int | None:
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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

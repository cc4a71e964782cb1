"""One request to an OpenAI-compatible server, and what came of it. Retries and rates are the caller's.

The standard library's HTTP client, so that no extra has to be installed. Redirects are not followed: they would take
the key to another host. Not covered: streaming, and connections kept alive between requests.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from extracot.remote.pacing import retry_after_s

_MAX_BODY_BYTES: Final = 16 * 1024 * 1024
SHOWN_CHARS: Final = 200
"""Of what a server says, in an error."""


class Delivery(StrEnum):
    """How far a request got."""

    ANSWERED = "answered"
    """Status 200 and a whole body, which nobody has read yet."""
    TIMEOUT = "timeout"
    """No whole reply in time."""
    UNREACHABLE = "unreachable"
    """No connection, or one that broke."""
    HTTP_ERROR = "http_error"
    """A status other than 200."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request came to."""

    delivery: Delivery
    latency_s: float
    """Seconds from request to reply, or to its failure."""
    content: bytes = b""
    """The body, without the key should the server repeat it; empty unless answered."""
    error: str | None = None
    """One line, without the key; None when answered."""
    status: int | None = None
    """HTTP status; None where no answer came."""
    retry_after_s: float | None = None
    """What the server asked to wait."""

    @property
    def shown(self) -> str:
        """The beginning of the body, for an error message."""
        return one_line(repr(self.content.decode(errors="replace")[:SHOWN_CHARS]))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, and the key."""

    url: str
    """Whole, as in `http://127.0.0.1:8000/v1/chat/completions`."""
    api_key: str | None = field(repr=False)
    """None sends no Authorization header."""
    timeout_s: float
    """For the first byte, then for the whole reply, however slowly it trickles in."""

    def send(self, body: Mapping[str, Any] | None) -> Reply:
        """Post a body, or get for None, and wait for the reply. Never raises for what the other side does."""
        request = urllib.request.Request(
            self.url,
            data=None if body is None else json.dumps(body).encode(),
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
            return Reply(
                Delivery.HTTP_ERROR,
                time.monotonic() - started_s,
                error=one_line(f"HTTP {error.code}: {_error_message(self._redact(content)) or error.reason}"),
                status=error.code,
                retry_after_s=retry_after_s(error.headers),
            )
        except (OSError, http.client.HTTPException) as error:
            latency_s = time.monotonic() - started_s
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, TimeoutError):
                return Reply(Delivery.TIMEOUT, latency_s, error=f"no reply within {self.timeout_s:g} s")
            if isinstance(reason, http.client.IncompleteRead):
                shown = "the connection broke in the middle of the reply"
                return Reply(Delivery.UNREACHABLE, latency_s, error=shown)
            shown = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason)
            return Reply(Delivery.UNREACHABLE, latency_s, error=one_line(shown))
        return Reply(Delivery.ANSWERED, time.monotonic() - started_s, content=self._redact(content), status=200)

    def _redact(self, content: bytes) -> bytes:
        return content.replace(self.api_key.encode(), b"***") if self.api_key else content


def one_line(text: str) -> str:
    """The text with every run of white space, line ends too, as one space."""
    return " ".join(text.split())


def count_in(usage: Mapping[str, Any], key: str) -> int | None:
    """A count that a server states; None where it is none."""
    value = usage.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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
        return text[:SHOWN_CHARS]
    if isinstance(value, dict):
        error = value.get("error", value.get("detail", value.get("message")))
        text = str(error.get("message", error) if isinstance(error, dict) else error or text)
    return text[:SHOWN_CHARS]

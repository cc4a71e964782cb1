"""What every stage that asks an OpenAI-compatible server can be told about it."""

import os
import re
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from extracot.errors import ConfigError

_VARIABLE_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_TOO_LATE: Final = ("/chat/completions", "/completions", "/models")


class EndpointConfig(BaseModel):
    """Where the server is, and how patiently it is asked. The values are ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    changes_no_record: ClassVar[frozenset[str]] = frozenset(
        (
            "base_url",
            "api_key_env",
            "requests_per_minute",
            "timeout_s",
            "max_attempts",
            "first_wait_s",
            "max_wait_s",
            "stop_after_failures",
            "concurrency",
        )
    )
    """Keys, also of subclasses, that say where and how patiently to ask, not what: see `StageConfig.free_on_resume`."""

    base_url: str
    """Of an OpenAI-compatible server, up to and without `/chat/completions`, as in `http://127.0.0.1:8000/v1`."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key, never the key; null sends none."""
    extra_body: dict[str, Any] = {}
    """Laid over every request; null takes a key out: `{max_tokens: null, max_completion_tokens: 4096}`. No keys."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Of all threads together, evenly spaced; null does not limit."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Of one request."""
    max_attempts: int = Field(default=5, ge=1)
    """Per request, the first included."""
    first_wait_s: float = Field(default=1.0, ge=0)
    """Longest wait behind a first failure, doubled behind each further one."""
    max_wait_s: float = Field(default=120.0, ge=0)
    """No wait is longer; a server that asks for more stops the run, which then can be resumed."""
    stop_after_failures: int = Field(default=20, ge=1)
    """Stop the run once so many things in a row failed for want of an answer from the server."""

    def find_fault(self, section: str) -> str | None:
        """What is wrong with the values together, or None. Repeats none of them: one may be a secret by mistake.

        Args:
            section: the key under which the config stands, for the message.
        """
        if self.api_key_env is not None and not _VARIABLE_NAME.fullmatch(self.api_key_env):
            return (
                f"{section}.api_key_env is the NAME of an environment variable, in capitals, as in OPENAI_API_KEY; "
                "put the key into that variable, not into the config"
            )
        url = urlsplit(self.base_url)
        if url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc or url.query or url.fragment:
            return (
                f"{section}.base_url must look like https://host/v1: http or https, without user, password or query; "
                f"a key goes into the variable that {section}.api_key_env names"
            )
        if url.path.rstrip("/").endswith(_TOO_LATE):
            return f"{section}.base_url ends too late: leave out /chat/completions, as in https://host/v1"
        return None

    def url_of(self, path: str) -> str:
        """The whole URL of a path such as "chat/completions"."""
        return f"{self.base_url.rstrip('/')}/{path}"

    def read_key(self, section: str) -> str | None:
        """The key, from the environment variable that the config names; None where it names none.

        Raises:
            ConfigError: the variable is not set, empty, or holds what no HTTP header can.
        """
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ConfigError(
                f"{section}.api_key_env names {self.api_key_env}, which is not set; export it, "
                f"or set {section}.api_key_env=null for a server without keys"
            )
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(f"the key in {self.api_key_env} has characters that no key has; export it again")
        return key

"""A server that many threads ask: whose turn it is, how long to wait, and when asking on is of no use."""

import random
import threading
from collections.abc import Mapping
from typing import Any, Final

from extracot.errors import StageError
from extracot.remote.config import EndpointConfig
from extracot.remote.endpoint import Endpoint, Reply
from extracot.remote.pacing import Pacer, backoff_s

_TRY_AGAIN: Final = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may pass; other ones would come again."""


class Service:
    """One endpoint with its key, rate and patience; its methods may be called from many threads."""

    def __init__(self, config: EndpointConfig, path: str, *, model: str, section: str, asked_for: str) -> None:
        """Read the key; nothing is sent.

        Args:
            config: the server.
            path: what to ask, below its base URL: "chat/completions".
            model: as the server calls it, for messages.
            section: the key under which the config stands, for messages.
            asked_for: what is asked for, in the plural, for messages: "completions".

        Raises:
            ConfigError: no key in the environment variable that the config names.
        """
        self.url = config.url_of(path)
        self._config = config
        self._endpoint = Endpoint(self.url, config.read_key(section), config.timeout_s)
        self._pacer = Pacer(config.requests_per_minute)
        self._model = model
        self._section = section
        self._asked_for = asked_for
        self._jitter = random.Random(0)  # spreads waits; results do not depend on it
        self._lock = threading.Lock()
        self._n_failed_in_a_row = 0

    def send(self, body: Mapping[str, Any]) -> Reply:
        """Post one request when it is this thread's turn.

        Raises:
            Stopped: `stop` was called.
        """
        self._pacer.wait_turn()
        return self._endpoint.send(body)

    def stop(self) -> None:
        """End every wait, now and from now on."""
        self._pacer.stop()

    def check(self, reply: Reply) -> None:
        """Stop the run where every other request would meet the same.

        Raises:
            StageError: the key or the model is refused, or the server asks for more patience than there is.
        """
        if reply.status in (401, 403):
            raise StageError(f"{self.url} refuses the key: {reply.error}; {self._key_hint}")
        if reply.status == 402:
            raise StageError(f"{self.url} wants to be paid: {reply.error}; top up the account, then --resume")
        if reply.status == 404:
            raise StageError(
                f"{self.url} is not there, or has no model {self._model}: {reply.error}; "
                f"correct {self._section}.base_url or {self._section}.model"
            )
        if reply.retry_after_s is not None and reply.retry_after_s > self._config.max_wait_s:
            raise StageError(
                f"{self.url} asks to wait {reply.retry_after_s:.0f} s, longer than {self._section}.max_wait_s: "
                f"{reply.error}; --resume then"
            )

    def count_answer(self) -> None:
        """The server answers."""
        with self._lock:
            self._n_failed_in_a_row = 0

    def count_failure(self, error: str | None) -> None:
        """One more thing failed for good for want of an answer.

        Raises:
            StageError: too many did, with no answer in between.
        """
        with self._lock:
            self._n_failed_in_a_row += 1
            n_failed = self._n_failed_in_a_row
        if n_failed >= self._config.stop_after_failures:
            raise StageError(
                f"{self.url} failed {n_failed} {self._asked_for} in a row, the last with: "
                f"{error}; see that the server answers, or correct {self._section}.base_url, then --resume"
            )

    def wait(self, reply: Reply, attempt: int) -> None:
        """Wait before the next attempt: what the server asks for, at least the back-off.

        Raises:
            Stopped: `stop` was called.
        """
        wait_s = backoff_s(attempt, self._config.first_wait_s, self._config.max_wait_s, self._jitter)
        if reply.retry_after_s is not None:
            self._pacer.pause(reply.retry_after_s)
            wait_s = max(wait_s, reply.retry_after_s)
        self._pacer.sleep(wait_s)

    @property
    def _key_hint(self) -> str:
        if self._config.api_key_env is not None:
            return f"put a valid one into {self._config.api_key_env}, then --resume"
        return f"name the variable that holds it with --set {self._section}.api_key_env=NAME"


def may_pass(reply: Reply) -> bool:
    """The same request may fare better another time: only a refusal for good says no."""
    return reply.status is None or reply.status == 200 or reply.status >= 500 or reply.status in _TRY_AGAIN

"""A backend that answers from a script: for tests, demos and dry runs, without a model."""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence

from extracot.errors import UsageError
from extracot.generate.backend import Generation, OnDone, OnFailed, Sampling


class ScriptedBackend:
    """Answers every prompt from a mapping or a function.

    A token is a word with the white space before it; its id is a checksum of it. An answer of more than
    `max_new_tokens` words is cut there and counts as truncated, as with a real model. Latency is 0.
    """

    def __init__(self, reply: Mapping[str, str] | Callable[[str], str]) -> None:
        self._reply = reply

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        on_done: OnDone | None = None,
        seeds: Sequence[int] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[Generation]:
        """See `Backend.generate`; temperature and seeds have no effect.

        Raises:
            UsageError: the mapping has no answer for a prompt.
        """
        generations = []
        for index, prompt in enumerate(prompts):
            generation = _generation(self._answer(prompt), sampling.max_new_tokens)
            generations.append(generation)
            if on_done is not None:
                on_done(index, generation)
        return generations

    def _answer(self, prompt: str) -> str:
        if callable(self._reply):
            return self._reply(prompt)
        if prompt not in self._reply:
            raise UsageError(f"the script has no answer for the prompt {prompt[:80]!r}; add one")
        return self._reply[prompt]


def _generation(text: str, max_new_tokens: int) -> Generation:
    words = re.findall(r"\s*\S+|\s+$", text)
    kept = words[:max_new_tokens]
    return Generation(
        text="".join(kept),
        token_ids=[zlib.crc32(word.encode()) for word in kept],
        is_truncated=len(kept) < len(words),
        latency_s=0.0,
    )

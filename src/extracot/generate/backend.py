"""What every source of completions offers: prompts in, completions out, in order.

A backend takes prompts that were rendered for it (`factory.render_prompt`), so it knows nothing of control tokens or
problems.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from extracot.errors import UsageError

OnDone = Callable[[int, "Generation"], None]
"""Called with a prompt's index and its completion as soon as it is there, in any order, by the calling thread."""

OnFailed = Callable[[int, "FailedRequest"], None]
"""Called with a prompt's index and what became of it instead of a completion, likewise."""


class Sampling(BaseModel):
    """How to draw completions. Nothing else decides: a model's own generation config is not read for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    max_new_tokens: int = Field(default=4096, ge=1)
    """Completions are cut here, and then count as truncated."""
    temperature: float = Field(default=0.7, ge=0)
    """0 is greedy: `top_p` and `seed` have no effect."""
    top_p: float = Field(default=0.9, gt=0, le=1)
    """Draw from the smallest set of tokens whose probabilities add up to this; 1 is all of them."""
    seed: int = Field(default=0, ge=0)
    """Decides every draw, together with the prompt's text; see `request_seeds`."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One completion."""

    text: str
    """Without the end-of-sequence token; control tokens and think tags are kept."""
    token_ids: list[int]
    """Everything generated, the end-of-sequence token included where there is one; for a server that tells no ids, the
    text's in the local tokenizer, plus one for the end (`factory.tokens_counted_by`)."""
    is_truncated: bool
    """The token limit came before an end-of-sequence token."""
    latency_s: float
    """Seconds from the start of its batch to its last token; alone in its batch, or behind a server, a request's own
    latency."""


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """Why there is no completion."""

    error: str
    """One line."""
    is_refusal: bool
    """The server would refuse this prompt again; else it did not answer usefully and may do so another time."""


class Backend(Protocol):
    """Anything that can complete prompts."""

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        on_done: OnDone | None = None,
        seeds: Sequence[int] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[Generation]:
        """One completion per prompt, in the order of the prompts.

        Args:
            prompts: rendered; repeat a prompt for several samples of it.
            sampling: the same for all of them.
            on_done: told of every completion as soon as it is there.
            seeds: one per prompt; default `request_seeds(prompts, sampling.seed)`.
            on_failed: told of every prompt that comes to nothing, which the list then leaves out; models in this
                process have no such prompts.

        Raises:
            StageError: a prompt that comes to nothing, without `on_failed`; a server that no prompt can be sent to.
        """
        ...


def request_seeds(prompts: Sequence[str], seed: int) -> list[int]:
    """A seed for each prompt that depends on its text and on how often it came before, never on its place."""
    n_seen: Counter[str] = Counter()
    seeds = []
    for prompt in prompts:
        seeds.append(request_seed(prompt, seed, sample=n_seen[prompt]))
        n_seen[prompt] += 1
    return seeds


def seed_per_prompt(prompts: Sequence[str], seed: int, given: Sequence[int] | None) -> list[int]:
    """The given seeds, or `request_seeds` where none are.

    Raises:
        UsageError: not one seed per prompt.
    """
    seeds = request_seeds(prompts, seed) if given is None else list(given)
    if len(seeds) != len(prompts):
        raise UsageError(f"{len(prompts)} prompts came with {len(seeds)} seeds; give one each")
    return seeds


def request_seed(prompt: str, seed: int, sample: int) -> int:
    """The seed of one sample of one prompt, in [0, 2^63): stable across machines, batches and resumes."""
    digest = hashlib.sha256(f"{seed}\x1f{sample}\x1f{prompt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

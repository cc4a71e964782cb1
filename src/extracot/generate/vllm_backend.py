"""The backend for vLLM in this process: an optional extra.

Prompts go in as token ids, made here, so nothing is put around them. The engine is fed and stepped here instead of
through `LLM.generate`: completions are handed over as they end, and no more than `n_at_once` are begun before.

Source: vLLM 0.31. Not covered: several models one after the other in one process, which leaves it to vLLM to give the
memory back.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from extracot.errors import MissingExtraError, ModelError
from extracot.generate.backend import Generation, OnDone, OnFailed, Sampling, seed_per_prompt
from extracot.generate.tokens import StopTokens, check_lengths, completion_text
from extracot.io.extras import install_hint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class VllmBackend:
    """Completes prompts with a vLLM engine."""

    def __init__(
        self,
        model: str,
        tokenizer: "PreTrainedTokenizerBase",
        tokens: StopTokens,
        n_at_once: int,
        arguments: Mapping[str, Any],
    ) -> None:
        """Load the model.

        Args:
            model: a folder or a hub name.
            tokenizer: of that model.
            tokens: of that model.
            n_at_once: most prompts that are begun and not yet done.
            arguments: of `vllm.LLM`.

        Raises:
            MissingExtraError: vLLM is not installed.
            ModelError: vLLM cannot load the model.
        """
        try:
            from vllm import LLM
        except ImportError as error:
            raise MissingExtraError(
                f"backend vllm needs vLLM ({error}): {install_hint('vllm')}; "
                "or ask a running server with backend=openai"
            ) from error
        self._tokenizer = tokenizer
        self._hidden_ids = tokens.hidden_ids
        self._n_at_once = n_at_once
        try:
            self._engine = LLM(model=model, tokenizer=model, **arguments).llm_engine
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"vLLM cannot load {model}: {' '.join(str(error).split())}") from error
        self._n_asked = 0

    def generate(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        on_done: OnDone | None = None,
        seeds: Sequence[int] | None = None,
        on_failed: OnFailed | None = None,
    ) -> list[Generation]:
        """See `Backend.generate`. A latency is from a prompt's hand-over to the engine to its last token.

        Raises:
            UsageError: an empty prompt, a wrong number of seeds, or more tokens than the model has positions.
        """
        row_seeds = seed_per_prompt(prompts, sampling.seed, seeds)
        prompt_ids = [self._tokenizer.encode(prompt, add_special_tokens=False) for prompt in prompts]
        n_positions = self._engine.model_config.max_model_len
        check_lengths(prompt_ids, sampling.max_new_tokens, n_positions, ", or raise vllm.max_model_len")
        started_s: dict[str, float] = {}
        places: dict[str, int] = {}
        done: dict[int, Generation] = {}
        n_begun = 0
        while len(done) < len(prompts):
            while n_begun < len(prompts) and n_begun - len(done) < self._n_at_once:
                name = str(self._n_asked)  # the engine wants a name that it has never had
                self._n_asked += 1
                places[name], started_s[name] = n_begun, time.perf_counter()
                parameters = sampling_arguments(sampling, row_seeds[n_begun])
                self._add(name, prompt_ids[n_begun], parameters)
                n_begun += 1
            for output in self._engine.step():
                if output.finished:
                    index = places[output.request_id]
                    latency_s = time.perf_counter() - started_s[output.request_id]
                    done[index] = self._generation(output.outputs[0], latency_s)
                    if on_done is not None:
                        on_done(index, done[index])
        return [done[index] for index in range(len(prompts))]

    def _generation(self, output: Any, latency_s: float) -> Generation:
        # Not `output.text`, which loses half a character at a cut.
        text = completion_text(self._tokenizer, list(output.token_ids), self._hidden_ids)
        return Generation(text, list(output.token_ids), output.finish_reason == "length", latency_s)

    def _add(self, name: str, prompt_ids: Sequence[int], parameters: Mapping[str, Any]) -> None:
        from vllm import SamplingParams

        self._engine.add_request(name, {"prompt_token_ids": list(prompt_ids)}, SamplingParams(**parameters))


def sampling_arguments(sampling: Sampling, seed: int) -> dict[str, Any]:
    """The arguments of vLLM's `SamplingParams`; whatever a model's generation config would fill in is said."""
    return {
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": seed if sampling.temperature > 0 else None,
        "skip_special_tokens": False,
        "spaces_between_special_tokens": False,
    }

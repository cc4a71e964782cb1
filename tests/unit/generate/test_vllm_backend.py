"""The vLLM backend; most of it runs only where vLLM is installed, in an environment of its own (CONTRIBUTING.md)."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extracot.errors import MissingExtraError, UsageError
from extracot.generate.backend import Sampling
from extracot.generate.tokens import StopTokens, stop_tokens_of
from extracot.generate.vllm_backend import VllmBackend, sampling_arguments

HAS_VLLM = importlib.util.find_spec("vllm") is not None
PROMPTS = ["Gus has 4 shells.", "How many shells does Ola have?", "First"]

needs_vllm = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_VLLM, reason="needs vLLM in this environment: pip install '.[vllm]'"),
    pytest.mark.filterwarnings("default"),
]


def test_without_vllm_the_error_names_the_extra(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoTokenizer

    monkeypatch.setitem(sys.modules, "vllm", None)  # importing it then raises ImportError
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[vllm\]' in a checkout"):
        VllmBackend(str(tiny_model_dir), AutoTokenizer.from_pretrained(tiny_model_dir), StopTokens((), None), 4, {})


def test_greedy_sends_no_seed_and_sampling_says_everything_a_model_could_fill_in() -> None:
    greedy = sampling_arguments(Sampling(max_new_tokens=5, temperature=0, top_p=0.9), seed=3)
    assert (greedy["temperature"], greedy["top_p"], greedy["seed"]) == (0, 1.0, None)
    drawn = sampling_arguments(Sampling(max_new_tokens=5, temperature=0.7, top_p=0.9), seed=3)
    assert (drawn["temperature"], drawn["top_p"], drawn["seed"], drawn["max_tokens"]) == (0.7, 0.9, 3, 5)
    assert (drawn["top_k"], drawn["min_p"], drawn["repetition_penalty"]) == (-1, 0.0, 1.0)


@pytest.fixture(scope="module")
def backend(tiny_model_dir: Path) -> Iterator[VllmBackend]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    arguments = {"dtype": "float32", "max_model_len": 256, "enforce_eager": True}
    tokens = stop_tokens_of(str(tiny_model_dir), tokenizer)
    yield VllmBackend(str(tiny_model_dir), tokenizer, tokens, 16, arguments)


class TestWithVllm:
    pytestmark = needs_vllm

    def test_greedy_texts_and_ids_are_those_of_the_transformers_backend(
        self, backend: VllmBackend, tiny_model_dir: Path
    ) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from extracot.generate.transformers_backend import TransformersBackend

        tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
        reference = TransformersBackend(AutoModelForCausalLM.from_pretrained(tiny_model_dir), tokenizer)
        greedy = Sampling(max_new_tokens=24, temperature=0)
        for ours, theirs in zip(
            backend.generate(PROMPTS, greedy), reference.generate(PROMPTS, greedy), strict=True
        ):
            assert (ours.text, ours.token_ids, ours.is_truncated) == (
                theirs.text, theirs.token_ids, theirs.is_truncated,
            )  # fmt: skip
            assert ours.latency_s > 0

    def test_samples_of_one_prompt_differ_and_come_again_with_the_same_seed(self, backend: VllmBackend) -> None:
        told: list[int] = []
        sampling = Sampling(max_new_tokens=16, temperature=1.0, top_p=1.0, seed=1)
        first = backend.generate(["First"] * 4, sampling, on_done=lambda index, _: told.append(index))
        assert sorted(told) == [0, 1, 2, 3]
        assert len({tuple(generation.token_ids) for generation in first}) == 4
        again = backend.generate(["First"] * 4, sampling)
        assert [one.token_ids for one in again] == [one.token_ids for one in first]

    def test_a_completion_that_ends_counts_its_end_and_does_not_show_it(
        self, backend: VllmBackend, tiny_model_dir: Path
    ) -> None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
        sampling = Sampling(max_new_tokens=60, temperature=1.5, top_p=1.0, seed=1)
        done = backend.generate(["First"] * 48, sampling)
        ended = [generation for generation in done if not generation.is_truncated]
        assert ended and len(ended) < len(done)
        assert all(generation.token_ids[-1] == tokenizer.eos_token_id for generation in ended)
        assert not any(tokenizer.eos_token in generation.text for generation in done)
        assert all(len(generation.token_ids) == 60 for generation in done if generation.is_truncated)

    def test_what_does_not_fit_is_an_error_before_anything_is_generated(self, backend: VllmBackend) -> None:
        with pytest.raises(UsageError, match="lower max_new_tokens to"):
            backend.generate(PROMPTS, Sampling(max_new_tokens=256))
        with pytest.raises(UsageError, match="has no tokens"):
            backend.generate([""], Sampling(max_new_tokens=2))

"""Decoding and the transformers backend, on a tiny random model."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from extracot.errors import UsageError
from extracot.generate.backend import Sampling
from extracot.generate.decoding import BlockCacheLayer, decode_batch, draw_tokens
from extracot.generate.transformers_backend import TransformersBackend

PROMPTS = [
    "Gus has 4 shells.",
    "How many shells does Ola have?",
    "Compared to Gus, Ola has 5 more shells. How many shells does Ola have, and why?",
    "First",
    "The answer is",
]
GREEDY = Sampling(max_new_tokens=70, temperature=0)  # more than one block of the cache
SAMPLED = Sampling(max_new_tokens=40, temperature=1.0, top_p=0.9, seed=3)


@pytest.fixture
def tokenizer(tiny_tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    return tiny_tokenizer


@pytest.fixture
def model(
    make_tiny_model: Callable[..., Qwen3ForCausalLM], tokenizer: PreTrainedTokenizerFast
) -> Qwen3ForCausalLM:
    return make_tiny_model(tokenizer)


def texts(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: list[str],
    sampling: Sampling,
    batch_size: int,
) -> list[str]:
    generations = TransformersBackend(model, tokenizer, batch_size).generate(prompts, sampling)
    return [generation.text for generation in generations]


def test_greedy_decoding_is_that_of_transformers(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    stop_id = tokenizer.eos_token_id
    assert isinstance(stop_id, int)
    for prompt in PROMPTS[:2]:
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        expected = model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=70, do_sample=False
        )[0, len(ids) :].tolist()
        [row] = decode_batch(model, [ids], GREEDY, [0], [stop_id], pad_id=0)
        assert row.token_ids == expected


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_padding_and_batch_order_do_not_change_completions(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, sampling: Sampling
) -> None:
    alone = texts(model, tokenizer, PROMPTS, sampling, batch_size=1)
    assert texts(model, tokenizer, PROMPTS, sampling, batch_size=2) == alone
    assert texts(model, tokenizer, PROMPTS[::-1], sampling, batch_size=5) == alone[::-1]


def test_rows_that_end_leave_without_disturbing_the_others(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    ids = [tokenizer.encode(prompt, add_special_tokens=False) for prompt in PROMPTS]
    free = decode_batch(model, ids, GREEDY, [0] * 5, stop_ids=[], pad_id=0)
    # Stopping at a token that some rows reach early must cut those rows there and leave the rest alone.
    for stop_id in {free[0].token_ids[0], free[1].token_ids[10], free[2].token_ids[30]}:
        stopped = decode_batch(model, ids, GREEDY, [0] * 5, stop_ids=[stop_id], pad_id=0)
        for before, after in zip(free, stopped, strict=True):
            has_stop = stop_id in before.token_ids
            end = before.token_ids.index(stop_id) + 1 if has_stop else len(before.token_ids)
            assert after.token_ids == before.token_ids[:end]
            assert after.is_truncated is not has_stop


def test_samples_of_one_prompt_differ_and_come_again_with_the_same_seed(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    first = texts(model, tokenizer, ["First"] * 4, SAMPLED, batch_size=4)
    assert len(set(first)) == 4
    assert texts(model, tokenizer, ["First"] * 4, SAMPLED, batch_size=3) == first
    other = texts(model, tokenizer, ["First"], SAMPLED.model_copy(update={"seed": 4}), batch_size=1)
    assert other[0] not in first


def test_decoding_leaves_the_global_random_state_and_the_training_mode_alone(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    before = torch.get_rng_state()
    model.train()
    texts(model, tokenizer, PROMPTS[:2], SAMPLED, batch_size=2)
    assert model.training
    model.eval()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_completion_keeps_its_tags_and_hides_its_end(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    think_id = tokenizer.convert_tokens_to_ids("<think>")
    stop_id = tokenizer.eos_token_id
    # A model that says <think> after any token, and ends after <think>: logits from a table of next tokens.
    next_ids = torch.full((len(tokenizer),), think_id)
    next_ids[think_id] = stop_id
    model.forward = _table_forward(model.forward, next_ids, len(tokenizer))  # type: ignore[method-assign]
    [generation] = TransformersBackend(model, tokenizer).generate(["Gus"], GREEDY)
    assert generation.text == "<think>"
    assert generation.token_ids == [think_id, stop_id]
    assert not generation.is_truncated
    assert generation.latency_s > 0


def _table_forward(forward, next_ids, n_vocabulary):  # type: ignore[no-untyped-def]
    def table_forward(input_ids, **kwargs):  # type: ignore[no-untyped-def]
        output = forward(input_ids=input_ids, **kwargs)
        output.logits = torch.nn.functional.one_hot(next_ids[input_ids[:, -1:]], n_vocabulary).float()
        return output

    return table_forward


def test_what_does_not_fit_the_model_is_an_error_before_anything_is_decoded(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    told: list[int] = []
    with pytest.raises(UsageError, match="512 positions; lower max_new_tokens to"):
        TransformersBackend(model, tokenizer, batch_size=1).generate(
            PROMPTS, Sampling(max_new_tokens=510), on_done=lambda index, _: told.append(index)
        )
    assert not told


def test_empty_prompts_and_missing_seeds_are_errors(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    backend = TransformersBackend(model, tokenizer)
    with pytest.raises(UsageError, match="has no tokens"):
        backend.generate([""], GREEDY)
    with pytest.raises(UsageError, match="2 prompts came with 1 seeds"):
        backend.generate(["a", "b"], GREEDY, seeds=[1])
    assert backend.generate([], GREEDY) == []


def test_drawing_inverts_the_cumulative_distribution() -> None:
    # Probabilities .1 .6 .3: cumulative .1 .7 1.
    logits = torch.tensor([[0.1, 0.6, 0.3]]).log().repeat(5, 1)
    uniform = torch.tensor([0.0, 0.09, 0.11, 0.69, 0.999999999])
    assert draw_tokens(logits, 1.0, 1.0, uniform).tolist() == [0, 0, 1, 1, 2]
    # top_p .8 keeps .6 and .3, which rescales the cumulative to 0, .667, 1.
    assert draw_tokens(logits, 1.0, 0.8, uniform).tolist() == [1, 1, 1, 2, 2]
    # A tiny top_p keeps the most likely token alone.
    assert draw_tokens(logits, 1.0, 1e-6, uniform).tolist() == [1] * 5


def test_a_token_without_probability_is_never_drawn() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]]).repeat(3, 1)
    assert draw_tokens(logits, 1.0, 1.0, torch.tensor([0.0, 0.5, 1 - 2**-24])).tolist() == [1, 3, 3]


def test_a_low_temperature_draws_the_most_likely_token() -> None:
    logits = torch.tensor([[1.0, 1.2, 0.8]])
    assert draw_tokens(logits, 0.01, 1.0, torch.tensor([0.5])).tolist() == [1]


def test_a_cache_layer_returns_all_states_in_order_across_blocks() -> None:
    layer = BlockCacheLayer()
    states = torch.arange(2 * 200.0).reshape(2, 1, 200, 1)
    ends = [0, 70, 71, 72, 140, 200]
    for start, end in pairwise(ends):
        keys, values = layer.update(states[:, :, start:end], -states[:, :, start:end])
        assert torch.equal(keys, states[:, :, :end])
        assert torch.equal(values, -states[:, :, :end])
    layer.batch_select_indices(torch.tensor([1]))
    keys, _ = layer.update(states[1:, :, :1], states[1:, :, :1])
    assert keys.shape == (1, 1, 201, 1)
    assert torch.equal(keys[:, :, :200], states[1:])

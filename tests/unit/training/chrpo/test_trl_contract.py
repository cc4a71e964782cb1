"""What we rely on inside TRL. When one of these fails after an upgrade, read `trainer.py` beside TRL's
changes."""

import inspect

import pytest

trl = pytest.importorskip("trl")


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def source(name: str) -> str:
    return inspect.getsource(getattr(trl.GRPOTrainer, name))


def test_the_version_is_the_one_we_read() -> None:
    assert trl.__version__.startswith("1.16."), "TRL changed: check every hook, then widen the pin"


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (
            "_generate_single_turn",
            ["self", "prompt_ids", "images", "multimodal_fields", "num_generations", "has_tool_images"],
        ),
        ("_calculate_rewards", ["self", "inputs", "prompts", "completions", "completion_ids_list"]),
        ("_generate_and_score_completions", ["self", "inputs"]),
        ("_compute_loss", ["self", "model", "inputs"]),
    ],
)
def test_the_hooks_that_are_overridden_keep_their_signatures(hook: str, expected: list[str]) -> None:
    assert parameters(getattr(trl.GRPOTrainer, hook)) == expected


def test_the_log_probabilities_come_first_and_only_for_the_completion() -> None:
    text = source("_get_per_token_logps_and_entropies")
    assert "return logps, entropies, aux_loss" in text
    assert "[:, -logits_to_keep:]" in text


def test_the_loss_masks_by_tool_mask_and_computes_log_probabilities_once() -> None:
    text = source("_compute_loss")
    assert 'completion_mask * inputs["tool_mask"]' in text
    assert text.count("self._get_per_token_logps_and_entropies(") == 1
    assert 'inputs.get("old_per_token_logps")' in text
    assert "self.current_gradient_accumulation_steps" in text


def test_rewards_are_gathered_over_processes_before_the_advantages() -> None:
    assert "rewards_per_func = gather(rewards_per_func)" in source("_calculate_rewards")


def test_all_reward_functions_get_the_same_list_of_ids() -> None:
    assert source("_calculate_rewards").count("completion_ids=completion_ids_list") == 2  # sync and async


def test_extra_keys_of_the_batch_are_shuffled_and_split_with_it() -> None:
    text = source("_prepare_inputs")
    assert "shuffle_sequence_dict(generation_batch)" in text
    assert "split_tensor_dict(generation_batch" in text


def test_generation_takes_ids_and_returns_ids_and_probabilities() -> None:
    assert "return completion_ids, logprobs" in source("_generate_single_turn")


def test_prompts_are_tokenised_as_they_are() -> None:
    assert 'self.processing_class(text=prompts)["input_ids"]' in source("_tokenize_prompts")

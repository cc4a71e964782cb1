import pytest
from transformers import PreTrainedTokenizerFast

from extracot.models.prompts import PromptFormat, count_tokens
from extracot.text.control import POLICY_TOKEN
from extracot.text.think import render_response

QUESTION = "How many shells does Ola have?"
FULL = PromptFormat(system="You think.", instruction="Put the answer into a box.")


def test_the_control_token_ends_the_user_turn(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    assert FULL.render(tiny_tokenizer, QUESTION, "<COMP_20>") == (
        "<|im_start|>system\nYou think.<|im_end|>\n"
        "<|im_start|>user\nPut the answer into a box.\nHow many shells does Ola have? <COMP_20><|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_the_default_format_is_the_question_alone(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = PromptFormat().render(tiny_tokenizer, QUESTION, None)
    assert prompt == f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"


def test_without_a_chat_template_a_prompt_is_plain_lines(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    tiny_tokenizer.chat_template = None
    assert PromptFormat().render(tiny_tokenizer, QUESTION, None) == f"{QUESTION}\n"
    assert FULL.render(tiny_tokenizer, QUESTION, "<COMP_20>") == (
        f"You think.\nPut the answer into a box.\n{QUESTION} <COMP_20>\n"
    )


def test_with_a_control_token_the_response_opens_the_think_block(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    template = str(tiny_tokenizer.chat_template)
    tiny_tokenizer.chat_template = template.replace("assistant\n", "assistant\n<think>\n")
    asked = PromptFormat().render(tiny_tokenizer, QUESTION, "<COMP_20>")
    assert asked.endswith("<|im_start|>assistant\n")
    assert PromptFormat().render(tiny_tokenizer, QUESTION, None).endswith("<|im_start|>assistant\n<think>\n")


@pytest.mark.parametrize("has_template", [True, False])
@pytest.mark.parametrize("control", [None, "<COMP_20>", POLICY_TOKEN])
def test_a_prompt_is_a_token_prefix_of_prompt_and_completion(
    tiny_tokenizer: PreTrainedTokenizerFast, has_template: bool, control: str | None
) -> None:
    if not has_template:
        tiny_tokenizer.chat_template = None
    tiny_tokenizer.add_tokens(["<COMP_20>", POLICY_TOKEN])
    prompt = FULL.render(tiny_tokenizer, QUESTION, control)
    completion = render_response(control and "<COMP_20>", "Gus has 4.", "\n\nThe answer is \\boxed{9}.")
    prompt_ids = tiny_tokenizer.encode(prompt, add_special_tokens=False)
    both_ids = tiny_tokenizer.encode(prompt + completion, add_special_tokens=False)
    assert both_ids[: len(prompt_ids)] == prompt_ids
    if control is not None:
        assert both_ids[len(prompt_ids)] == tiny_tokenizer.convert_tokens_to_ids("<COMP_20>")


def test_counting_adds_nothing_to_the_text(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    assert count_tokens(tiny_tokenizer, "") == 0
    assert count_tokens(tiny_tokenizer, "<think></think>") == 2

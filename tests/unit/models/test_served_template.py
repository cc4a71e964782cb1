"""The budget knob in chat templates of every style: what a server renders is what was trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import pytest
from transformers import PreTrainedTokenizerFast
from transformers.utils.chat_template_utils import _compile_jinja_template

from extracot.errors import ModelError
from extracot.models.chat_template import PLAIN_TEMPLATE, default_efforts, has_knob, with_knob, without_knob
from extracot.models.knob import Knob
from extracot.models.prepare import add_control_tokens
from extracot.models.prompts import PromptFormat
from extracot.models.served_template import check_served_prompts, install_knob, leave_own_effort
from extracot.text.control import POLICY_TOKEN, control_tokens
from extracot.text.think import render_response

# In the styles that models come with, each with the traps of its style and nothing else; "base" has none.
TEMPLATES = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "templates").glob("*.jinja"))}
STYLES: dict[str, str | None] = {**TEMPLATES, "base": None}
GRID = (0.2, 0.6, 1.0)
PLAIN = Knob(grid=GRID, prompt_format=PromptFormat(), base_model="tiny")
FULL = Knob(grid=GRID, prompt_format=PromptFormat(system="You think.", instruction="Box it."), base_model="tiny")
QUESTION = "How many shells does Ola have?"
ASKED = [{"role": "user", "content": QUESTION}]
DIALOGUE = [
    {"role": "user", "content": "How many?"},
    {"role": "assistant", "content": "<COMP_20>\n<think>\nGus has 4.\n</think>\n\nFour."},
    {"role": "user", "content": QUESTION},
]
BUDGETS = {20: "<COMP_20>", "60": "<COMP_60>", 100: "<COMP_100>", "policy": POLICY_TOKEN}


@pytest.fixture(params=list(STYLES))
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tokenizer(
    style: str, tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> PreTrainedTokenizerFast:
    """With control tokens and the template of a style; the one of Llama 3 also begins every text."""
    return dressed(tiny_tokenizer, STYLES[style], make_tiny_model)


def dressed(
    tokenizer: PreTrainedTokenizerFast, template: str | None, make_tiny_model: Callable[..., Any]
) -> PreTrainedTokenizerFast:
    tokenizer.chat_template = template
    tokenizer.add_special_tokens({"bos_token": "<|begin|>"})
    tokenizer.add_tokens(["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], special_tokens=True)
    add_control_tokens(make_tiny_model(tokenizer), tokenizer, GRID, seed=0)
    return tokenizer


def render(tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, Any]], **variables: Any) -> str:
    variables = {"add_generation_prompt": True, **variables}
    return str(tokenizer.apply_chat_template(messages, tokenize=False, **variables))


@pytest.mark.parametrize("knob", [PLAIN, FULL], ids=["bare", "system and instruction"])
@pytest.mark.parametrize("comp_ratio", BUDGETS)
def test_the_variable_renders_what_training_writes(
    tokenizer: PreTrainedTokenizerFast, comp_ratio: int | str, knob: Knob
) -> None:
    trained = knob.prompt_format.render(tokenizer, QUESTION, BUDGETS[comp_ratio])
    install_knob(tokenizer, knob)
    assert render(tokenizer, ASKED, comp_ratio=comp_ratio) == trained
    # Training renders with the knob in the template, too, and nothing changes for it.
    assert knob.prompt_format.render(tokenizer, QUESTION, BUDGETS[comp_ratio]) == trained
    assert f"{QUESTION} {BUDGETS[comp_ratio]}" in trained


@pytest.mark.parametrize("comp_ratio", BUDGETS)
def test_the_control_token_is_the_last_of_the_user_turn_and_the_first_of_the_completion(
    tokenizer: PreTrainedTokenizerFast, comp_ratio: int | str
) -> None:
    install_knob(tokenizer, PLAIN)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in control_tokens(GRID)}
    prompt = render(tokenizer, ASKED, comp_ratio=comp_ratio)
    prompt_ids = tokenizer.encode(prompt, add_special_tokens=False)
    completion = render_response("<COMP_60>", "Gus has 4.", "\n\nThe answer is \\boxed{9}.")
    all_ids = tokenizer.encode(prompt + completion, add_special_tokens=False)
    assert all_ids[: len(prompt_ids)] == prompt_ids
    assert all_ids[len(prompt_ids)] == ids["<COMP_60>"]
    assert [id_ for id_ in prompt_ids if id_ in ids.values()] == [ids[BUDGETS[comp_ratio]]]
    after = tokenizer.decode(prompt_ids[prompt_ids.index(ids[BUDGETS[comp_ratio]]) + 1 :])
    assert "think" not in after and not any(word in after for word in QUESTION.split())


@pytest.mark.parametrize("add_generation_prompt", [True, False])
@pytest.mark.parametrize("messages", [ASKED, DIALOGUE, [{"role": "system", "content": "Be kind."}, *DIALOGUE]])
def test_without_a_budget_the_template_is_what_it_was(
    tokenizer: PreTrainedTokenizerFast, messages: list[dict[str, Any]], add_generation_prompt: bool
) -> None:
    own = tokenizer.chat_template or PLAIN_TEMPLATE
    before = render(tokenizer, messages, chat_template=own, add_generation_prompt=add_generation_prompt)
    install_knob(tokenizer, FULL)
    asked = {"comp_ratio": "none", "add_generation_prompt": add_generation_prompt}
    assert render(tokenizer, messages, **asked) == before
    install_knob(tokenizer, FULL.model_copy(update={"default_budget": "none"}))
    assert render(tokenizer, messages, add_generation_prompt=add_generation_prompt) == before


def test_a_request_that_names_nothing_gets_the_default(tokenizer: PreTrainedTokenizerFast) -> None:
    install_knob(tokenizer, PLAIN)
    assert f"{QUESTION} {POLICY_TOKEN}" in render(tokenizer, ASKED)
    assert render(tokenizer, ASKED, comp_ratio=None, reasoning_effort=None) == render(tokenizer, ASKED)
    install_knob(tokenizer, PLAIN.model_copy(update={"default_budget": 0.6}))
    assert f"{QUESTION} <COMP_60>" in render(tokenizer, ASKED)


@pytest.mark.parametrize(
    ("effort", "token"),
    [
        ("low", "<COMP_20>"),
        ("medium", "<COMP_60>"),
        ("high", "<COMP_100>"),
        ("auto", POLICY_TOKEN),
        ("policy", POLICY_TOKEN),
    ],
)
def test_reasoning_effort_is_another_name_for_the_budget(
    tokenizer: PreTrainedTokenizerFast, effort: str, token: str
) -> None:
    install_knob(tokenizer, PLAIN)
    assert f"{QUESTION} {token}" in render(tokenizer, ASKED, reasoning_effort=effort)
    # The ratio is the more exact of the two, and some servers send an effort that nobody asked for.
    assert f"{QUESTION} <COMP_100>" in render(tokenizer, ASKED, reasoning_effort=effort, comp_ratio=100)


def test_efforts_can_be_named_otherwise(tokenizer: PreTrainedTokenizerFast) -> None:
    install_knob(tokenizer, PLAIN.model_copy(update={"efforts": {"tiny": 0.2}}))
    assert f"{QUESTION} <COMP_20>" in render(tokenizer, ASKED, reasoning_effort="tiny")
    with pytest.raises(jinja2.TemplateError, match="reasoning_effort is low; use one of: tiny"):
        render(tokenizer, ASKED, reasoning_effort="low")


def test_a_template_with_an_effort_of_its_own_keeps_it(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> None:
    own = "{{ '[' ~ (reasoning_effort or 'usual') ~ ']' }}" + TEMPLATES["qwen2.5"]
    tokenizer = dressed(tiny_tokenizer, own, make_tiny_model)
    before = render(tokenizer, ASKED, reasoning_effort="extreme")
    knob = leave_own_effort(tokenizer, PLAIN)
    install_knob(tokenizer, knob)
    assert before.startswith("[extreme]")
    assert render(tokenizer, ASKED, reasoning_effort="extreme", comp_ratio="none") == before
    assert f"{QUESTION} <COMP_20>" in render(tokenizer, ASKED, reasoning_effort="extreme", comp_ratio=20)
    assert f"{QUESTION} {POLICY_TOKEN}" in render(tokenizer, ASKED, reasoning_effort="low")
    # Who says what it means gets both, and a template without one is no reason to change the knob.
    told = PLAIN.model_copy(update={"efforts": {"low": 0.2}})
    assert leave_own_effort(tokenizer, told) == told
    tokenizer.chat_template = TEMPLATES["qwen3"]
    assert leave_own_effort(tokenizer, PLAIN) == PLAIN


@pytest.mark.parametrize("comp_ratio", [40, 0.2, "<COMP_20>", True, [20], "", "Policy"])
def test_a_budget_that_there_is_not_is_an_error_that_lists_those_that_there_are(
    tokenizer: PreTrainedTokenizerFast, comp_ratio: Any
) -> None:
    install_knob(tokenizer, PLAIN)
    with pytest.raises(jinja2.TemplateError, match="comp_ratio is .*; use one of: 20, 60, 100, policy, none"):
        render(tokenizer, ASKED, comp_ratio=comp_ratio)


def test_a_budget_without_a_user_turn_is_an_error(tokenizer: PreTrainedTokenizerFast) -> None:
    install_knob(tokenizer, PLAIN)
    with pytest.raises(jinja2.TemplateError, match="no user turn"):
        render(tokenizer, [{"role": "system", "content": "Be kind."}], comp_ratio=20)


def test_only_the_last_user_turn_gets_the_token(tokenizer: PreTrainedTokenizerFast) -> None:
    install_knob(tokenizer, PLAIN)
    before = render(tokenizer, DIALOGUE, comp_ratio="none")
    # R1 opens the think block in the plain prompt, and with a budget no longer.
    expected = before.replace(QUESTION, f"{QUESTION} <COMP_100>").removesuffix("<think>\n")
    assert render(tokenizer, DIALOGUE, comp_ratio=100) == expected


def test_a_finished_turn_keeps_the_token_of_its_question(tokenizer: PreTrainedTokenizerFast) -> None:
    install_knob(tokenizer, PLAIN)
    finished = [*ASKED, {"role": "assistant", "content": "Nine."}]
    before = render(tokenizer, finished, comp_ratio="none", add_generation_prompt=False)
    after = render(tokenizer, finished, comp_ratio=20, add_generation_prompt=False)
    assert after == before.replace(QUESTION, f"{QUESTION} <COMP_20>")
    prompt = render(tokenizer, ASKED, comp_ratio=20)
    prompt_ids = tokenizer.encode(prompt, add_special_tokens=False)
    assert tokenizer.encode(after, add_special_tokens=False)[: len(prompt_ids)] == prompt_ids


@pytest.mark.parametrize("by_hand", list(control_tokens(GRID)))
@pytest.mark.parametrize("variables", [{}, {"comp_ratio": 100}, {"comp_ratio": "none"}])
def test_a_token_written_by_hand_is_the_only_one(
    tokenizer: PreTrainedTokenizerFast, by_hand: str, variables: dict[str, Any]
) -> None:
    trained = PromptFormat().render(tokenizer, QUESTION, by_hand)
    install_knob(tokenizer, PLAIN)
    messages = [{"role": "user", "content": f"{QUESTION} {by_hand}"}]
    assert render(tokenizer, messages, **variables) == trained


def test_what_training_puts_around_a_question_is_put_there_once(tokenizer: PreTrainedTokenizerFast) -> None:
    trained = FULL.prompt_format.render(tokenizer, QUESTION, "<COMP_20>")
    install_knob(tokenizer, FULL)
    whole = [{"role": "system", "content": "You think."}, {"role": "user", "content": f"Box it.\n{QUESTION}"}]
    assert render(tokenizer, whole, comp_ratio=20) == trained
    own_system = [{"role": "system", "content": "Be kind."}, *ASKED]
    rendered = render(tokenizer, own_system, comp_ratio=20)
    assert "Be kind." in rendered and "You think." not in rendered


def test_the_switch_that_stops_thinking_stops_the_knob(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> None:
    tokenizer = dressed(tiny_tokenizer, TEMPLATES["qwen3"], make_tiny_model)
    before = render(tokenizer, ASKED, enable_thinking=False)
    assert before.endswith("<think>\n\n</think>\n\n")
    install_knob(tokenizer, PLAIN)
    assert render(tokenizer, ASKED, enable_thinking=False) == before
    assert f"{QUESTION} {POLICY_TOKEN}" in render(tokenizer, ASKED, enable_thinking=True)


def test_parts_get_the_token_as_their_last_text(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> None:
    tokenizer = dressed(tiny_tokenizer, TEMPLATES["parts"], make_tiny_model)
    trained = FULL.prompt_format.render(tokenizer, QUESTION, "<COMP_20>")
    install_knob(tokenizer, FULL)

    def user_turn(*parts: dict[str, str]) -> str:
        return render(tokenizer, [{"role": "user", "content": list(parts)}], comp_ratio=20)

    text, image = {"type": "text", "text": QUESTION}, {"type": "image", "url": "x"}
    assert user_turn(text) == trained
    halves = ({"type": "text", "text": QUESTION[:8]}, {"type": "text", "text": QUESTION[8:]})
    assert user_turn(*halves) == trained
    assert user_turn({"type": "text", "text": f"{QUESTION} <COMP_20>"}) == trained
    asked = f"Box it.\n{QUESTION} <COMP_20>"
    assert user_turn(image, text) == trained.replace(asked, f"Box it.\n<|image|>{QUESTION} <COMP_20>")
    assert user_turn(text, image) == trained.replace(asked, f"Box it.\n{QUESTION}<|image|> <COMP_20>")


def test_a_user_turn_without_content_is_no_obstacle(tokenizer: PreTrainedTokenizerFast) -> None:
    install_knob(tokenizer, PLAIN)
    assert "<COMP_20>" in render(tokenizer, [{"role": "user", "content": None}], comp_ratio=20)


def test_installing_again_replaces_the_knob(tokenizer: PreTrainedTokenizerFast) -> None:
    own = tokenizer.chat_template or PLAIN_TEMPLATE
    install_knob(tokenizer, FULL)
    install_knob(tokenizer, PLAIN)
    once = tokenizer.chat_template
    assert isinstance(once, str) and has_knob(once) and without_knob(once).strip("\n") == own.strip("\n")
    tokenizer.chat_template = own
    install_knob(tokenizer, PLAIN)
    assert tokenizer.chat_template == once


def test_every_named_template_gets_the_knob(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> None:
    tokenizer = dressed(tiny_tokenizer, None, make_tiny_model)
    tokenizer.chat_template = {"default": TEMPLATES["qwen2.5"], "tool_use": TEMPLATES["qwen3"]}
    install_knob(tokenizer, PLAIN)
    for name in ("default", "tool_use"):
        assert f"{QUESTION} <COMP_20>" in render(tokenizer, ASKED, comp_ratio=20, chat_template=name)


@pytest.mark.parametrize(
    "user_turn",
    [
        "message['content'].split('<')[0]",
        "message['content'] | replace('<', '&lt;')",
        "message['content'] | upper",
        "message['content'] | replace('_', ' ')",
        "message['content'] | truncate(12)",
        "''",
    ],
)
def test_a_template_that_eats_the_token_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any], user_turn: str
) -> None:
    tokenizer = dressed(tiny_tokenizer, None, make_tiny_model)
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['role'] + ': ' + (" + user_turn + ") + '\n' }}{% endfor %}"
    )
    with pytest.raises(ModelError, match="the chat template of the tokenizer loses or rewrites <COMP_20>") as caught:
        install_knob(tokenizer, PLAIN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("generation_prompt", "complaint"),
    [("<think>\n\n</think>\n\n", "writes think tags"), ("</think>", "writes think tags")],
)
def test_a_template_that_does_not_let_the_response_begin_with_its_ratio_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast,
    make_tiny_model: Callable[..., Any],
    generation_prompt: str,
    complaint: str,
) -> None:
    template = str(tiny_tokenizer.chat_template).replace("assistant\n", f"assistant\n{generation_prompt}")
    tokenizer = dressed(tiny_tokenizer, template, make_tiny_model)
    with pytest.raises(ModelError, match=complaint):
        install_knob(tokenizer, PLAIN)


@pytest.mark.parametrize(
    "template", ["{{ raise_exception('no system turn') }}", "{{ messages[0].content + 1 }}", "{% if %}"]
)
def test_a_template_that_cannot_be_rendered_is_refused(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any], template: str
) -> None:
    tokenizer = dressed(tiny_tokenizer, template, make_tiny_model)
    with pytest.raises(ModelError, match="the chat template of the tokenizer cannot render one user turn"):
        install_knob(tokenizer, PLAIN)


def test_a_model_whose_template_has_no_knob_does_not_pass_the_check(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> None:
    tokenizer = dressed(tiny_tokenizer, TEMPLATES["qwen2.5"], make_tiny_model)
    with pytest.raises(ModelError, match="renders comp_ratio=20 as"):
        check_served_prompts(tokenizer, PLAIN)


def test_the_middle_effort_of_an_even_grid_is_the_lower_one() -> None:
    assert default_efforts((1.0, 0.2, 0.4, 0.6))["medium"] == 0.4
    assert default_efforts((0.3,)) == {"low": 0.3, "medium": 0.3, "high": 0.3, "auto": "policy", "policy": "policy"}


def test_the_head_keeps_to_what_servers_read_out_of_a_template(tokenizer: PreTrainedTokenizerFast) -> None:
    own = tokenizer.chat_template or PLAIN_TEMPLATE
    install_knob(tokenizer, FULL)
    template = str(tokenizer.chat_template)
    tree = _compile_jinja_template(template).environment.parse(template)
    # vLLM passes on what the template reads and never sets.
    assert {"comp_ratio", "reasoning_effort"} <= jinja2.meta.find_undeclared_variables(tree)
    # SGLang tells by this name whether a template has the switch.
    assert ("enable_thinking" in template) == ("enable_thinking" in own)


def test_words_of_a_prompt_do_not_pass_for_parts_of_the_template(
    tiny_tokenizer: PreTrainedTokenizerFast, make_tiny_model: Callable[..., Any]
) -> None:
    tokenizer = dressed(tiny_tokenizer, TEMPLATES["qwen2.5"], make_tiny_model)
    prompt_format = PromptFormat(system='An "image"\\.', instruction="Use long division.")
    trained = prompt_format.render(tokenizer, QUESTION, "<COMP_20>")
    install_knob(tokenizer, PLAIN.model_copy(update={"prompt_format": prompt_format}))
    assert render(tokenizer, ASKED, comp_ratio=20) == trained
    # SGLang takes a template with any of these for one of messages in parts.
    assert not any(word in str(tokenizer.chat_template) for word in ("image", "audio", "video", "vision"))


def test_the_head_alone_hides_no_loop_over_a_content() -> None:
    head = with_knob("", GRID, FULL.prompt_format, "policy", default_efforts(GRID), opens_think=False)
    tree = _compile_jinja_template(head).environment.parse(head)
    # vLLM and SGLang tell by loops over a content whether messages hold lists of parts, and trip over loops and
    # assignments of messages whose target is no plain name.
    loops = list(tree.find_all(jinja2.nodes.For))
    assert [loop.iter.name for loop in loops if isinstance(loop.iter, jinja2.nodes.Name)] == ["messages"]
    assert len(loops) == 1 and isinstance(loops[0].target, jinja2.nodes.Name)
    for assignment in tree.find_all(jinja2.nodes.Assign):
        read = {name.name for name in assignment.node.find_all(jinja2.nodes.Name)}
        assert isinstance(assignment.target, jinja2.nodes.Name) or "messages" not in read

"""Put the budget knob into a tokenizer's chat template, and see that servers will render what was trained."""

from typing import TYPE_CHECKING

from extracot.errors import ModelError
from extracot.models.chat_template import BEGIN, PLAIN_TEMPLATE, budget_value, with_knob, without_knob
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob
from extracot.models.prompts import NO_BUDGET
from extracot.text.control import POLICY_TOKEN, control_token, control_tokens
from extracot.text.think import THINK_END, THINK_START, render_response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_QUESTION = "How many shells does Ola have?"


def install_knob(tokenizer: "PreTrainedTokenizerBase", knob: Knob, begins_texts: bool = False) -> None:
    """Put the knob into every chat template of a tokenizer, in place, and check the one that is used by default.

    A tokenizer without a template gets the plainest one: a line per turn, with a begin token in front where
    `begins_texts` says so.

    Args:
        tokenizer: has the control tokens already.
        knob: what goes into the template.
        begins_texts: the tokenizer used to put a begin token in front of every text.

    Raises:
        ModelError: the template cannot carry the knob; see `check_served_prompts`.
    """
    held = tokenizer.chat_template or (BEGIN if begins_texts else "") + PLAIN_TEMPLATE
    own = {name: without_knob(template) for name, template in _by_name(held).items()}
    tokenizer.chat_template = own if isinstance(held, dict) else own["default"]
    prompt = _served(tokenizer, NO_BUDGET)
    opens_think = prompt.rstrip().endswith(THINK_START)
    patched = {
        name: with_knob(template, knob.grid, knob.prompt_format, knob.default_budget, knob.effort_budgets, opens_think)
        for name, template in own.items()
    }
    tokenizer.chat_template = patched if isinstance(held, dict) else patched["default"]
    if _served(tokenizer, NO_BUDGET) != prompt:
        raise _unfit(tokenizer, f"no longer renders {prompt!r} with the knob in front of it")
    check_served_prompts(tokenizer, knob)


def leave_own_effort(tokenizer: "PreTrainedTokenizerBase", knob: Knob) -> Knob:
    """The knob, without `reasoning_effort` where the model's own template reads that and nobody said what it means."""
    held = _by_name(tokenizer.chat_template or PLAIN_TEMPLATE).values()
    has_own = any("reasoning_effort" in without_knob(template) for template in held)
    return knob.model_copy(update={"efforts": {}}) if has_own and knob.efforts is None else knob


def check_served_prompts(tokenizer: "PreTrainedTokenizerBase", knob: Knob) -> None:
    """See that the chat template, asked by `comp_ratio`, writes the prompts that training and evaluation use.

    Raises:
        ModelError: a template that cannot be rendered, that loses or rewrites the control token, that writes think
            tags behind it, or whose prompt flows into the completion. The message says which.
    """
    ids = control_token_ids(tokenizer, control_tokens(knob.grid))
    budgets = {budget_value(ratio): control_token(ratio) for ratio in knob.grid} | {"policy": POLICY_TOKEN}
    for value, token in budgets.items():
        served = _served(tokenizer, value)
        trained = knob.prompt_format.render(tokenizer, _QUESTION, token)
        _, found, rest = trained.partition(f"{_QUESTION} {token}")
        if not found:
            raise _unfit(tokenizer, f"loses or rewrites {token} at the end of a user turn: it renders {trained!r}")
        if THINK_START in rest or THINK_END in rest:
            raise _unfit(tokenizer, f"writes think tags where the response has to begin with its ratio: {rest!r}")
        if served != trained:
            raise _unfit(tokenizer, f"renders comp_ratio={value} as {served!r}, and training as {trained!r}")
        prompt_ids = tokenizer.encode(trained, add_special_tokens=False)
        if [id_ for id_ in prompt_ids if id_ in ids.values()] != [ids[token]]:
            raise _unfit(tokenizer, f"leaves no single token {token} among the ids of the prompt {trained!r}")
        first = next(iter(ids))
        both = tokenizer.encode(trained + render_response(first, "Nine.", "\n\n9"), add_special_tokens=False)
        if both[: len(prompt_ids) + 1] != [*prompt_ids, ids[first]]:
            raise _unfit(tokenizer, f"ends the prompt {trained!r} so that it flows into the response")


def _by_name(templates: str | dict[str, str]) -> dict[str, str]:
    return templates if isinstance(templates, dict) else {"default": templates}


def _served(tokenizer: "PreTrainedTokenizerBase", comp_ratio: str) -> str:
    """The prompt that a server renders for a bare question.

    Raises:
        ModelError: the template does not get through.
    """
    from jinja2 import TemplateError

    messages = [{"role": "user", "content": _QUESTION}]
    try:
        prompt = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, comp_ratio=comp_ratio
        )
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        raise _unfit(tokenizer, f"cannot render one user turn: {error}") from error
    assert isinstance(prompt, str)
    return prompt


def _unfit(tokenizer: "PreTrainedTokenizerBase", what: str) -> ModelError:
    return ModelError(
        f"the chat template of {tokenizer.name_or_path or 'the tokenizer'} {what}; "
        "put one that ends a user turn with its text as it is into chat_template.jinja"
    )

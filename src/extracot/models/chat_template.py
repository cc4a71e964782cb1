"""The budget knob as a variable of the chat template, so that any server can turn it.

The model's own template stays as it is. A head in front of it rebuilds `messages`: the last user turn gets the
control token as its last word, which is the string that training wrote there. Variables that the head reads:

- `comp_ratio`: a percent of the grid, "policy" (the model chooses) or "none" (no token: the template as it was);
- `reasoning_effort`: the same under other names, read when there is no `comp_ratio`;
- neither: the default that the head was made with.

A turn that already ends with a control token gets no second one. Any other value raises in the template, which
servers report as an error of that request.

How the head is written is bound by what servers do with the text of a template. vLLM passes on only variables that
the template reads and never sets, so it sets neither of the two. vLLM and SGLang look for a loop over a message's
`content` to learn whether the template takes lists of parts, so it has none; SGLang also takes words such as "image"
for a sign of that, wherever they stand. Names that it sets start with `knob`.

It is written for the environment in which transformers renders templates (`trim_blocks`), and vLLM and SGLang with it.
Not covered: templates that are no Jinja, and `{% generation %}` marks behind a template that opens the think block.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from extracot.models.prompts import NO_BUDGET, PromptFormat
from extracot.text.control import POLICY_TOKEN, control_token

Budget = float | Literal["policy", "none"]
"""A ratio in (0, 1], "policy" for the model's own choice, "none" for a prompt without a control token."""

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{{ message['content'] + (eos_token if message['role'] == 'assistant' else '') + '\\n' }}"
    "{% endfor %}"
)
"""For a model without a chat template: a line per turn, as `PromptFormat.render` writes them without one."""

BEGIN = "{{ bos_token }}"
"""Comes before it where the tokenizer puts a begin token before every text."""

_PART_WORD = re.compile("image|audio|video|vision")
"""What SGLang looks for, in "division", too."""

_START = "{#- extracot: the budget knob -#}\n"
_OWN = "{#- extracot: from here on the model's own template #}\n"
_OWN_END = "{%- endset %}{#- extracot: end of the model's own template #}\n"

_HEAD = """\
{%- if comp_ratio is defined and comp_ratio is not none %}
    {%- set knob_budget = comp_ratio | string %}
    {%- if knob_budget not in knob_tokens %}
        {{- raise_exception('comp_ratio is ' ~ knob_budget ~ '; use one of: ' ~ knob_tokens | join(', ')) }}
    {%- endif %}
{%- elif knob_efforts and reasoning_effort is defined and reasoning_effort is not none %}
    {%- if reasoning_effort | string not in knob_efforts %}
        {{- raise_exception('reasoning_effort is ' ~ reasoning_effort ~ '; use one of: ' ~ knob_efforts | join(', ')) }}
    {%- endif %}
    {%- set knob_budget = knob_efforts[reasoning_effort | string] %}
{%- else %}
    {%- set knob_budget = knob_default %}
{%- endif %}
{%- set knob_token = knob_tokens[knob_budget] if knob_is_on else '' %}
{%- set knob_has_token = false %}
{%- set knob = namespace(place=-1) %}
{%- for knob_message in messages %}
    {%- if knob_message['role'] == 'user' %}
        {%- set knob.place = loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- if knob.place >= 0 %}
    {%- set knob_turn = messages[knob.place] %}
    {%- set knob_content = knob_turn['content'] or '' %}
    {%- set knob_is_text = knob_content is string %}
    {%- set knob_first = knob_content if knob_is_text else knob_content[0]['text'] or '' %}
    {%- set knob_last = knob_content if knob_is_text else knob_content[-1]['text'] or '' %}
    {%- set knob_has_token = knob_last.rstrip().endswith(knob_endings) %}
    {%- if knob_token %}
        {%- set knob_before = '' if knob_first.startswith(knob_instruction) else knob_instruction %}
        {%- set knob_after = '' if knob_has_token else ' ' ~ knob_token %}
        {%- if knob_is_text %}
            {%- set knob_content = knob_before ~ knob_content ~ knob_after %}
        {%- else %}
            {%- if knob_content[-1]['type'] != 'text' %}
                {%- set knob_content = knob_content + [{'type': 'text', 'text': ''}] %}
            {%- endif %}
            {%- set knob_content = knob_content[:-1] + [dict(knob_content[-1], text=knob_last ~ knob_after)] %}
            {%- if knob_content[0]['type'] != 'text' %}
                {%- set knob_content = [{'type': 'text', 'text': ''}] + knob_content %}
            {%- endif %}
            {%- set knob_part = dict(knob_content[0], text=knob_before ~ knob_content[0]['text']) %}
            {%- set knob_content = [knob_part] + knob_content[1:] %}
        {%- endif %}
        {%- set knob_turn = dict(knob_turn, content=knob_content) %}
        {%- set messages = messages[:knob.place] + [knob_turn] + messages[knob.place + 1:] %}
        {%- set knob_has_token = true %}
        {%- if knob_system and messages[0]['role'] not in ['system', 'developer'] %}
            {%- set knob_content = knob_system if knob_is_text else [{'type': 'text', 'text': knob_system}] %}
            {%- set messages = [{'role': 'system', 'content': knob_content}] + messages %}
        {%- endif %}
    {%- endif %}
{%- elif knob_token and comp_ratio is defined and comp_ratio is not none %}
    {{- raise_exception('comp_ratio is ' ~ comp_ratio ~ ', but there is no user turn that could end with it') }}
{%- endif %}
"""

_TAIL = """\
{%- if knob_has_token and add_generation_prompt and knob_prompt.rstrip().endswith('<think>') %}
    {{- knob_prompt.rstrip().removesuffix('<think>') }}
{%- else %}
    {{- knob_prompt }}
{%- endif %}"""


def default_efforts(grid: Sequence[float]) -> dict[str, Budget]:
    """What `reasoning_effort` means unless told otherwise: the smallest, the middle and the largest ratio.

    Of an even number of ratios the middle one is the lower of the two. "auto" and "policy" let the model choose.
    """
    ratios = sorted(grid)
    return {
        "low": ratios[0],
        "medium": ratios[(len(ratios) - 1) // 2],
        "high": ratios[-1],
        "auto": "policy",
        "policy": "policy",
    }


def budget_value(budget: Budget) -> str:
    """How `comp_ratio` names a budget: 0.2 is "20"; "policy" and "none" are themselves.

    Raises:
        UsageError: a ratio that has no control token.
    """
    return budget if isinstance(budget, str) else control_token(budget).removeprefix("<COMP_").removesuffix(">")


def with_knob(
    template: str,
    grid: Sequence[float],
    prompt_format: PromptFormat,
    default: Budget,
    efforts: Mapping[str, Budget],
    opens_think: bool,
) -> str:
    """The template with the knob in front of it; a knob that it already has is replaced.

    Args:
        template: Jinja, as a tokenizer holds it.
        grid: ratios in (0, 1] that the model has tokens for.
        prompt_format: its system turn and its instruction are supplied, together with a control token, where a
            conversation lacks them, since that is how the model was trained.
        default: what a request gets that names no budget.
        efforts: `reasoning_effort` to budget; empty for a knob that leaves `reasoning_effort` alone.
        opens_think: the template ends its generation prompt with `<think>`. Behind a control token that is taken
            away again, because the response has to begin with its ratio.
    """
    own = without_knob(template)
    head = _settings(grid, prompt_format, default, efforts, "enable_thinking" in own) + _HEAD
    if not opens_think:
        return f"{_START}{head}{_OWN}{own}"
    # The last line end of a template is no part of its output, but would be one inside of a set block.
    return f"{_START}{head}{{%- set knob_prompt %}}{_OWN}{own.removesuffix(chr(10))}{_OWN_END}{_TAIL}"


def has_knob(template: str) -> bool:
    """Whether `with_knob` made this template."""
    return template.startswith(_START) and _OWN in template


def without_knob(template: str) -> str:
    """The model's own template, whether or not there is a knob in front of it."""
    if not has_knob(template):
        return template
    return template.partition(_OWN)[2].partition(_OWN_END)[0]


def _settings(
    grid: Sequence[float],
    prompt_format: PromptFormat,
    default: Budget,
    efforts: Mapping[str, Budget],
    has_switch: bool,
) -> str:
    """What differs between models, as variables that `_HEAD` reads."""
    tokens = {budget_value(ratio): control_token(ratio) for ratio in sorted(grid)} | {"policy": POLICY_TOKEN}
    instruction = "" if prompt_format.instruction is None else f"{prompt_format.instruction}\n"
    # Only where the template has this switch: servers look for its name to tell templates that have it.
    is_on = "enable_thinking is not defined or enable_thinking is not false" if has_switch else "true"
    values = {
        "knob_tokens": _literal({**tokens, NO_BUDGET: ""}),
        "knob_endings": f"({', '.join(_literal(token) for token in tokens.values())})",
        "knob_efforts": _literal({effort: budget_value(budget) for effort, budget in efforts.items()}),
        "knob_default": _literal(budget_value(default)),
        "knob_system": _literal(prompt_format.system or ""),
        "knob_instruction": _literal(instruction),
        "knob_is_on": is_on,
    }
    return "".join(f"{{%- set {name} = {value} %}}\n" for name, value in values.items())


def _literal(value: object) -> str:
    """A string or a mapping of strings as Jinja writes it, which is as JSON does; words of parts spelt in code."""
    return _PART_WORD.sub(lambda word: f"\\u{ord(word[0][0]):04x}{word[0][1:]}", json.dumps(value, ensure_ascii=False))

"""The card of an exported model: how to host it with each server, and how to turn its knob there."""

import json
from pathlib import PurePath
from typing import Final

from extracot.export.training import AskedFor
from extracot.models.chat_template import Budget, budget_value
from extracot.models.knob import Knob
from extracot.text.control import POLICY_TOKEN, control_token

_CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
tags: [reasoning, chain-of-thought]
---
# A reasoning model with a budget knob

Made from `{base_model}` by `extracot`. {promise} Every response begins with its ratio, as `{first}`, then comes the
think block, then the answer.

| `comp_ratio` | `reasoning_effort` | what is asked for |
|---|---|---|
{rows}

Without either: {default}. `comp_ratio` goes before `reasoning_effort`; any other value is an error of the request.
A control token that the question ends with, as in `How many …? {first}`, goes before both. Only the last user turn
counts. {prompt}

## Host it

In these commands `MODEL` is the path of this folder, and also the name by which requests call it. The files are those
of transformers 5. What follows was run with transformers 5.23 and vLLM 0.31; of SGLang it was read in the sources of
0.5.23.

```bash
pip install 'transformers[serving]'   # transformers serve
transformers serve MODEL --port 8000

pip install vllm                      # or vLLM
vllm serve MODEL --port 8000

pip install sglang                    # or SGLang
python -m sglang.launch_server --model-path MODEL --port 8000
```

## Turn the knob

```bash
curl http://localhost:8000/v1/chat/completions -H 'Content-Type: application/json' -d '{{
  "model": "MODEL",
  "messages": [{{"role": "user", "content": "How many …?"}}],
  "chat_template_kwargs": {{"comp_ratio": {example}}}
}}'
```

```python
from openai import OpenAI

client = OpenAI(base_url="http://localhost:8000/v1", api_key="none")
response = client.chat.completions.create(
    model="MODEL",
    messages=[{{"role": "user", "content": "How many …?"}}],
    extra_body={{"chat_template_kwargs": {{"comp_ratio": {example}}}}},
)
print(response.choices[0].message.content, response.usage.completion_tokens)
```

- `reasoning_effort` may stand in `chat_template_kwargs`, too. Beside `messages`, where the OpenAI API has it, vLLM and
  SGLang read it, and transformers serve ignores it.
- Another default for all requests: `--chat-template-kwargs '{{"comp_ratio": {example}}}'` of transformers serve,
  `--default-chat-template-kwargs '{{"comp_ratio": {example}}}'` of vLLM and SGLang. It goes before the
  `reasoning_effort` of a request; the default of the export (`--set default_budget=…`) does not.
- A value that there is not: vLLM answers 400 and names those that there are; transformers serve answers 500, and the
  names are in its log.
- Some versions of SGLang send `reasoning_effort: medium` with every request that names none; give `comp_ratio` there.
- transformers serve takes the think block out of the content. vLLM and SGLang do with `--reasoning-parser qwen3`;
  without it the content begins with the ratio and the think block.

## A hard cap

The knob is a request, not a limit. `max_tokens` limits the whole response on every server; one that it cuts has
`finish_reason: length`, and maybe no answer. To end the thinking alone:

- vLLM: start it with `--reasoning-config '{{"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}}'`, and
  send `"thinking_token_budget": 512` beside `messages` (`extra_body` of the OpenAI client).
- SGLang: start it with `--reasoning-parser qwen3 --enable-strict-thinking`, and send
  `"custom_params": {{"thinking_budget": 512}}` beside `messages`.
- transformers serve has no such flag.
"""


_PROMISES: Final = {
    AskedFor.ALL: "Asked for a ratio, it thinks in about that share of the tokens that it would take without one; "
    "asked for `policy`, it chooses the ratio itself.",
    AskedFor.CHOICE: "Asked for `policy`, it chooses itself in what share of the tokens it thinks that it would take "
    "otherwise. **Its last training asked for that alone**, so it may have forgotten to keep a ratio that is asked "
    "for: measure that with `extracot evaluate` before you rely on it.",
    AskedFor.RATIOS: "Asked for a ratio, it thinks in about that share of the tokens that it would take without one. "
    "**Its last training asked for ratios alone**, so `policy` may choose badly: measure that with `extracot "
    "evaluate` before you rely on it.",
    AskedFor.UNKNOWN: "Its tokens ask for a ratio, the share of the tokens in which it should think, or by `policy` "
    "for its own choice. How well it keeps them depends on its training, of which this export knows nothing: measure "
    "that with `extracot evaluate`.",
}


def card(knob: Knob, asked_for: AskedFor) -> str:
    """Markdown, for the README.md beside the weights.

    Args:
        knob: of the model.
        asked_for: in its last training; the card promises no more.
    """
    budgets: list[Budget] = [*knob.grid, "policy", "none"]
    by_budget: dict[str, list[str]] = {}
    for effort, budget in knob.effort_budgets.items():
        by_budget.setdefault(budget_value(budget), []).append(f"`{effort}`")
    rows = [
        f"| `{value}` | {', '.join(by_budget.get(value, []))} | {_meaning(budget, asked_for)} |"
        for budget, value in zip(budgets, map(budget_value, budgets), strict=True)
    ]
    return _CARD.format(
        base_model=_shown_name(knob.base_model),
        promise=_PROMISES[asked_for],
        first=control_token(knob.grid[0]),
        rows="\n".join(rows),
        default=f"`{budget_value(knob.default_budget)}`",
        prompt=_prompt(knob),
        example='"policy"' if asked_for is AskedFor.CHOICE else budget_value(knob.grid[0]),
    )


def _shown_name(model: str) -> str:
    """A hub name as it is; of a folder only its own name, since its place says nothing on another machine."""
    is_hub_name = model.count("/") == 1 and not model.startswith((".", "/", "~"))
    return model if is_hub_name else PurePath(model).name


def _meaning(budget: Budget, asked_for: AskedFor) -> str:
    if budget == "policy":
        untrained = ", not trained last" if asked_for is AskedFor.RATIOS else ""
        return f"`{POLICY_TOKEN}`: the model chooses{untrained}"
    if budget == "none":
        return "no control token: the prompt as the base model had it"
    assert isinstance(budget, float)
    untrained = ", not trained last" if asked_for is AskedFor.CHOICE else ""
    return f"`{control_token(budget)}`: about {budget:.0%} of the tokens{untrained}"


def _prompt(knob: Knob) -> str:
    """What the chat template adds to a question, besides the token."""
    parts = {"system turn": knob.prompt_format.system, "line in front of the question": knob.prompt_format.instruction}
    named = [f"the {what} {json.dumps(text, ensure_ascii=False)}" for what, text in parts.items() if text is not None]
    if not named:
        return "Nothing else is added to a question."
    return f"Where a conversation lacks it, the chat template adds what the model was trained with: {', '.join(named)}."

"""The two queues of the SFT set, and how one of their rows is written.

Prefix-mirror protocol: the control token is the last thing of the prompt and the ratio token the first thing
of the completion. In the fixed queue they are the same; in the policy queue the prompt holds the policy
token and the completion chooses.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from extracot.dataset.renderings import Renderings
from extracot.models.prompts import PromptFormat, count_tokens
from extracot.records.chat_example import ChatExample, Message
from extracot.records.sft_example import SftExample
from extracot.records.trace import Trace
from extracot.text.control import POLICY_TOKEN, control_token
from extracot.text.think import render_response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Queue = Literal["fixed", "policy"]


@dataclass(frozen=True, slots=True)
class Pick:
    """One row of the set before it is written out."""

    trace_id: str
    queue: Queue
    ratio: float


def pick_fixed(
    renderings: Mapping[str, Renderings],
    grid: Sequence[float],
    n_per_ratio: int | None,
    min_ratios: int | None,
    max_cut_share: float,
    rng: random.Random,
) -> list[Pick]:
    """The fixed-ratio queue: every ratio equally often, on the same questions as far as that is asked for.

    Args:
        renderings: trace id to its usable renderings.
        grid: [R] ratios that the queue holds.
        n_per_ratio: rows per ratio; None takes as many as the scarcest ratio has.
        min_ratios: a trace takes part when it is usable at so many ratios of the grid. None: at all of them,
            so that all ratios share one set of questions. Else the ratios share theirs as far as they can: each
            takes its own from one shuffled order, easy and hard ones alike.
        max_cut_share: the most of a ratio's rows, in [0, 1], whose rendering lacks a needed formula.
        rng: chooses among equals.

    Returns:
        Picks, the same number for every ratio; empty when some ratio has no usable trace.
    """
    required = len(grid) if min_ratios is None else min(min_ratios, len(grid))
    candidates = [i for i, own in renderings.items() if sum(ratio in own for ratio in grid) >= required]
    rng.shuffle(candidates)
    sizes = []
    for ratio in grid:
        n_cut = sum(ratio in renderings[i] and not renderings[i][ratio].keeps_chain for i in candidates)
        n_whole = sum(ratio in renderings[i] and renderings[i][ratio].keeps_chain for i in candidates)
        sizes.append(_largest_size(n_whole, n_cut, max_cut_share))
    n = min(sizes) if n_per_ratio is None else min(*sizes, n_per_ratio)
    picks = []
    for ratio in grid:
        n_left, n_cut_left = n, int(max_cut_share * n + 1e-9)
        for trace_id in candidates:
            rendering = renderings[trace_id].get(ratio)
            if rendering is None or not n_left or not (rendering.keeps_chain or n_cut_left):
                continue
            n_left -= 1
            n_cut_left -= not rendering.keeps_chain
            picks.append(Pick(trace_id, "fixed", ratio))
    return picks


def _largest_size(n_whole: int, n_cut: int, max_cut_share: float) -> int:
    """Most rows that n_whole whole and n_cut cut renderings give when cut ones are at most this share of them."""
    if max_cut_share == 1:
        return n_whole + n_cut
    # n <= share·(whole + n); the small term keeps float noise from losing one
    return n_whole + min(n_cut, int(max_cut_share * n_whole / (1 - max_cut_share) + 1e-9))


def sample_for_policy(trace_ids: Sequence[str], n: int | None, rng: random.Random) -> list[str]:
    """The traces of the policy queue: n of those with a difficulty, in their old order; None takes all."""
    if n is None or n >= len(trace_ids):
        return list(trace_ids)
    chosen = set(rng.sample(range(len(trace_ids)), n))
    return [trace_id for i, trace_id in enumerate(trace_ids) if i in chosen]


def pick_policy(
    renderings: Mapping[str, Renderings], assigned: Mapping[str, float], keeps_chain: bool
) -> list[Pick]:
    """The policy queue: each trace at its assigned ratio, or at the next larger one that will do.

    Args:
        renderings: trace id to its usable renderings.
        assigned: trace id to the ratio that its difficulty earned.
        keeps_chain: also pass over renderings that lack a needed formula: choosing a ratio that cannot carry
            the reasoning is the one thing that this queue must not teach.

    Returns:
        Picks in the order of `assigned`; a trace without any ratio that will do is left out.
    """
    picks = []
    for trace_id, wanted in assigned.items():
        own = renderings.get(trace_id, {})
        fitting = [r for r in sorted(own) if r >= wanted and (own[r].keeps_chain or not keeps_chain)]
        if fitting:
            picks.append(Pick(trace_id, "policy", fitting[0]))
    return picks


def write_example(
    pick: Pick,
    trace: Trace,
    cot: str,
    prompt_format: PromptFormat,
    tokenizer: "PreTrainedTokenizerBase",
) -> SftExample:
    """One row: the prompt as the chat template renders it, the completion as the model shall write it.

    The visible answer stays as the trace has it, behind an empty line where it does not start on a new one.
    """
    prompt = prompt_format.render(tokenizer, trace.question, _asked_token(pick))
    completion = _completion(pick, trace, cot)
    return SftExample(
        id=_row_id(pick),
        problem_id=trace.problem_id,
        queue=pick.queue,
        target_ratio=pick.ratio,
        prompt=prompt,
        completion=completion,
        n_prompt_tokens=count_tokens(tokenizer, prompt),
        n_completion_tokens=count_tokens(tokenizer, completion),
    )


def write_chat(pick: Pick, trace: Trace, cot: str, prompt_format: PromptFormat) -> ChatExample:
    """The same row as turns, before any chat template."""
    turns = [Message(role="user", content=prompt_format.user_turn(trace.question, _asked_token(pick)))]
    if prompt_format.system is not None:
        turns.insert(0, Message(role="system", content=prompt_format.system))
    return ChatExample(
        id=_row_id(pick),
        problem_id=trace.problem_id,
        queue=pick.queue,
        target_ratio=pick.ratio,
        prompt=turns,
        completion=[Message(role="assistant", content=_completion(pick, trace, cot))],
    )


def renders_alike(chat: ChatExample, example: SftExample, tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Whether the tokenizer's chat template makes of the turns what the rendered row says.

    False for a tokenizer without a template, and for a template that takes think blocks apart: it eats the
    control token in front of them.
    """
    if not tokenizer.chat_template:
        return False
    prompt = [message.model_dump() for message in chat.prompt]
    completion = [message.model_dump() for message in chat.completion]
    opened = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(prompt + completion, tokenize=False)
    assert isinstance(whole, str)
    return opened == example.prompt and whole.startswith(example.prompt + example.completion)


def _row_id(pick: Pick) -> str:
    return f"{pick.trace_id}/{pick.queue}/{pick.ratio:.2f}"


def _asked_token(pick: Pick) -> str:
    return control_token(pick.ratio) if pick.queue == "fixed" else POLICY_TOKEN


def _completion(pick: Pick, trace: Trace, cot: str) -> str:
    visible = trace.response if trace.response.startswith("\n") else f"\n\n{trace.response}"
    return render_response(control_token(pick.ratio), cot, visible)

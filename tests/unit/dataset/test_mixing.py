"""The two queues: balanced, on shared questions, each row in the prefix-mirror protocol."""

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracot.dataset.mixing import (
    Pick,
    Queue,
    pick_fixed,
    pick_policy,
    renders_alike,
    sample_for_policy,
    write_chat,
    write_example,
)
from extracot.dataset.renderings import Rendering
from extracot.models.prompts import PromptFormat, count_tokens
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.control import POLICY_TOKEN
from extracot.text.think import split_response

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GRID = (0.2, 0.5, 1.0)


def usable(*ratios: float, broken: tuple[float, ...] = ()) -> dict[float, Rendering]:
    return {ratio: Rendering(None, ratio, 10, keeps_chain=ratio not in broken) for ratio in ratios}


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.sets(st.sampled_from(GRID)), max_size=12),
    st.one_of(st.none(), st.integers(1, 5)),
    st.one_of(st.none(), st.integers(1, 3)),
    st.sampled_from((0.0, 0.3, 0.5, 1.0)),
    st.integers(0, 3),
)
def test_every_ratio_gets_equally_many_usable_rows(
    ratios: dict[str, set[float]], n_per_ratio: int | None, min_ratios: int | None, max_cut_share: float, seed: int
) -> None:
    broken = {trace_id: tuple(r for r in (0.2, 0.5) if len(trace_id) == 3) for trace_id in ratios}
    renderings = {trace_id: usable(*own, broken=broken[trace_id]) for trace_id, own in ratios.items()}
    picks = pick_fixed(renderings, GRID, n_per_ratio, min_ratios, max_cut_share, random.Random(seed))
    counts = Counter(pick.ratio for pick in picks)
    assert len({counts[ratio] for ratio in GRID}) == 1
    assert counts[0.2] <= (n_per_ratio or len(ratios))
    assert len(set(picks)) == len(picks)
    assert all(pick.ratio in renderings[pick.trace_id] for pick in picks)
    for ratio in GRID:
        n_cut = sum(pick.ratio == ratio and pick.ratio in broken[pick.trace_id] for pick in picks)
        assert n_cut <= max_cut_share * counts[ratio] + 1e-9
    if min_ratios is None and max_cut_share == 1:
        questions = [{pick.trace_id for pick in picks if pick.ratio == ratio} for ratio in GRID]
        assert questions[0] == questions[1] == questions[2]


def test_relaxed_ratios_share_their_questions_as_far_as_they_can() -> None:
    renderings = {"part-a": usable(0.2, 1.0), "whole": usable(*GRID), "part-b": usable(0.5, 1.0)}
    assert len(pick_fixed(renderings, GRID, None, None, 1.0, random.Random(0))) == 3
    relaxed = pick_fixed(renderings, GRID, None, 2, 1.0, random.Random(0))
    assert Counter(pick.ratio for pick in relaxed) == {0.2: 2, 0.5: 2, 1.0: 2}
    assert {pick.trace_id for pick in relaxed if pick.ratio == 0.2} == {"part-a", "whole"}


def test_renderings_without_their_chain_fill_no_more_than_their_share() -> None:
    # Of 4 + 2 rows a third may be cut: both; of 4 rows a quarter: one; none at all leaves the 4 whole ones.
    renderings = {f"whole-{i}": usable(0.2) for i in range(4)}
    renderings |= {f"cut-{i}": usable(0.2, broken=(0.2,)) for i in range(2)}
    for share, n_wanted, n_rows in ((1 / 3, None, 6), (0.25, 4, 4), (0.0, None, 4)):
        picks = pick_fixed(renderings, (0.2,), n_wanted, 1, share, random.Random(0))
        assert len(picks) == n_rows
        assert sum(pick.trace_id.startswith("cut") for pick in picks) <= share * n_rows + 1e-9


def test_a_policy_row_rises_to_the_next_ratio_that_carries_the_chain() -> None:
    renderings = {
        "easy": usable(*GRID),
        "cut": usable(*GRID, broken=(0.2,)),
        "gap": usable(0.2, 1.0),
        "none": usable(0.2),
    }
    assigned = {"easy": 0.2, "cut": 0.2, "gap": 0.5, "none": 0.5, "unknown": 0.2}
    assert pick_policy(renderings, assigned, keeps_chain=True) == [
        Pick("easy", "policy", 0.2),
        Pick("cut", "policy", 0.5),
        Pick("gap", "policy", 1.0),
    ]
    assert Pick("cut", "policy", 0.2) in pick_policy(renderings, assigned, keeps_chain=False)


def test_the_policy_sample_keeps_its_order_and_size() -> None:
    names = [f"t-{i}" for i in range(20)]
    sample = sample_for_policy(names, 5, random.Random(3))
    assert len(sample) == 5 and sample == sorted(sample, key=names.index)
    assert sample_for_policy(names, None, random.Random(3)) == names
    assert sample_for_policy(names, 99, random.Random(3)) == names
    assert sample_for_policy(names, 0, random.Random(3)) == []


TRACE = Trace(
    id="t-1",
    problem_id="p-1",
    question="How many shells does Ola have?",
    answer="9",
    level=2,
    cot="First, $ Gus = 4 $. Next, $ Ola = 9 $.",
    response="\n\nThe answer is \\boxed{9}.",
    model="toy",
    outcome=Outcome.CORRECT,
    is_closed=True,
    n_think_tokens=None,
    n_tokens=None,
    latency_s=None,
)


@pytest.mark.parametrize(("queue", "asked"), [("fixed", "<COMP_20>"), ("policy", POLICY_TOKEN)])
def test_the_prompt_ends_in_its_token_and_the_completion_starts_with_the_ratio(
    tiny_tokenizer: "PreTrainedTokenizerFast", queue: Queue, asked: str
) -> None:
    prompt_format = PromptFormat(instruction="Think.")
    row = write_example(Pick("t-1", queue, 0.2), TRACE, "$ Ola = 9 $.", prompt_format, tiny_tokenizer)
    user_turn = row.prompt.split("<|im_start|>user\n")[1].split("<|im_end|>")[0]
    assert user_turn == f"Think.\nHow many shells does Ola have? {asked}"
    split = split_response(row.completion)
    assert (split.control, split.cot, split.visible) == ("<COMP_20>", "$ Ola = 9 $.", TRACE.response)
    assert row.n_prompt_tokens == count_tokens(tiny_tokenizer, row.prompt)
    assert row.n_completion_tokens == count_tokens(tiny_tokenizer, row.completion)
    assert (row.queue, row.target_ratio, row.problem_id) == (queue, 0.2, "p-1")


def test_an_answer_that_follows_the_tag_directly_gets_an_empty_line(
    tiny_tokenizer: "PreTrainedTokenizerFast",
) -> None:
    trace = TRACE.model_copy(update={"response": "The answer is \\boxed{9}."})
    row = write_example(Pick("t-1", "fixed", 1.0), trace, TRACE.cot, PromptFormat(), tiny_tokenizer)
    assert row.completion.endswith("</think>\n\nThe answer is \\boxed{9}.")
    assert row.completion.startswith("<COMP_100>\n<think>\nFirst, $ Gus = 4 $.")


def test_the_turns_of_a_row_render_to_the_row(tiny_tokenizer: "PreTrainedTokenizerFast") -> None:
    pick, prompt_format = Pick("t-1", "policy", 0.2), PromptFormat(system="Be brief.", instruction="Think.")
    row = write_example(pick, TRACE, "$ Ola = 9 $.", prompt_format, tiny_tokenizer)
    chat = write_chat(pick, TRACE, "$ Ola = 9 $.", prompt_format)
    assert [message.role for message in [*chat.prompt, *chat.completion]] == ["system", "user", "assistant"]
    assert chat.prompt[1].content == f"Think.\nHow many shells does Ola have? {POLICY_TOKEN}"
    assert chat.completion[0].content == row.completion
    assert (chat.id, chat.problem_id, chat.queue, chat.target_ratio) == ("t-1/policy/0.20", "p-1", "policy", 0.2)
    assert renders_alike(chat, row, tiny_tokenizer)


def test_a_template_that_takes_think_blocks_apart_is_found_out(tiny_tokenizer: "PreTrainedTokenizerFast") -> None:
    row = write_example(Pick("t-1", "fixed", 0.2), TRACE, "$ Ola = 9 $.", PromptFormat(), tiny_tokenizer)
    chat = write_chat(Pick("t-1", "fixed", 0.2), TRACE, "$ Ola = 9 $.", PromptFormat())
    template = tiny_tokenizer.chat_template
    assert isinstance(template, str)
    tiny_tokenizer.chat_template = template.replace("message['content']", "message['content'].split('</think>')[-1]")
    assert not renders_alike(chat, row, tiny_tokenizer)
    tiny_tokenizer.chat_template = None
    assert not renders_alike(chat, row, tiny_tokenizer)

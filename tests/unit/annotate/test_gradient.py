"""Attribution by gradient on a tiny random model, and chaining on demand."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from extracot.annotate.attribution import AttributionAnnotator, encode_trace
from extracot.annotate.gradient import gradient_importance
from extracot.annotate.influence import chain_influence, chain_on_demand
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.slicing import NEEDED
from extracot.text.units import UnitKind, segment

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

QUESTION = "Gus has 4. Compared to Gus, Ola has 5 more. How many does Ola have?"
COT = "So $ Gus = 4 $. So $ Kim = 7 $. Ola has 5 more, so $ Ola = 4 + 5 = 9 $."


@settings(max_examples=30)
@given(
    st.integers(0, 5).flatmap(
        lambda n: st.lists(st.lists(st.floats(-2, 6), min_size=n + 1, max_size=n + 1), min_size=n, max_size=n)
    ),
    st.floats(0, 1),
)
def test_chaining_on_demand_is_exact_from_the_floor_on(influence: list[list[float]], floor: float) -> None:
    asked: list[int] = []

    def column_of(i: int) -> list[float]:
        asked.append(i)
        return [row[i] for row in influence]

    whole = chain_influence(influence, cap=4.0)
    lazy = chain_on_demand(column_of, len(influence), 4.0, floor)
    for i, (a, b) in enumerate(zip(whole, lazy, strict=True)):
        assert b == a if a >= floor else b <= a
        assert (i in asked) == (b >= floor and b > 0 and i > 0)  # nothing stands before the first
    assert max(whole, default=0.0) == max(lazy, default=0.0)
    assert asked == sorted(set(asked), reverse=True)


def test_the_gradient_is_the_slope_half_way(
    tiny_tokenizer: "PreTrainedTokenizerFast", make_tiny_model: "Callable[..., Qwen3ForCausalLM]"
) -> None:
    model = make_tiny_model(tiny_tokenizer).double().requires_grad_(False)
    units = segment(COT, "clause")
    encoded = encode_trace(tiny_tokenizer, f"{QUESTION}\n", COT, "\\boxed{9}", "9", units)
    formula = next(i for i, unit in enumerate(units) if unit.kind is UnitKind.FORMULA)
    cap = 1e9
    (importance,), n_tokens = gradient_importance(model, encoded, [[formula]], cap, floor=0.0)
    assert n_tokens == 2 * len(encoded.token_ids)

    ids, owners = torch.tensor(encoded.token_ids), torch.tensor(encoded.unit_of_token)
    embedding = model.get_input_embeddings()
    present, absent = embedding(ids), embedding.weight.mean(0)

    def log_odds_of_answer(presence: float) -> float:
        faded = absent + presence * (present - absent)
        mixed = torch.where((owners == formula)[:, None], faded, present)
        scores = model(inputs_embeds=mixed[None]).logits[0, :-1].log_softmax(-1)
        chosen = scores.gather(-1, ids[1:, None])[:, 0]
        odds = chosen - torch.log1p(-chosen.exp())
        return float(odds[owners[1:] == len(units)].sum())

    # How much the answer gains from the formula's presence, by differences.
    slope = (log_odds_of_answer(0.5 + 1e-4) - log_odds_of_answer(0.5 - 1e-4)) / 2e-4
    assert importance * cap == pytest.approx(max(slope, 0.0), abs=1e-3)
    assert slope != pytest.approx(0.0, abs=1e-3)


def test_gradients_grade_in_the_same_tiers(
    tiny_tokenizer: "PreTrainedTokenizerFast", make_tiny_model: "Callable[..., Qwen3ForCausalLM]"
) -> None:
    trace = Trace(
        id="t", problem_id="p", question=QUESTION, answer="9", level=None, cot=COT, response="\\boxed{9}",
        model="toy", outcome=Outcome.CORRECT, is_closed=True, n_think_tokens=None, n_tokens=None, latency_s=None,
    )  # fmt: skip
    annotator = AttributionAnnotator(
        make_tiny_model(tiny_tokenizer), tiny_tokenizer, PromptFormat(), method="gradient",
        prose="clause", influence_cap_nats=0.01, needed_influence=1e-9, max_batch_tokens=2048,
    )  # fmt: skip
    assert annotator.name == "attribution:gradient"
    found, graded = annotator.attribute(trace), annotator.annotate(trace)
    assert [graded.units[i].kind for i in found.formulas] == [UnitKind.FORMULA] * 3
    assert all(0 <= value <= 1 for value in found.importance)
    assert {i for i, value in enumerate(graded.importance) if value == NEEDED} == found.needed != set()
    assert graded.n_forward_tokens == found.n_forward_tokens > 0

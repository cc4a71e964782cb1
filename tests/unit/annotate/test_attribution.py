"""Leave-one-out attribution on a tiny random model: what is measured, not what it means."""

import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from extracot.annotate.attribution import (
    AttributionAnnotator,
    EncodedTrace,
    encode_trace,
    leave_one_out,
    restatements,
)
from extracot.errors import DataError
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.slicing import NEEDED
from extracot.text.statements import read_statements
from extracot.text.units import UnitKind, segment

QUESTION = "Gus has 4. Compared to Gus, Ola has 5 more. How many does Ola have?"
COT = "Gus has 4, so $ Gus = 4 $. Ola has 5 more, so $ Ola = 4 + 5 = 9 $. We check: $ 4 + 5 = 9 $ holds."
RESPONSE = "\n\nThe answer is \\boxed{9}."


def make_trace(cot: str = COT, response: str = RESPONSE, answer: str = "9") -> Trace:
    return Trace(
        id="t1", problem_id="p1", question=QUESTION, answer=answer, level=None, cot=cot, response=response,
        model="toy", outcome=Outcome.CORRECT, is_closed=True,
        n_think_tokens=None, n_tokens=None, latency_s=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    # One token per printable character and per run of letters, with the space before it.
    words = [
        *("Gus", "Ola", "has", "so", "We", "check", "holds", "more", "think", "answer"),
        *("The", "is", "boxed", "Compared", "to", "How", "many", "does", "have"),
    ]
    pieces = [f"{space}{word}" for word in words for space in ("", " ")]
    pieces += [f"{space}{chr(c)}" for c in range(33, 127) for space in ("", " ")] + ["\n", " "]
    vocabulary = {"<unk>": 0, **{piece: i + 1 for i, piece in enumerate(dict.fromkeys(pieces))}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[A-Za-z]+| ?[^A-Za-z\s]|\s"), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<unk>")


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    torch.manual_seed(2)
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48,
        num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, max_position_embeddings=256, initializer_range=0.3,
    )  # fmt: skip
    return Qwen3ForCausalLM(config).eval()


def encode(tokenizer: PreTrainedTokenizerFast) -> EncodedTrace:
    return encode_trace(tokenizer, f"{QUESTION}\n", COT, RESPONSE, "9", segment(COT, "clause"))


def formula_units() -> list[int]:
    return [i for i, unit in enumerate(segment(COT, "clause")) if unit.kind is UnitKind.FORMULA]


def alone() -> list[list[int]]:
    return [[unit] for unit in formula_units()]


def test_every_token_goes_to_the_unit_that_it_begins_in(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer)
    for i, unit in enumerate(segment(COT, "clause")):
        ids = [t for t, owner in zip(encoded.token_ids, encoded.unit_of_token, strict=True) if owner == i]
        assert "".join(tokenizer.convert_ids_to_tokens(ids)) == unit.of(COT)
    answer_ids = [
        t
        for t, owner in zip(encoded.token_ids, encoded.unit_of_token, strict=True)
        if owner == encoded.n_units
    ]
    assert tokenizer.convert_ids_to_tokens(answer_ids) == ["9"]


def test_a_response_without_a_box_gets_one(tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode_trace(tokenizer, "Q\n", COT, "", "9", segment(COT, "clause"))
    tokens = tokenizer.convert_ids_to_tokens(encoded.token_ids)
    assert tokens[-3:] == ["{", "9", "}"]
    assert encoded.unit_of_token[-2] == encoded.n_units


def test_a_prompt_that_opens_the_block_is_followed_without_a_second_tag(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    units = segment(COT, "clause")
    opened = encode_trace(tokenizer, "Q\n<think>\n", COT, RESPONSE, "9", units)
    plain = encode_trace(tokenizer, "Q\n", COT, RESPONSE, "9", units)
    assert opened.token_ids == plain.token_ids
    assert opened.unit_of_token == plain.unit_of_token


def test_influence_is_the_difference_of_two_plain_forward_passes(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    encoded = encode(tokenizer)
    units = formula_units()
    influence, n_forward_tokens = leave_one_out(model, encoded, alone(), max_batch_tokens=10_000, pad_id=0)

    def log_probability(skip: int | None, of: int) -> float:
        kept = [t for t, owner in enumerate(encoded.unit_of_token) if owner != skip]
        ids = torch.tensor([[encoded.token_ids[t] for t in kept]])
        with torch.no_grad():
            scores = model(input_ids=ids).logits[0].log_softmax(-1)
        return sum(
            scores[i - 1, encoded.token_ids[t]].item()
            for i, t in enumerate(kept)
            if encoded.unit_of_token[t] == of
        )

    for j, deleted in enumerate(units):
        for i, later in enumerate([*units, encoded.n_units]):
            expected = log_probability(None, later) - log_probability(deleted, later) if i > j else 0.0
            assert influence[j][i] == pytest.approx(expected, abs=1e-3)
    # Four sequences of the full length: the whole one, and three that are padded to it.
    assert n_forward_tokens == 4 * len(encoded.token_ids)


def test_what_restates_a_formula_is_left_out_with_it() -> None:
    cot = "So $ Gus = 4 $. Gus holds 4. Next, $ Ola = 4 + 5 = 9 $. Ola holds 9. Kim has 9 more. Check: $ 4 + 5 = 9 $."
    units = segment(cot, "clause")
    texts = [unit.of(cot).strip() for unit in units]
    first, second, check = (i for i, unit in enumerate(units) if unit.kind is UnitKind.FORMULA)
    statements = read_statements(cot, units)
    assert [texts[i] for i in restatements(statements, first)] == ["Gus holds 4."]
    # The run behind the formula names its result alone; the check repeats its equation.
    assert [texts[i] for i in restatements(statements, second)] == ["Ola holds 9.", "Kim has 9 more.", texts[check]]


def test_a_group_is_deleted_as_a_whole(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer)
    first, second, check = formula_units()
    together, _ = leave_one_out(model, encoded, [[first], [second, check]], max_batch_tokens=10_000, pad_id=0)
    apart, _ = leave_one_out(model, encoded, alone(), max_batch_tokens=10_000, pad_id=0)
    assert together[0][-1] == pytest.approx(apart[0][-1], abs=1e-3)
    assert together[1][-1] != pytest.approx(apart[1][-1], abs=1e-3)


def test_batching_changes_nothing(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    encoded = encode(tokenizer)
    whole, _ = leave_one_out(model, encoded, alone(), max_batch_tokens=10_000, pad_id=0)
    single, _ = leave_one_out(model, encoded, alone(), max_batch_tokens=1, pad_id=0)
    for a, b in zip(whole, single, strict=True):
        assert a == pytest.approx(b, abs=1e-3)


def annotator(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, needed: float
) -> AttributionAnnotator:
    return AttributionAnnotator(
        model, tokenizer, PromptFormat(), prose="clause", influence_cap_nats=0.01, needed_influence=needed,
        max_batch_tokens=2048,
    )  # fmt: skip


def test_grades_are_tiers_and_only_formulas_are_needed(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    graded = annotator(model, tokenizer, needed=1e-9).annotate(make_trace())
    assert graded.n_forward_tokens > 0
    assert set(graded.importance) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    needed = [
        unit.kind for unit, value in zip(graded.units, graded.importance, strict=True) if value == NEEDED
    ]
    assert needed and set(needed) == {UnitKind.FORMULA}


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        (make_trace(cot="I just know it."), "no formula"),
        (make_trace(response="", answer=""), "no final answer"),
        (make_trace(cot=COT * 20), "the model reads 256"),
    ],
)
def test_what_cannot_be_attributed_says_why(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, trace: Trace, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        annotator(model, tokenizer, needed=0.2).annotate(trace)

"""Importance by what a language model misses: leave-one-out over formulas, chained back from the answer.

Every formula that says something new is deleted in turn, together with what merely restates it, and the drop of
log-probability of each later formula and of the answer is measured. Deletion removes tokens and changes no other, so
the same tokens are compared. Alone, a formula would hardly be missed: verbose traces repeat its result in prose and
in checks, and a language model reads it there.

Source: METHOD section 6.1 ("attribution"); the chaining is ours. Cost: one forward pass over the whole
sequence per formula; `gradient.py` estimates the same from one forward pass and a backward pass per needed formula.
Not covered: the influence of prose, whose tiers follow from the formulas as in slicing.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import torch

from extracot.annotate.annotator import Graded, check_needed, concluded_answer
from extracot.annotate.gradient import gradient_importance
from extracot.annotate.influence import chain_influence
from extracot.errors import DataError, ModelError
from extracot.models.prompts import PromptFormat
from extracot.records.trace import Trace
from extracot.text.answers import last_boxed
from extracot.text.slicing import answer_unit, tiered_importance
from extracot.text.statements import Statements, read_statements
from extracot.text.think import render_response
from extracot.text.units import Unit, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_NO_UNIT: Final = -1
_THINK_START: Final = "<think>\n"


@dataclass(frozen=True, slots=True)
class EncodedTrace:
    """A prompt with its response as tokens, each assigned to a unit."""

    token_ids: list[int]
    unit_of_token: list[int]
    """The token's unit; -1 outside the chain of thought; for the answer's tokens, the number of units."""
    n_units: int


@dataclass(frozen=True, slots=True)
class Attribution:
    """How important the formulas of one trace are to a model."""

    answer: str
    """What the trace concludes."""
    units: list[Unit]
    statements: Statements
    """Of the units."""
    formulas: list[int]
    """[F] units that say something new."""
    importance: list[float]
    """[F] chained influence on the answer, in [0, 1]."""
    needed: set[int]
    """Those of the formulas that count as needed."""
    n_forward_tokens: int
    """Tokens that the model read for it, padding included; those of a backward pass once more."""


class AttributionAnnotator:
    """Chained attribution under one causal language model."""

    n_at_once = 1

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        prompt_format: PromptFormat,
        *,
        method: Literal["leave_one_out", "gradient"] = "leave_one_out",
        prose: Literal["word", "clause"],
        influence_cap_nats: float,
        needed_influence: float,
        max_batch_tokens: int,
    ) -> None:
        """Take a model in eval mode; the numbers are those of `AnnotateConfig`.

        Raises:
            ModelError: the tokenizer cannot say which characters a token stands for.
        """
        if not tokenizer.is_fast:
            raise ModelError(
                "attribution needs character offsets of tokens; give the model a fast tokenizer.json"
            )
        self.name = "attribution" if method == "leave_one_out" else f"attribution:{method}"
        self._method = method
        # Gradients are taken with respect to embeddings; those of weights would double the cost of a backward pass.
        self._model = model.requires_grad_(False)
        self._tokenizer = tokenizer
        self._prompt_format = prompt_format
        self._prose: Literal["word", "clause"] = prose
        self._cap = influence_cap_nats
        self._needed_influence = needed_influence
        self._max_batch_tokens = max_batch_tokens

    def annotate(self, trace: Trace) -> Graded:
        """Grade one trace: the needed formulas, and the box with the answer.

        Raises:
            DataError: no answer, no formula, nothing needed, or longer than the model reads.
        """
        found = self.attribute(trace)
        check_needed(found.needed, found.answer)
        needed = set(found.needed)
        final = answer_unit(trace.cot, found.units, found.answer)
        if final is not None and "\\boxed" in found.units[final].of(trace.cot):
            needed.add(final)
        importance = tiered_importance(trace.question, found.units, found.statements, needed)
        return Graded(found.units, importance, found.n_forward_tokens)

    def attribute(self, trace: Trace) -> Attribution:
        """Measure the formulas of one trace. One is needed from `needed_influence` on, or where none gets there if no
        other has more influence than it.

        Raises:
            DataError: no answer, no formula, or longer than the model reads.
        """
        answer = concluded_answer(trace)
        units = segment(trace.cot, self._prose)
        statements = read_statements(trace.cot, units)
        formulas = [
            i
            for i, equation in enumerate(statements.equations)
            if equation is not None and not statements.is_repeat[i]
        ]
        if not formulas:
            raise DataError("the chain of thought states no formula, so there is nothing to leave out")
        groups = [(i, *restatements(statements, i)) for i in formulas]
        prompt = self._prompt_format.render(self._tokenizer, trace.question, None)
        encoded = encode_trace(self._tokenizer, prompt, trace.cot, trace.response, answer, units)
        check_length(self._model, encoded)
        if self._method == "gradient":
            chained, n_forward_tokens = gradient_importance(
                self._model, encoded, groups, self._cap, self._needed_influence
            )
        else:
            influence, n_forward_tokens = leave_one_out(
                self._model, encoded, groups, self._max_batch_tokens, self._tokenizer.pad_token_id or 0
            )
            chained = chain_influence(influence, self._cap)
        # Where the question all but states the answer nothing is missed much; the most missed formula it is then.
        threshold = min(self._needed_influence, max(chained))
        needed = {i for i, value in zip(formulas, chained, strict=True) if value >= threshold > 0}
        return Attribution(answer, units, statements, formulas, chained, needed, n_forward_tokens)

    def stop(self) -> None:
        """See `Annotator.stop`."""


def restatements(statements: Statements, formula: int) -> list[int]:
    """Units behind a formula that add nothing to it: its result in the prose next to it, and repeated equations.

    Args:
        statements: of the whole text.
        formula: index of a unit with an equation.

    Returns:
        Indices, ascending: the unbroken run of prose units right behind the formula that name its result and no
        other number, and every later formula all of whose facts the formula states.
    """
    equation = statements.equations[formula]
    assert equation is not None
    result = {equation.value}
    behind = formula + 1
    while behind < len(statements.numbers) and set(statements.numbers[behind]) == result:
        behind += 1
    repeated = [
        i
        for i in range(behind, len(statements.equations))
        if (other := statements.equations[i]) is not None
        and statements.is_repeat[i]
        and other.facts <= equation.facts | equation.sides
    ]
    return [*range(formula + 1, behind), *repeated]


def encode_trace(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: str,
    cot: str,
    response: str,
    answer: str,
    units: "Sequence[Unit]",
) -> EncodedTrace:
    """Tokenize prompt, think block and visible answer, and assign each token to the unit that it begins in.

    A response without a box gets one, so that there is an answer to predict. A prompt that opens the think
    block itself is followed without a second opening tag.

    Raises:
        UsageError: `cot` holds a closing think tag.
    """
    if last_boxed(response) != answer:
        response = f"{response}\n\n\\boxed{{{answer}}}"
    completion = render_response(None, cot, response)
    if prompt.rstrip().endswith(_THINK_START.strip()):
        completion = completion.removeprefix(_THINK_START)
        cot_start = 0
    else:
        cot_start = len(_THINK_START)
    answer_start = completion.rindex(answer)
    prompt_ids: list[int] = tokenizer.encode(prompt, add_special_tokens=False)
    encoding = tokenizer(completion, add_special_tokens=False, return_offsets_mapping=True)
    starts = [unit.start for unit in units]
    unit_of_token = [_NO_UNIT] * len(prompt_ids)
    for start, end in encoding["offset_mapping"]:
        # A token that begins with white space belongs to what comes behind it, as in `segment`.
        first = start
        while first < end - 1 and completion[first].isspace():
            first += 1
        if end > answer_start and start < answer_start + len(answer):
            unit_of_token.append(len(units))
        elif start < end and cot_start <= first < cot_start + len(cot):
            unit_of_token.append(bisect_right(starts, first - cot_start) - 1)
        else:
            unit_of_token.append(_NO_UNIT)
    return EncodedTrace([*prompt_ids, *encoding["input_ids"]], unit_of_token, len(units))


def check_length(model: "PreTrainedModel", encoded: EncodedTrace) -> None:
    """Refuse (DataError) a sequence that is longer than the model's positions."""
    n_tokens = len(encoded.token_ids)
    limit = getattr(model.config, "max_position_embeddings", None)
    if isinstance(limit, int) and n_tokens > limit:
        raise DataError(f"{n_tokens} tokens with prompt and answer; the model reads {limit}")


@torch.no_grad()
def leave_one_out(
    model: "PreTrainedModel",
    encoded: EncodedTrace,
    groups: "Sequence[Sequence[int]]",
    max_batch_tokens: int,
    pad_id: int,
) -> tuple[list[list[float]], int]:
    """Measure what each later formula and the answer lose when one formula and its restatements are deleted.

    Args:
        model: causal, in eval mode.
        encoded: of the trace.
        groups: [F] units that are deleted together: a formula, then what restates it; formulas ascending.
        max_batch_tokens: bounds one forward pass; at least one sequence is always read.
        pad_id: any token id; padding stands on the right and is masked.

    Returns:
        [F, F + 1] drop of log-probability in nats, row: deleted group, column: formula in the order of `groups`,
        then the answer; 0 for what stands before the deletion. And the number of tokens read, padding
        included.

    Raises:
        DataError: the sequence does not fit in memory.
    """
    n_tokens = len(encoded.token_ids)
    sequences = [list(range(n_tokens))]
    sequences += [[t for t in range(n_tokens) if encoded.unit_of_token[t] not in group] for group in groups]
    batch_size = max(1, max_batch_tokens // n_tokens)
    totals: list[torch.Tensor] = []
    n_forward_tokens = 0
    for first in range(0, len(sequences), batch_size):
        rows = sequences[first : first + batch_size]
        try:
            totals.append(_unit_log_probabilities(model, encoded, rows, pad_id))
        except torch.OutOfMemoryError as error:
            raise DataError(f"{n_tokens} tokens do not fit in memory; lower max_batch_tokens") from error
        n_forward_tokens += len(rows) * max(map(len, rows))
    totals_SU = torch.cat(totals)
    columns = [*(group[0] for group in groups), encoded.n_units]
    drops = (totals_SU[:1, columns] - totals_SU[1:, columns]).tolist()
    return [
        [0.0 if i <= j else drop for i, drop in enumerate(row)] for j, row in enumerate(drops)
    ], n_forward_tokens


def _unit_log_probabilities(
    model: "PreTrainedModel", encoded: EncodedTrace, rows: list[list[int]], pad_id: int
) -> torch.Tensor:
    """Sum the log-probabilities of each unit's tokens.

    Args:
        rows: [S] positions in `encoded` that each sequence keeps.

    Returns:
        [S, U + 1] float32 on the CPU, the last column for the answer.
    """
    length = max(map(len, rows))
    input_ids = torch.full((len(rows), length), pad_id)
    # Column U + 1 collects what belongs to no unit, padding included.
    unit_index = torch.full((len(rows), length), encoded.n_units + 1)
    mask = torch.zeros_like(input_ids)
    for s, row in enumerate(rows):
        input_ids[s, : len(row)] = torch.tensor([encoded.token_ids[t] for t in row])
        owners = torch.tensor([encoded.unit_of_token[t] for t in row])
        unit_index[s, : len(row)] = torch.where(owners == _NO_UNIT, encoded.n_units + 1, owners)
        mask[s, : len(row)] = 1
    input_ids = input_ids.to(model.device)
    logits_SLV = model(input_ids=input_ids, attention_mask=mask.to(model.device), use_cache=False).logits[
        :, :-1
    ]
    chosen_SL = logits_SLV.gather(-1, input_ids[:, 1:, None])[..., 0].float()
    log_probabilities_SL = (chosen_SL - logits_SLV.float().logsumexp(-1)).cpu()
    totals_SU = torch.zeros(len(rows), encoded.n_units + 2)
    totals_SU.scatter_add_(1, unit_index[:, 1:], log_probabilities_SL)
    return totals_SU[:, : encoded.n_units + 1]

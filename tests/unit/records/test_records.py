import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from extracot import errors
from extracot.io.jsonl import read_records
from extracot.records import (
    Annotation,
    CallOutcome,
    ChatExample,
    Compression,
    Message,
    Outcome,
    Problem,
    Record,
    Rejection,
    Score,
    SftExample,
    TeacherBudget,
    TeacherCall,
    Trace,
    UnitScores,
)

PROBLEM = Problem(id="p-1", question="1 + 1?", answer="2", level=None, source="test")
TRACE = Trace(
    id="t-1",
    problem_id="p-1",
    question="1 + 1?",
    answer="2",
    level=3,
    cot="$1 + 1 = 2$. Sûr.",
    response="\n\n\\boxed{2}",
    model="toy",
    outcome=Outcome.CORRECT,
    is_closed=True,
    n_think_tokens=9,
    n_tokens=15,
    latency_s=0.25,
)
ANNOTATION = Annotation(
    trace_id="t-1",
    annotator="slicing",
    spans=[(0, 12), (12, 17)],
    importance=[1.0, 0.0],
    outcome="ok",
    error=None,
)
COMPRESSION = Compression(
    trace_id="t-1",
    problem_id="p-1",
    scorer="slicing",
    target_ratio=0.5,
    actual_ratio=0.6,
    n_tokens=6,
    n_original_tokens=10,
    text="$1 + 1 = 2$.",
    kept=[(0, 12)],
    n_formulas=1,
    n_formulas_kept=1,
    keeps_answer=True,
    outcome="ok",
    error=None,
)
UNIT_SCORES = UnitScores(
    trace_id="t-1", scorer="slice", spans=[(0, 12), (12, 17)], scores=[1.0, -0.5], outcome="ok", error=None
)
CHAT_EXAMPLE = ChatExample(
    id="s-1",
    problem_id="p-1",
    queue="policy",
    target_ratio=0.2,
    prompt=[Message(role="user", content="<COMP_POLICY>")],
    completion=[Message(role="assistant", content="<COMP_20>")],
)
REJECTION = Rejection(trace_id="t-1", target_ratio=None, filter="too_long", detail="9 tokens, more than 8")
SFT_EXAMPLE = SftExample(
    id="s-1",
    problem_id="p-1",
    queue="policy",
    target_ratio=0.2,
    prompt="<COMP_POLICY>",
    completion="<COMP_20>",
    n_prompt_tokens=1,
    n_completion_tokens=1,
)
BUDGET = TeacherBudget(
    problem_id="p-1",
    question="1 + 1?",
    answer="2",
    level=1,
    pass_rates={"0.20": 0.5, "1.00": 1.0},
    actual_ratios={"0.20": 0.25, "1.00": 1.0},
    teacher_ratio=1.0,
    n_reference_think_tokens=9.0,
    n_samples=2,
)
SCORE = Score(
    problem_id="p-1",
    arm="chrpo",
    mode="policy",
    target_ratio=None,
    chosen_ratio=0.2,
    outcome=Outcome.TRUNCATED,
    level=None,
    n_think_tokens=3,
    n_tokens=9,
    n_reference_think_tokens=None,
    latency_s=0.1,
    is_closed=False,
    completion="<COMP_20>",
    question="1 + 1?",
    answer="2",
    sample=0,
)
CALL = TeacherCall(
    trace_id="t-1",
    chunk=0,
    n_chunks=1,
    attempt=1,
    digest="0" * 64,
    outcome=CallOutcome.OK,
    error=None,
    status=200,
    keep=[(0, 1)],
    n_outside=0,
    latency_s=0.5,
    n_prompt_tokens=100,
    n_completion_tokens=10,
    price=None,
)
RECORDS = [PROBLEM, TRACE, ANNOTATION, CALL, COMPRESSION, UNIT_SCORES, SFT_EXAMPLE, CHAT_EXAMPLE, REJECTION]
RECORDS += [BUDGET, SCORE]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_survives_its_line(record: Record) -> None:
    assert type(record).model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_opens_with_its_format_and_says_what_every_field_is(record: Record) -> None:
    fields = type(record).model_fields
    assert next(iter(fields)) == "format"
    assert all(field.description for field in fields.values())


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_frozen_and_closed(record: Record) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        record.format = "other"  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(record).model_validate({**record.model_dump(), "more": 1})


def test_formats_are_all_different() -> None:
    formats = [type(record).model_fields["format"].default for record in RECORDS]
    assert len(set(formats)) == len(formats)


@pytest.mark.parametrize(
    ("record", "change"),
    [
        (ANNOTATION, {"importance": [1.0]}),
        (ANNOTATION, {"importance": [1.0, 1.5]}),
        (ANNOTATION, {"spans": [(0, 12), (11, 17)]}),  # overlap
        (ANNOTATION, {"spans": [(12, 17), (0, 12)]}),  # order
        (ANNOTATION, {"spans": [(0, 0), (12, 17)]}),  # empty
        (ANNOTATION, {"outcome": "failed"}),  # without an error
        (COMPRESSION, {"n_formulas_kept": 2}),
        (COMPRESSION, {"target_ratio": 0.0}),
        (COMPRESSION, {"target_ratio": None}),  # and no threshold
        (COMPRESSION, {"threshold": 0.5}),  # and a ratio
        (UNIT_SCORES, {"scores": [1.0]}),
        (COMPRESSION, {"target_ratio": 1.1}),
        (COMPRESSION, {"actual_ratio": float("nan")}),
        (COMPRESSION, {"error": "but outcome is ok"}),
        (BUDGET, {"pass_rates": {"0.2": 1.0}}),
        (BUDGET, {"pass_rates": {"0.20": 1.5}}),
        (BUDGET, {"n_reference_think_tokens": 0}),
        (SCORE, {"outcome": "maybe"}),
        (SCORE, {"mode": "auto"}),
        (SFT_EXAMPLE, {"queue": "other"}),
        (CHAT_EXAMPLE, {"prompt": [{"role": "other", "content": ""}]}),
        (REJECTION, {"target_ratio": 0}),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(record: Record, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        type(record).model_validate({**record.model_dump(), **change})


def test_a_compression_may_measure_more_than_the_whole() -> None:
    assert COMPRESSION.model_copy(update={"actual_ratio": 1.02}).actual_ratio == 1.02


@pytest.mark.parametrize(
    "kind",
    [value for value in vars(errors).values() if isinstance(value, type)],
    ids=lambda kind: kind.__name__,
)
def test_an_error_survives_pickling_with_its_message(kind: type[errors.ExtracotError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what, where, how")))
    assert type(error) is kind
    assert str(error) == "what, where, how"
    assert error.exit_code in (1, 2)


def test_a_budget_of_format_1_is_still_read(tmp_path: Path) -> None:
    old = {**BUDGET.model_dump(mode="json", exclude={"actual_ratios"}), "format": "extracot.budget/1"}
    (tmp_path / "budgets.jsonl").write_text(json.dumps(old) + "\n", encoding="utf-8")
    (read,) = read_records(tmp_path / "budgets.jsonl", TeacherBudget)
    assert read == BUDGET.model_copy(update={"actual_ratios": {}})


def test_a_compression_of_format_1_is_still_read(tmp_path: Path) -> None:
    old = {**COMPRESSION.model_dump(mode="json"), "format": "extracot.compression/1"}
    del old["threshold"]
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps(old) + "\n")
    assert list(read_records(path, Compression)) == [COMPRESSION]
    path.write_text(json.dumps({**old, "format": "extracot.compression/3"}) + "\n")
    with pytest.raises(errors.DataError, match="has format 'extracot.compression/3'; this version reads"):
        list(read_records(path, Compression))

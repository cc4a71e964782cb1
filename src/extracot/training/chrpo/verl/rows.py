"""The problems of a run as verl reads them: one Parquet row each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from extracot.models.prompts import PromptFormat
from extracot.records.budget import TeacherBudget
from extracot.records.chat_example import Message
from extracot.text.control import POLICY_TOKEN

DATA_SOURCE = "extracot"
"""What verl groups its validation figures by."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GroundTruth(_Part):
    """What verl calls the reward model."""

    style: Literal["rule"] = "rule"
    """Rewards come from rules, not from a model."""
    ground_truth: str
    """The gold answer."""


class ExtraInfo(_Part):
    """What the rewards need besides the answer."""

    index: int = Field(ge=0)
    """The row's place in the file."""
    problem_id: str
    """The problem that was measured."""
    level: int | None
    """Its difficulty; None where the source is silent."""
    teacher_ratio: float | None
    """r*; None when no ratio solves it."""
    n_reference_think_tokens: float = Field(gt=0)
    """What actual ratios are measured against."""
    grid: list[float]
    """Ratios that the model has tokens for."""


class VerlRow(_Part):
    """One problem, in the columns that verl's data set asks for."""

    data_source: Literal["extracot"] = "extracot"
    """Always the same: the rewards do not depend on where a problem comes from."""
    prompt: list[Message]
    """The turns before the response; the last one ends with the policy token."""
    ability: Literal["math"] = "math"
    """verl only keeps it."""
    reward_model: GroundTruth
    """The gold answer."""
    extra_info: ExtraInfo
    """The rest."""


def make_rows(chosen: Sequence[TeacherBudget], prompt_format: PromptFormat, grid: Sequence[float]) -> list[VerlRow]:
    """A row per problem, in order; its prompt asks for the model's own choice of budget."""
    return [
        VerlRow(
            prompt=[Message.model_validate(turn) for turn in prompt_format.messages(budget.question, POLICY_TOKEN)],
            reward_model=GroundTruth(ground_truth=budget.answer),
            extra_info=ExtraInfo(
                index=index,
                problem_id=budget.problem_id,
                level=budget.level,
                teacher_ratio=budget.teacher_ratio,
                n_reference_think_tokens=budget.n_reference_think_tokens,
                grid=list(grid),
            ),
        )
        for index, budget in enumerate(chosen)
    ]


def write_parquet(path: Path, rows: Sequence[VerlRow]) -> None:
    """Write rows in order; the types of the columns do not depend on what the rows hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    schema = pa.schema(
        [
            ("data_source", text),
            ("prompt", pa.list_(pa.struct([("role", text), ("content", text)]))),
            ("ability", text),
            ("reward_model", pa.struct([("style", text), ("ground_truth", text)])),
            (
                "extra_info",
                pa.struct(
                    [
                        ("index", pa.int64()),
                        ("problem_id", text),
                        ("level", pa.int64()),
                        ("teacher_ratio", number),
                        ("n_reference_think_tokens", number),
                        ("grid", pa.list_(number)),
                    ]
                ),
            ),
        ]
    )
    pq.write_table(pa.Table.from_pylist([row.model_dump() for row in rows], schema=schema), str(path))

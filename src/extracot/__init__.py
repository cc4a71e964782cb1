"""extracot: extreme-ratio chain-of-thought compression, and one reasoning model with a budget knob.

The names below are the public ones. Each is imported when it is first used, so that `import extracot` costs
nothing. Everything else is reached through its room, as in `extracot.training.chrpo`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extracot.compressor.compressed import CompressedText as CompressedText
    from extracot.compressor.compressed import ScoredUnit as ScoredUnit
    from extracot.compressor.compressor import Compressor as Compressor
    from extracot.compressor.scorers.scorer import Passage as Passage
    from extracot.compressor.scorers.slicing import SliceScorer as SliceScorer
    from extracot.errors import ExtracotError as ExtracotError
    from extracot.grading.grader import Grade as Grade
    from extracot.grading.grader import Grader as Grader
    from extracot.grading.grader import grade as grade
    from extracot.models.prompts import PromptFormat as PromptFormat
    from extracot.records.annotation import Annotation as Annotation
    from extracot.records.budget import TeacherBudget as TeacherBudget
    from extracot.records.compression import Compression as Compression
    from extracot.records.outcome import Outcome as Outcome
    from extracot.records.problem import Problem as Problem
    from extracot.records.problem import load_problems as load_problems
    from extracot.records.score import Score as Score
    from extracot.records.sft_example import SftExample as SftExample
    from extracot.records.trace import Trace as Trace
    from extracot.records.trace import load_traces as load_traces
    from extracot.records.unit_scores import UnitScores as UnitScores
    from extracot.text.control import control_token as control_token
    from extracot.text.control import control_tokens as control_tokens
    from extracot.text.control import parse_control_token as parse_control_token
    from extracot.text.think import ThinkSplit as ThinkSplit
    from extracot.text.think import render_response as render_response
    from extracot.text.think import split_response as split_response
    from extracot.text.units import Unit as Unit
    from extracot.text.units import UnitKind as UnitKind
    from extracot.text.units import segment as segment

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "records.annotation",
    "CompressedText": "compressor.compressed",
    "Compression": "records.compression",
    "Compressor": "compressor.compressor",
    "ExtracotError": "errors",
    "Grade": "grading.grader",
    "Grader": "grading.grader",
    "Outcome": "records.outcome",
    "Passage": "compressor.scorers.scorer",
    "Problem": "records.problem",
    "PromptFormat": "models.prompts",
    "Score": "records.score",
    "ScoredUnit": "compressor.compressed",
    "SftExample": "records.sft_example",
    "SliceScorer": "compressor.scorers.slicing",
    "TeacherBudget": "records.budget",
    "ThinkSplit": "text.think",
    "Trace": "records.trace",
    "Unit": "text.units",
    "UnitKind": "text.units",
    "UnitScores": "records.unit_scores",
    "control_token": "text.control",
    "control_tokens": "text.control",
    "grade": "grading.grader",
    "load_problems": "records.problem",
    "load_traces": "records.trace",
    "parse_control_token": "text.control",
    "render_response": "text.think",
    "segment": "text.units",
    "split_response": "text.think",
}

__all__ = [
    "Annotation",
    "CompressedText",
    "Compression",
    "Compressor",
    "ExtracotError",
    "Grade",
    "Grader",
    "Outcome",
    "Passage",
    "Problem",
    "PromptFormat",
    "Score",
    "ScoredUnit",
    "SftExample",
    "SliceScorer",
    "TeacherBudget",
    "ThinkSplit",
    "Trace",
    "Unit",
    "UnitKind",
    "UnitScores",
    "__version__",
    "control_token",
    "control_tokens",
    "grade",
    "load_problems",
    "load_traces",
    "parse_control_token",
    "render_response",
    "segment",
    "split_response",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'extracot' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"extracot.{_HOMES[name]}"), name)
    globals()[name] = value  # so that the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The nouns that cross a file boundary, one file each, and the readers of problems and traces."""

from extracot.records.annotation import Annotation
from extracot.records.budget import TeacherBudget
from extracot.records.chat_example import ChatExample, Message
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem, load_problems, problem_id
from extracot.records.record import Record
from extracot.records.rejection import Rejection
from extracot.records.score import Score
from extracot.records.sft_example import SftExample
from extracot.records.teacher_call import CallOutcome, TeacherCall
from extracot.records.trace import BadTrace, Trace, iterate_traces, load_traces, scan_traces
from extracot.records.unit_scores import UnitScores

__all__ = [
    "Annotation",
    "BadTrace",
    "CallOutcome",
    "ChatExample",
    "Compression",
    "Message",
    "Outcome",
    "Problem",
    "Record",
    "Rejection",
    "Score",
    "SftExample",
    "TeacherBudget",
    "TeacherCall",
    "Trace",
    "UnitScores",
    "iterate_traces",
    "load_problems",
    "load_traces",
    "problem_id",
    "scan_traces",
]

"""Take over traces that exist already: graded by the one grader, written as the stage's own.

A row is one of two kinds, told apart by its keys; keys not named here are ignored:

- a chat: `messages` with one user turn and at last an assistant turn whose text has a think block (or that has it in
  `reasoning_content` or `reasoning`). The gold answer is `gold` or `answer`.
- plain: `question`, `cot` and `response`, the visible text, with the gold answer under `answer` (or `gold`). Without a
  `response` but with a gold answer from elsewhere, `answer` is what the model answered; a bare one is put into a box,
  where graders and training look for it. Without either, what the chain of thought boxes is compared with `answer`.

In both, `id`, `problem_id`, `level`, `model` and `finish_reason` are used where present; a finish_reason of "length"
means truncated. A gold answer that a row lacks is looked up in the problems file, by `problem_id`, then by question.

Not covered: chats of several questions, tool calls, several samples in one row.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from extracot.errors import DataError, StageError
from extracot.generate.config import GenerateConfig
from extracot.generate.progress import CompletionProgress
from extracot.grading.grader import Grader
from extracot.io.jsonl import JsonlWriter, count_rows, read_records, scan_jsonl
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.load import load_tokenizer
from extracot.models.prompts import count_tokens
from extracot.problems.read import resolve_problems
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem, parse_level, problem_id
from extracot.records.trace import Trace
from extracot.text.answers import last_boxed
from extracot.text.think import THINK_END, THINK_START, split_response

RECORDS: Final = "traces.jsonl"
REJECTED: Final = "rejected.jsonl"


class Rejection(StrEnum):
    """Why a row gives no trace."""

    NOT_JSON = "not_json"
    """The line is no JSON object."""
    NO_QUESTION = "no_question"
    """Neither a user turn nor a `question`, or one without text."""
    NO_REASONING = "no_reasoning"
    """Neither an assistant turn with a think block nor a `cot`, or nothing in it."""
    SEVERAL_TURNS = "several_turns"
    """More than one user or assistant turn: which question a thought belongs to is not told."""
    NO_UNICODE = "no_unicode"
    """It holds half of a surrogate pair, which no file can hold."""
    DUPLICATE = "duplicate"
    """An earlier row gave the same trace, or one of the same id."""


class RowRejected(Exception):
    """Raised by the readers of rows and counted by the stage; not an error of the run."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ForeignTrace:
    """What a row says."""

    question: str
    cot: str
    """Inside of the think block."""
    response: str
    """The visible text; "" where there is none."""
    is_closed: bool
    """The think block was closed."""
    is_truncated: bool
    """The token limit cut it."""
    gold: str | None
    """The gold answer; None where the row has none."""
    bare_answer: str | None
    """For a plain row without `response`: its `answer`, gold or the model's own, as the rest decides."""


def import_traces(config: GenerateConfig, run_dir: RunDirectory) -> Manifest:
    """Grade and write row by row; a resumed run goes on with the rows that are missing.

    Writes records/traces.jsonl, and records/rejected.jsonl with the lines that give no trace.

    Raises:
        DataError, MissingFileError: a file that cannot be read.
        ModelError: no such model.
        StageError: no row gives a trace.
    """
    assert config.traces is not None, "the caller checks this"
    golds = GoldAnswers(resolve_problems(config.problems) if config.problems is not None else [])
    count = _counter(config.model)
    path = run_dir.records(RECORDS)
    n_rows = count_rows(config.traces)
    with (
        Grader() as grader,
        JsonlWriter(path) as writer,
        JsonlWriter(run_dir.records(REJECTED), append=False) as rejected,
    ):
        finished = {trace.id for trace in read_records(path, Trace)}
        progress = CompletionProgress(run_dir.log, "import", min(n_rows, config.limit or n_rows))
        rejections: Counter[Rejection] = Counter()
        seen: set[str] = set()
        for number, row in islice(scan_jsonl(config.traces), config.limit):
            try:
                if isinstance(row, DataError):
                    raise RowRejected(Rejection.NOT_JSON)
                trace_id, foreign = _read_new(row, seen)
            except RowRejected as error:
                rejections[error.reason] += 1
                rejected.write({"format": "extracot.rejected-row/1", "line": number, "reason": error.reason.value})
                progress.add_failure()
                continue
            if trace_id in finished:
                progress.skip()
                continue
            trace = make_imported_trace(trace_id, foreign, row, golds, grader, count)
            writer.write(trace)
            is_correct = None if trace.outcome is Outcome.UNGRADED else trace.outcome is Outcome.CORRECT
            progress.add(trace.n_think_tokens or 0, is_correct)
    return _finish(config, run_dir, rejections)


def plan_import(config: GenerateConfig) -> str:
    """What `import_traces` would do, from the first rows."""
    assert config.traces is not None, "the caller checks this"
    kinds = Counter(_kind_of(row) for _, row in islice(scan_jsonl(config.traces), 100))
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "nothing"
    return f"{count_rows(config.traces)} traces of {config.traces} (among the first 100: {shown}), graded as they are"


def _kind_of(row: Mapping[str, Any] | DataError) -> str:
    if isinstance(row, DataError):
        return "lines that are no JSON objects"
    return "chats" if "messages" in row else "plain rows"


def read_foreign(row: Mapping[str, Any]) -> ForeignTrace:
    """What a row says.

    Raises:
        RowRejected: it gives no trace.
    """
    return _read_chat(row) if "messages" in row else _read_plain(row)


class GoldAnswers:
    """The gold answers of a problems file, by id and by question."""

    def __init__(self, problems: list[Problem]) -> None:
        self._by_id = {problem.id: problem for problem in problems}
        self._by_question = {_squeeze(problem.question): problem for problem in problems}

    def find(self, name: Any, question: str) -> Problem | None:
        """The problem of a row, by its `problem_id` where it has one, else by its question but for white space."""
        found = self._by_id.get(name) if isinstance(name, str) else None
        return found or self._by_question.get(_squeeze(question))


def make_imported_trace(
    trace_id: str,
    foreign: ForeignTrace,
    row: Mapping[str, Any],
    golds: GoldAnswers,
    grader: Grader,
    count: Callable[[str], int | None],
) -> Trace:
    """The graded record of one row."""
    problem = golds.find(row.get("problem_id"), foreign.question)
    gold = foreign.gold if foreign.gold is not None else (None if problem is None else problem.answer)
    response, graded = foreign.response, f"{THINK_START}\n{THINK_END}{foreign.response}"
    if foreign.bare_answer is not None and gold is not None:
        response = graded = _boxed(foreign.bare_answer)
    elif foreign.bare_answer is not None:
        gold = foreign.bare_answer
        graded = foreign.cot if last_boxed(foreign.cot) else ""
    is_ungraded = gold is None or (not graded and not foreign.is_truncated)
    if foreign.is_truncated:
        outcome = Outcome.TRUNCATED
    elif not foreign.is_closed:
        outcome = Outcome.NO_ANSWER
    else:
        outcome = Outcome.UNGRADED if is_ungraded else grader.grade(gold or "", graded).outcome
    answer = gold or ""
    found_id = row.get("problem_id")
    return Trace(
        id=trace_id,
        problem_id=found_id
        if isinstance(found_id, str) and found_id
        else (problem_id(foreign.question, answer) if problem is None else problem.id),
        question=foreign.question,
        answer=answer,
        level=parse_level(row.get("level")) if problem is None else problem.level,
        cot=foreign.cot,
        response=response,
        model=_text_of(row, "model") or "unknown",
        outcome=outcome,
        is_closed=foreign.is_closed,
        n_think_tokens=count(foreign.cot),
        n_tokens=None,
        latency_s=None,
    )


def _read_new(row: Mapping[str, Any], seen: set[str]) -> tuple[str, ForeignTrace]:
    """The name of a row's trace and what it says; enters the name into those seen."""
    foreign = read_foreign(row)
    content = "\x1f".join((foreign.question, foreign.cot, foreign.response, foreign.bare_answer or ""))
    try:
        digest = hashlib.sha256(content.encode()).hexdigest()
        trace_id = _text_of(row, "id") or f"t-{digest[:16]}"
        trace_id.encode()
    except UnicodeEncodeError:
        raise RowRejected(Rejection.NO_UNICODE) from None
    if trace_id in seen:
        raise RowRejected(Rejection.DUPLICATE)
    seen.add(trace_id)
    return trace_id, foreign


def _read_chat(row: Mapping[str, Any]) -> ForeignTrace:
    turns = row["messages"] if isinstance(row["messages"], list) else []
    turns = [turn for turn in turns if isinstance(turn, dict)]
    users = [turn for turn in turns if turn.get("role") == "user"]
    assistants = [turn for turn in turns if turn.get("role") == "assistant"]
    question = _content_of(users[0]) if users else ""
    if not question.strip():
        raise RowRejected(Rejection.NO_QUESTION)
    if not assistants:
        raise RowRejected(Rejection.NO_REASONING)
    if len(users) > 1 or len(assistants) > 1:
        raise RowRejected(Rejection.SEVERAL_TURNS)
    said = assistants[0]
    text = _content_of(said)
    reasoning = _text_of(said, "reasoning_content") or _text_of(said, "reasoning")
    is_truncated = _is_truncated(row)
    if reasoning:
        is_closed = bool(text.strip()) or not is_truncated
        cot, visible = reasoning.strip("\n"), text
    else:
        parts = split_response(text)
        is_closed, cot, visible = parts.is_closed, parts.cot, parts.visible
    if not cot.strip():
        raise RowRejected(Rejection.NO_REASONING)
    gold = _text_of(row, "gold") or _text_of(row, "answer")
    return ForeignTrace(question, cot, visible, is_closed, is_truncated, gold, bare_answer=None)


def _read_plain(row: Mapping[str, Any]) -> ForeignTrace:
    question = _text_of(row, "question")
    cot = row.get("cot")
    if question is None:
        raise RowRejected(Rejection.NO_QUESTION)
    if not isinstance(cot, str):
        raise RowRejected(Rejection.NO_REASONING)
    response = row.get("response") if isinstance(row.get("response"), str) else None
    is_closed = row.get("is_closed") is not False
    if THINK_START in cot or THINK_END in cot:
        parts = split_response(cot)
        cot, is_closed = parts.cot, parts.is_closed
        response = response or parts.visible or None
    if not cot.strip():
        raise RowRejected(Rejection.NO_REASONING)
    gold, answer = _text_of(row, "gold"), _text_of(row, "answer")
    if response is not None:
        return ForeignTrace(question, cot, response, is_closed, _is_truncated(row), gold or answer, bare_answer=None)
    return ForeignTrace(question, cot, "", is_closed, _is_truncated(row), gold, bare_answer=answer)


def _is_truncated(row: Mapping[str, Any]) -> bool:
    return row.get("finish_reason") == "length" or row.get("outcome") == Outcome.TRUNCATED.value


def _content_of(turn: Mapping[str, Any]) -> str:
    """The text of a turn, which may come in parts."""
    content = turn.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _text_of(row: Mapping[str, Any], key: str) -> str | None:
    """A text that is there and not blank; a number counts as its text."""
    value = row.get(key)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value.strip() else None


def _boxed(answer: str) -> str:
    """An answer as a visible text: as it is where it has a box or several lines, else in a box."""
    if last_boxed(answer) is not None or "\n" in answer.strip():
        return f"\n\n{answer}"
    return f"\n\n\\boxed{{{answer.strip()}}}"


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _counter(model: str | None) -> Callable[[str], int | None]:
    if model is None:
        return lambda _: None
    tokenizer = load_tokenizer(model)
    return lambda text: count_tokens(tokenizer, text)


def _finish(config: GenerateConfig, run_dir: RunDirectory, rejections: Counter[Rejection]) -> Manifest:
    path, rejected = run_dir.records(RECORDS), run_dir.records(REJECTED)
    outcomes: Counter[str] = Counter()
    n_think_tokens = 0
    for trace in read_records(path, Trace):
        outcomes[trace.outcome.value] += 1
        n_think_tokens += trace.n_think_tokens or 0
    n_traces = sum(outcomes.values())
    if not n_traces:
        raise StageError(f"{config.traces}: no row gives a trace; {rejected} says why, line by line")
    for reason, n in rejections.most_common():
        run_dir.log(f"import: {n} rows rejected: {reason.value}")
    return run_dir.finish(
        inputs=[item for item in (config.traces, config.problems) if item and not item.startswith("toy:")],
        outputs=[path, *([rejected] if rejections else [])],
        counts={
            "traces": n_traces,
            **{outcome.value: outcomes[outcome.value] for outcome in Outcome},
            **{f"rejected_{reason.value}": rejections[reason] for reason in Rejection},
        },
        seeds={},
        accuracy=outcomes[Outcome.CORRECT.value] / n_traces,
        mean_think_tokens=n_think_tokens / n_traces if config.model is not None else None,
    )

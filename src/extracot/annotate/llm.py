"""Importance by asking a teacher: any model behind an OpenAI-compatible chat endpoint.

The teacher names unit indices, never text, so labels align exactly. What it keeps is NEEDED; the rest gets the tiers
that follow from it without a model, as with the other annotators (`text/slicing.py`): prose beside what is kept, new
statements, other prose, repetitions. A request that fails, and a reply that is empty, unreadable or keeps nothing,
says nothing about the trace: it is asked again, and at last the trace fails.

Source: METHOD section 2.2, where the paper asks GPT-4o; the prompt and everything about transport are ours.
Not covered: a reply that keeps everything, or the wrong things, in good form. Look at `needed_units` in the manifest.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from extracot.annotate.annotator import Graded, concluded_answer
from extracot.annotate.calls import CallLedger
from extracot.annotate.chat import ChatReply, read_completion, request_body
from extracot.annotate.chunks import chunk_units
from extracot.annotate.reply import Reading, read_reply
from extracot.annotate.teacher_prompt import REPLY_SCHEMA, build_messages, messages_digest
from extracot.errors import DataError
from extracot.records.teacher_call import CallOutcome, TeacherCall
from extracot.records.trace import Trace
from extracot.remote.endpoint import Reply
from extracot.remote.service import Service, may_pass
from extracot.text.slicing import tiered_importance
from extracot.text.statements import read_statements
from extracot.text.units import segment

_SCHEMA_REFUSED: Final = frozenset({400, 415, 422, 501})
_SERVICE_FAILURES: Final = frozenset({CallOutcome.TIMEOUT, CallOutcome.UNREACHABLE, CallOutcome.HTTP_ERROR})


@dataclass(frozen=True, slots=True)
class AskSettings:
    """How a teacher is asked; the fields are those of `LlmConfig`."""

    model: str
    structured: Literal["auto", "json_schema", "none"]
    max_tokens: int
    temperature: float | None
    retry_temperature: float
    extra_body: Mapping[str, Any]
    chunk_units: int
    chunk_chars: int
    max_attempts: int
    prices_per_million: tuple[float, float] | None
    """Of prompt and completion tokens."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One chunk, ready to be asked about."""

    trace_id: str
    chunk: int
    n_chunks: int
    allowed: range
    messages: list[dict[str, str]]
    digest: str


class LlmAnnotator:
    """A teacher behind a chat endpoint; `annotate` may be called from many threads."""

    def __init__(
        self,
        service: Service,
        settings: AskSettings,
        ledger: CallLedger,
        *,
        prose: Literal["word", "clause"],
        n_at_once: int,
        log: Callable[[str], None],
    ) -> None:
        """Take everything ready-made; `log` is told once that the server takes no schema."""
        self.name = f"llm:{settings.model}"
        self.n_at_once = n_at_once
        self._service = service
        self._settings = settings
        self._ledger = ledger
        self._prose: Literal["word", "clause"] = prose
        self._log = log
        self._lock = threading.Lock()
        self._takes_schema: bool | None = {"json_schema": True, "none": False}.get(settings.structured)

    def annotate(self, trace: Trace) -> Graded:
        """Grade one trace, chunk after chunk.

        Raises:
            DataError: empty, no answer, or a chunk that the teacher did not answer usefully.
            StageError: the key or the model is refused, or the service is down: no trace would fare better.
        """
        answer = concluded_answer(trace)
        units = segment(trace.cot, self._prose)
        if not units:
            raise DataError("the chain of thought is empty, so there is nothing to ask about")
        statements = read_statements(trace.cot, units)
        texts = [unit.of(trace.cot) for unit in units]
        chunks = chunk_units(
            [len(text) for text in texts],
            statements.sentences,
            self._settings.chunk_units,
            self._settings.chunk_chars,
        )
        needed: set[int] = set()
        for part, chunk in enumerate(chunks):
            messages = build_messages(
                trace.question, answer, texts[chunk.start : chunk.stop], chunk.start, part, len(chunks)
            )
            question = _Question(trace.id, part, len(chunks), chunk, messages, messages_digest(messages))
            for start, end in self._ask(question):
                needed.update(range(start, end))
        return Graded(units, tiered_importance(trace.question, units, statements, needed))

    def stop(self) -> None:
        """See `Annotator.stop`."""
        self._service.stop()

    def _ask(self, question: _Question) -> Sequence[tuple[int, int]]:
        """The ranges that the teacher keeps of one chunk; from an earlier attempt of the run if it is known."""
        known = self._ledger.answer(question.digest)
        if known is not None:
            return known
        settings = self._settings
        n_requests = 0
        reads_badly = is_service = False
        for attempt in range(1, settings.max_attempts + 1):
            temperature = settings.temperature
            if reads_badly and temperature is not None:
                temperature = max(temperature, settings.retry_temperature)
            reply, reading, n_requests = self._request(question, temperature, n_requests)
            if reading.outcome is CallOutcome.OK:
                return reading.keep
            self._service.check(reply)
            if reply.status == 200:
                self._service.count_answer()
            is_service = reading.outcome in _SERVICE_FAILURES
            reads_badly = not is_service
            if not may_pass(reply):
                break
            if attempt < settings.max_attempts:
                self._service.wait(reply, attempt)
        if is_service:
            self._service.count_failure(reading.error)
        part = f"part {question.chunk + 1} of {question.n_chunks}: " if question.n_chunks > 1 else ""
        times = "request" if n_requests == 1 else "requests"
        raise DataError(f"{part}{reading.error} ({n_requests} {times}, the last: {reading.outcome})")

    def _request(
        self, question: _Question, temperature: float | None, n_requests: int
    ) -> tuple[Reply, Reading, int]:
        """One attempt: one request, or two where the first shows that the server takes no schema."""
        takes_schema = self._takes_schema
        reply, reading = self._send(question, temperature, takes_schema is not False, n_requests + 1)
        if takes_schema is not None:
            return reply, reading, n_requests + 1
        if reply.status == 200:
            self._takes_schema = True
        elif reply.status in _SCHEMA_REFUSED:
            refusal = reply.error
            reply, reading = self._send(question, temperature, False, n_requests + 2)
            if reply.status == 200:
                with self._lock:
                    is_news, self._takes_schema = self._takes_schema is None, False
                if is_news:
                    self._log(f"the server takes no response_format ({refusal}); asking without")
            return reply, reading, n_requests + 2
        return reply, reading, n_requests + 1

    def _send(
        self, question: _Question, temperature: float | None, with_schema: bool, number: int
    ) -> tuple[Reply, Reading]:
        """Send one request when it is this thread's turn, read the reply and enter both in the ledger."""
        settings = self._settings
        body = request_body(
            settings.model,
            question.messages,
            max_tokens=settings.max_tokens,
            temperature=temperature,
            schema=REPLY_SCHEMA if with_schema else None,
            extra=settings.extra_body,
        )
        reply = self._service.send(body)
        completion = read_completion(reply)
        if completion.outcome is CallOutcome.OK:
            reading = read_reply(completion.text, question.allowed)
        else:
            reading = Reading(completion.outcome, error=completion.error)
        self._ledger.add(
            TeacherCall(
                trace_id=question.trace_id,
                chunk=question.chunk,
                n_chunks=question.n_chunks,
                attempt=number,
                digest=question.digest,
                outcome=reading.outcome,
                error=reading.error,
                status=reply.status,
                keep=list(reading.keep),
                n_outside=reading.n_outside,
                latency_s=round(reply.latency_s, 4),
                n_prompt_tokens=completion.n_prompt_tokens,
                n_completion_tokens=completion.n_completion_tokens,
                price=price_of(completion, settings.prices_per_million),
            )
        )
        return reply, reading


def price_of(completion: ChatReply, per_million: tuple[float, float] | None) -> float | None:
    """What one completion cost; None without prices, or where the server did not count."""
    if per_million is None or completion.n_prompt_tokens is None or completion.n_completion_tokens is None:
        return None
    return (per_million[0] * completion.n_prompt_tokens + per_million[1] * completion.n_completion_tokens) / 1e6

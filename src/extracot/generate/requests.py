"""What is to be generated: one request per problem and sample, each with a name that its content gives it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from extracot.generate.backend import request_seed
from extracot.records.problem import Problem


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One completion that is asked for."""

    trace_id: str
    """Of the trace that it will become: the same for the same model, prompt, sample and seed, anywhere."""
    problem: Problem
    prompt: str
    """Rendered, with its control token."""
    seed: int
    """Of this request's own random stream."""


def trace_requests(
    problems: Iterable[Problem], render: Callable[[str], str], model: str, n_samples: int, seed: int
) -> Iterator[TraceRequest]:
    """Every sample of every problem, problem by problem.

    Args:
        problems: their ids must differ.
        render: makes the prompt of a question.
        model: as the config names it.
        n_samples: requests per problem.
        seed: of the whole run.
    """
    for problem in problems:
        prompt = render(problem.question)
        for sample in range(n_samples):
            content = "\x1f".join((model, problem.id, prompt, str(sample), str(seed)))
            digest = hashlib.sha256(content.encode()).hexdigest()
            yield TraceRequest(f"t-{digest[:16]}", problem, prompt, request_seed(prompt, seed, sample))

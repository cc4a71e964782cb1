"""The evaluation loop: every arm, mode, problem and sample becomes one score, as completions come, resumably.

The base arm goes first, since its think tokens are the reference of everyone else. What is already written is
recognised by (arm, mode, ratio, problem, sample) and not asked again; a kill costs what is being generated.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

from extracot.errors import StageError
from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import RowKey
from extracot.evaluation.scoring import make_score
from extracot.evaluation.table import describe_mode
from extracot.generate.backend import Backend, FailedRequest, Generation, Sampling, request_seed
from extracot.generate.backend_config import ServerConfig
from extracot.generate.progress import CompletionProgress
from extracot.grading.grader import Grader
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.score import Score


class Respondent(Protocol):
    """A model ready to be asked; it may live in this process or behind a server."""

    @property
    def backend(self) -> Backend: ...

    def render(self, prompt_format: PromptFormat, question: str, control: str | None) -> str:
        """The prompt of a question."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text in this model's tokenizer."""
        ...


@dataclass(frozen=True, slots=True)
class ArmMode:
    """One way of asking an arm."""

    key: RowKey
    control: str | None
    """The control token at the end of the prompt; None for base."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One model and all the ways in which it is asked."""

    name: str
    model: str
    prompt_format: PromptFormat
    modes: Sequence[ArmMode]
    server: ServerConfig | None = None
    """Its own server, where it has one."""


def score_arms(
    arms: Sequence[Arm],
    problems: Sequence[Problem],
    sampling: Sampling,
    n_samples: int,
    batch_size: int | None,
    scores_path: Path,
    open_model: Callable[[Arm], Respondent],
    log: Callable[[str], None],
) -> None:
    """Append every score that is not yet in the file at `scores_path`.

    Args:
        arms: the base arm first, if there is one.
        problems: distinct ids.
        sampling: the same for everyone; each completion has its own seed, whatever its batch.
        n_samples: completions per problem and mode.
        batch_size: completions that a backend is given at once; None for all, where it keeps a queue itself.
        scores_path: read first, then appended to.
        open_model: loads the model of an arm, or finds its server; called only for arms that still owe scores.
        log: told how far every mode is.

    Raises:
        StageError: completions that did not come; all others are written.
    """
    with Grader() as grader, _ScoreFile(scores_path) as score_file:
        for arm in arms:
            if any(score_file.owed(mode.key, problems, n_samples) for mode in arm.modes):
                log(f"{arm.name}: loading {arm.model}")
                # Opened in the call, so that one model is gone before the next is loaded.
                _score_arm(
                    arm,
                    open_model(arm),
                    problems,
                    sampling,
                    n_samples,
                    batch_size,
                    grader,
                    score_file,
                    log,
                )
            else:
                log(f"{arm.name}: already scored")


def _score_arm(
    arm: Arm,
    respondent: Respondent,
    problems: Sequence[Problem],
    sampling: Sampling,
    n_samples: int,
    batch_size: int | None,
    grader: Grader,
    score_file: "_ScoreFile",
    log: Callable[[str], None],
) -> None:
    for mode in arm.modes:
        requests = [
            _Request(problem, sample, respondent.render(arm.prompt_format, problem.question, mode.control))
            for problem, sample in score_file.owed(mode.key, problems, n_samples)
        ]
        name = f"{arm.name} {describe_mode(mode.key)}" if mode.key.arm != BASE_ARM else arm.name
        progress = CompletionProgress(log, name, len(requests))
        intake = _Intake(mode.key, n_samples, respondent.count_tokens, grader, score_file, progress)
        for start in range(0, len(requests), batch_size or max(len(requests), 1)):
            _ask(respondent.backend, requests[start : start + (batch_size or len(requests))], sampling, intake)
        intake.check(name)


def _ask(backend: Backend, requests: Sequence["_Request"], sampling: Sampling, intake: "_Intake") -> None:
    backend.generate(
        [request.prompt for request in requests],
        sampling,
        on_done=lambda index, generation: intake.add(requests[index], generation),
        seeds=[request_seed(request.prompt, sampling.seed, request.sample) for request in requests],
        on_failed=lambda _, failed: intake.fail(failed),
    )


class _Request(NamedTuple):
    """One completion that is owed."""

    problem: Problem
    sample: int
    prompt: str


class _Intake:
    """Takes what a backend hands over: grades and writes each completion at once, and keeps account of the rest.

    Samples of the base model are an exception: their mean is the problem's reference, so the first of them wait for
    the last.
    """

    def __init__(
        self,
        key: RowKey,
        n_samples: int,
        count_tokens: Callable[[str], int],
        grader: Grader,
        score_file: "_ScoreFile",
        progress: CompletionProgress,
    ) -> None:
        self._key = key
        self._n_samples = n_samples
        self._count_tokens = count_tokens
        self._grader = grader
        self._score_file = score_file
        self._progress = progress
        self._waiting: defaultdict[str, list[Score]] = defaultdict(list)
        self._failed: list[FailedRequest] = []

    def add(self, request: _Request, generation: Generation) -> None:
        """One completion is there."""
        problem, sample, prompt = request
        grade = self._grader.grade(problem.answer, generation.text)
        score = make_score(self._key, problem, sample, prompt, generation, grade, self._count_tokens)
        if self._key.arm == BASE_ARM and not self._score_file.has_reference(problem.id):
            waiting = self._waiting[problem.id]
            waiting.append(score)
            if len(waiting) == self._n_samples:
                self._score_file.add_reference(problem.id, waiting)
                self._score_file.add(waiting)
        else:
            self._score_file.add([score])
        self._progress.add(score.n_tokens, score.outcome is Outcome.CORRECT)

    def fail(self, failed: FailedRequest) -> None:
        """One came to nothing."""
        self._failed.append(failed)
        self._progress.add_failure()

    def check(self, name: str) -> None:
        """See that every completion came.

        Raises:
            StageError: some did not; a resume asks for them again.
        """
        if self._failed:
            raise StageError(
                f"{name}: {len(self._failed)} completions did not come, the last for: {self._failed[-1].error}; "
                "all others are kept: see that the server answers, then --resume"
            )


class _ScoreId(NamedTuple):
    """What a resumed run recognises a score by."""

    key: RowKey
    problem_id: str
    sample: int


class _ScoreFile:
    """The scores on disk: knows what is there, fills in references, appends what is missing."""

    def __init__(self, path: Path) -> None:
        self._done: set[_ScoreId] = set()
        self._reference_tokens: dict[str, float | None] = {}
        if path.is_file():
            for score in read_records(path, Score):
                self._done.add(_score_id(score))
                if score.arm == BASE_ARM:
                    self._reference_tokens[score.problem_id] = score.n_reference_think_tokens
        self._writer = JsonlWriter(path)

    def owed(self, key: RowKey, problems: Sequence[Problem], n_samples: int) -> list[tuple[Problem, int]]:
        """Problems and numbers of the samples that are missing, problem by problem."""
        return [
            (problem, sample)
            for problem in problems
            for sample in range(n_samples)
            if _ScoreId(key, problem.id, sample) not in self._done
        ]

    def has_reference(self, problem_id: str) -> bool:
        """Whether the base model has answered this problem, as often as it is asked."""
        return problem_id in self._reference_tokens

    def add_reference(self, problem_id: str, scores: Sequence[Score]) -> None:
        """Remember the base model's mean think tokens over all samples of a problem; 0 tokens are no reference."""
        mean_tokens = sum(score.n_think_tokens for score in scores) / len(scores)
        self._reference_tokens[problem_id] = mean_tokens or None

    def add(self, scores: Iterable[Score]) -> None:
        """Write scores that are not there yet, with their references."""
        for score in scores:
            reference = self._reference_tokens.get(score.problem_id)
            self._writer.write(score.model_copy(update={"n_reference_think_tokens": reference}))
            self._done.add(_score_id(score))

    def __enter__(self) -> "_ScoreFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def _score_id(score: Score) -> _ScoreId:
    return _ScoreId(RowKey(score.arm, score.mode, score.target_ratio), score.problem_id, score.sample)

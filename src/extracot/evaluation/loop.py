"""The evaluation loop: every arm, mode, problem and sample becomes one score, batch by batch, resumably.

The base arm goes first, since its think tokens are the reference of everyone else. What is already written is
recognised by (arm, mode, ratio, problem, sample) and not written again; a kill costs at most one batch.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol

from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import RowKey, accuracy
from extracot.evaluation.scoring import make_score
from extracot.evaluation.table import describe_mode, percent
from extracot.generate.backend import Backend, Sampling, request_seed
from extracot.generate.backend_config import ServerConfig
from extracot.grading.grader import Grader
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.models.prompts import PromptFormat
from extracot.records.problem import Problem
from extracot.records.score import Score
from extracot.text.durations import format_duration


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
    batch_size: int,
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
        batch_size: completions that are generated, graded and written together (at least one problem's).
        scores_path: read first, then appended to.
        open_model: loads the model of an arm, or finds its server; called only for arms that still owe scores.
        log: told of every batch and every finished mode.
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
    batch_size: int,
    grader: Grader,
    score_file: "_ScoreFile",
    log: Callable[[str], None],
) -> None:
    n_at_once = max(1, batch_size // n_samples)
    for mode in arm.modes:
        name = f"{arm.name} {describe_mode(mode.key)}" if mode.key.arm != BASE_ARM else arm.name
        owed = score_file.owed(mode.key, problems, n_samples)
        new: list[Score] = []
        started = time.perf_counter()
        for start in range(0, len(owed), n_at_once):
            batch = owed[start : start + n_at_once]
            scores = _score_batch(arm.prompt_format, mode, batch, sampling, n_samples, respondent, grader)
            score_file.add(scores)
            new.extend(scores)
            n_done, elapsed_s = start + len(batch), time.perf_counter() - started
            log(
                f"{name}: {n_done}/{len(owed)} problems, {percent(accuracy(new))} % correct, "
                f"{sum(score.n_think_tokens for score in new) / len(new):.1f} think tokens, "
                f"{sum(score.n_tokens for score in new) / elapsed_s:.0f} tokens/s, "
                f"{format_duration(elapsed_s / n_done * (len(owed) - n_done))} left"
            )


def _score_batch(
    prompt_format: PromptFormat,
    mode: ArmMode,
    problems: Sequence[Problem],
    sampling: Sampling,
    n_samples: int,
    respondent: Respondent,
    grader: Grader,
) -> list[Score]:
    """All samples of some problems, problem by problem; without references yet."""
    requests = [
        (problem, sample, respondent.render(prompt_format, problem.question, mode.control))
        for problem in problems
        for sample in range(n_samples)
    ]
    generations = respondent.backend.generate(
        [prompt for _, _, prompt in requests],
        sampling,
        seeds=[request_seed(prompt, sampling.seed, sample) for _, sample, prompt in requests],
    )
    grades = grader.grade_many(
        (problem.answer, generation.text)
        for (problem, _, _), generation in zip(requests, generations, strict=True)
    )
    return [
        make_score(mode.key, problem, sample, prompt, generation, grade, respondent.count_tokens)
        for (problem, sample, prompt), generation, grade in zip(requests, generations, grades, strict=True)
    ]


class _ScoreId(NamedTuple):
    """What a resumed run recognises a score by."""

    key: RowKey
    problem_id: str
    sample: int


class _ScoreFile:
    """The scores on disk: knows what is there, fills in references, appends what is missing."""

    def __init__(self, path: Path) -> None:
        self._done: set[_ScoreId] = set()
        self._reference_tokens: dict[str, float] = {}
        if path.is_file():
            existing = list(read_records(path, Score))
            self._done = {_score_id(score) for score in existing}
            self._learn_references(existing)
        self._writer = JsonlWriter(path)

    def owed(self, key: RowKey, problems: Sequence[Problem], n_samples: int) -> list[Problem]:
        """Problems with a missing sample. They are asked whole again, which gives the same samples again."""
        return [
            problem
            for problem in problems
            if any(_ScoreId(key, problem.id, sample) not in self._done for sample in range(n_samples))
        ]

    def add(self, scores: Sequence[Score]) -> None:
        """Write those that are not there yet; `scores` hold all samples of each of their problems."""
        self._learn_references(scores)
        for score in scores:
            score_id = _score_id(score)
            if score_id not in self._done:
                # 0 think tokens are no reference either.
                reference = self._reference_tokens.get(score.problem_id) or None
                self._writer.write(score.model_copy(update={"n_reference_think_tokens": reference}))
                self._done.add(score_id)

    def _learn_references(self, scores: Iterable[Score]) -> None:
        """Remember the base arm's mean think tokens of each problem."""
        tokens: defaultdict[str, list[int]] = defaultdict(list)
        for score in scores:
            if score.arm == BASE_ARM:
                tokens[score.problem_id].append(score.n_think_tokens)
        self._reference_tokens |= {name: sum(counts) / len(counts) for name, counts in tokens.items()}

    def __enter__(self) -> "_ScoreFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def _score_id(score: Score) -> _ScoreId:
    return _ScoreId(RowKey(score.arm, score.mode, score.target_ratio), score.problem_id, score.sample)

"""The evaluation loop: every arm, mode, problem and sample becomes one score, written as soon as it is there.

The base arm goes first, since its think tokens are the reference of everyone else, and its thinking is what control
arms cut. What is already written is recognised by (arm, mode, ratio, problem, sample) and not asked again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extracot.errors import StageError
from extracot.evaluation.arms import Arm, ArmMode, CutThinking, Respondent
from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.cutting import closed_block, cut_thinking
from extracot.evaluation.metrics import RowKey
from extracot.evaluation.score_file import BASE_KEY, ScoreFile
from extracot.evaluation.scoring import make_score, split_completion
from extracot.evaluation.table import describe_mode
from extracot.generate.backend import FailedRequest, Generation, Sampling, request_seed
from extracot.generate.progress import CompletionProgress
from extracot.grading.grader import Grader
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.text.think import with_opened_think


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
    """Append every score that is not yet in the file at `scores_path`, and put the whole file in order.

    Args:
        arms: as they stand in the file at last, whatever the order in which they are asked; with control arms, those
            that they match and the base arm must be among them.
        problems: distinct ids.
        sampling: the same for everyone; each completion has its own seed, whatever its batch.
        n_samples: completions per problem and mode.
        batch_size: completions that are asked for at once; None for all, where nothing is gained by holding back.
        scores_path: read first, then appended to.
        open_model: loads the model of an arm, or finds its server; called only for arms that still owe scores.
        log: told now and then how far it is, and of every finished mode.

    Raises:
        StageError: completions that did not come; what came is kept, for a resume.
    """
    with Grader() as grader, ScoreFile(scores_path) as score_file:
        respondent, opened = None, None
        for arm in _as_they_run(arms):
            if not any(score_file.owed(mode.key, problems, n_samples) for mode in arm.modes):
                log(f"{arm.name}: already scored")
                continue
            if respondent is None or opened != (arm.model, arm.server):
                log(f"{arm.name}: loading {arm.model}")
                respondent = None  # one model is gone before the next is loaded
                respondent, opened = open_model(arm), (arm.model, arm.server)
            _score_arm(arm, respondent, problems, sampling, n_samples, batch_size, grader, score_file, log)
        score_file.put_in_order([mode.key for arm in arms for mode in arm.modes], problems)


def _as_they_run(arms: Sequence[Arm]) -> list[Arm]:
    """Control arms behind what they need and, since their model is the base model, side by side: behind the base arm
    those that match no other, behind everything those that do."""

    def turn(arm: Arm) -> int:
        if arm.cut is None:
            return 0 if arm.name == BASE_ARM else 2
        return 1 if arm.cut.matched_arm is None else 3

    return sorted(arms, key=turn)


def _score_arm(
    arm: Arm,
    respondent: Respondent,
    problems: Sequence[Problem],
    sampling: Sampling,
    n_samples: int,
    batch_size: int | None,
    grader: Grader,
    score_file: ScoreFile,
    log: Callable[[str], None],
) -> None:
    for mode in arm.modes:
        owed = score_file.owed(mode.key, problems, n_samples)
        if not owed:
            continue
        name = f"{arm.name} {describe_mode(mode.key)}" if arm.name != BASE_ARM else arm.name
        if arm.cut is None:
            requests = [_request(arm, mode, problem, sample, respondent, sampling.seed) for problem, sample in owed]
        else:
            requests = _cut_requests(arm, arm.cut, mode, owed, respondent, sampling.seed, score_file)
        intake = _Intake(name, mode.key, requests, sampling, respondent, grader, score_file, log)
        n_at_once = batch_size or len(requests)
        for start in range(0, len(requests), n_at_once):
            intake.ask(start, start + n_at_once, _answer_sampling(sampling, arm.cut))
        intake.check()


@dataclass(frozen=True, slots=True)
class _Request:
    """One completion that is asked for."""

    problem: Problem
    sample: int
    prompt: str
    given: str
    """What stands behind the prompt already, of the response; only in control arms."""
    seed: int


def _request(
    arm: Arm, mode: ArmMode, problem: Problem, sample: int, respondent: Respondent, seed: int, given: str = ""
) -> _Request:
    prompt = respondent.render(arm.prompt_format, problem.question, mode.control)
    return _Request(problem, sample, prompt, given, request_seed(prompt + given, seed, sample))


def _cut_requests(
    arm: Arm,
    cut: CutThinking,
    mode: ArmMode,
    owed: Sequence[tuple[Problem, int]],
    respondent: Respondent,
    seed: int,
    score_file: ScoreFile,
) -> list[_Request]:
    """The base model's prompts with its own thinking of the same sample behind them, cut and closed."""
    base_tokens = score_file.mean_think_tokens(BASE_KEY)
    matched = None
    if cut.matched_arm is not None:
        matched = score_file.mean_think_tokens(mode.key._replace(arm=cut.matched_arm))
    requests = []
    for problem, sample in owed:
        prompt = respondent.render(arm.prompt_format, problem.question, None)
        if matched is None:
            assert mode.key.target_ratio is not None, "a control without an arm to match has ratios"
            ratio = mode.key.target_ratio
        else:
            ratio = matched[problem.id] / base_tokens[problem.id] if base_tokens[problem.id] else 0.0
        cot = split_completion(prompt, score_file.base_score(problem.id, sample).completion).cot
        kept = cut_thinking(cut.kind, cot, respondent.token_spans, ratio, cut.seed)
        requests.append(_request(arm, mode, problem, sample, respondent, seed, closed_block(prompt, kept)))
    return requests


def _answer_sampling(sampling: Sampling, cut: CutThinking | None) -> Sampling:
    """The same for everyone, but that the answer of a control arm may have a limit of its own."""
    if cut is None or cut.max_answer_tokens is None:
        return sampling
    return sampling.model_copy(update={"max_new_tokens": min(cut.max_answer_tokens, sampling.max_new_tokens)})


class _Intake:
    """Asks for the completions of one row, grades and writes each as it comes, and keeps account of those that fail."""

    def __init__(
        self,
        name: str,
        key: RowKey,
        requests: Sequence[_Request],
        sampling: Sampling,
        respondent: Respondent,
        grader: Grader,
        score_file: ScoreFile,
        log: Callable[[str], None],
    ) -> None:
        self._name = name
        self._key = key
        self._requests = requests
        self._max_new_tokens = sampling.max_new_tokens
        self._respondent = respondent
        self._grader = grader
        self._score_file = score_file
        self._progress = CompletionProgress(log, name, len(requests))
        self._failed: list[FailedRequest] = []

    def ask(self, start: int, end: int, sampling: Sampling) -> None:
        """Ask for those with these numbers."""
        batch = self._requests[start:end]
        self._respondent.backend.generate(
            [request.prompt + request.given for request in batch],
            sampling,
            on_done=lambda index, generation: self._add(batch[index], generation),
            seeds=[request.seed for request in batch],
            on_failed=lambda _, failed: self._fail(failed),
        )

    def check(self) -> None:
        """See that every completion came.

        Raises:
            StageError: some did not; a resume asks for them again.
        """
        if self._failed:
            raise StageError(
                f"{self._name}: {len(self._failed)} of {len(self._requests)} completions did not come, the last for: "
                f"{self._failed[-1].error}; all others are kept: see that the server answers, then --resume"
            )

    def _add(self, request: _Request, generation: Generation) -> None:
        count = self._respondent.count_tokens
        if request.given:  # who was given its thinking is held to the same limit
            n_tokens = count(request.given) + len(generation.token_ids)
            is_over = n_tokens > self._max_new_tokens
            generation = replace(generation, is_truncated=generation.is_truncated or is_over)
        response = with_opened_think(request.prompt, request.given + generation.text)
        grade = self._grader.grade(request.problem.answer, response)
        score = make_score(
            self._key, request.problem, request.sample, request.prompt, generation, grade, count, request.given
        )  # fmt: skip
        self._score_file.add(score)
        self._progress.add(len(generation.token_ids), score.outcome is Outcome.CORRECT)

    def _fail(self, failed: FailedRequest) -> None:
        self._failed.append(failed)
        self._progress.add_failure()

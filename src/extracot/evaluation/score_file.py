"""The scores of a run on disk: which are there, which are owed, and what they are measured against."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import RowKey
from extracot.io.atomic import write_text_atomic
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.records.problem import Problem
from extracot.records.score import Score

BASE_KEY = RowKey(BASE_ARM, "base", None)


class ScoreId(NamedTuple):
    """What a resumed run recognises a score by."""

    key: RowKey
    problem_id: str
    sample: int


class ScoreFile:
    """Appends scores as they come, in any order; `put_in_order` gives the file its final form. Use as a context."""

    def __init__(self, path: Path) -> None:
        """Read what an earlier attempt left at `path`, if anything."""
        self._path = path
        self._scores = {score_id(score): score for score in read_records(path, Score)} if path.is_file() else {}
        self._writer = JsonlWriter(path)

    def owed(self, key: RowKey, problems: Sequence[Problem], n_samples: int) -> list[tuple[Problem, int]]:
        """The missing samples of a row, problem by problem."""
        return [
            (problem, sample)
            for problem in problems
            for sample in range(n_samples)
            if ScoreId(key, problem.id, sample) not in self._scores
        ]

    def add(self, score: Score) -> None:
        """Write one that was owed."""
        self._scores[score_id(score)] = score
        self._writer.write(score)

    def base_score(self, problem_id: str, sample: int) -> Score:
        """What the base model wrote; it goes first, so that it is there."""
        return self._scores[ScoreId(BASE_KEY, problem_id, sample)]

    def mean_think_tokens(self, key: RowKey) -> dict[str, float]:
        """Of a row, by problem: the mean over its samples."""
        tokens: defaultdict[str, list[int]] = defaultdict(list)
        for (own, problem_id, _), score in self._scores.items():
            if own == key:
                tokens[problem_id].append(score.n_think_tokens)
        return {problem_id: sum(counts) / len(counts) for problem_id, counts in tokens.items()}

    def put_in_order(self, keys: Sequence[RowKey], problems: Sequence[Problem]) -> None:
        """Rewrite the file row by row, problem by problem, sample by sample, every score with its reference.

        The file is then the same however often the run was stopped, but for latencies.
        """
        self._writer.close()
        references = self.mean_think_tokens(BASE_KEY)
        place = {problem.id: number for number, problem in enumerate(problems)}

        def order(item: ScoreId) -> tuple[int, int, int]:
            return keys.index(item.key), place[item.problem_id], item.sample

        lines = [
            # 0 think tokens are no reference.
            self._scores[item].model_copy(
                update={"n_reference_think_tokens": references.get(item.problem_id) or None}
            ).model_dump_json()
            for item in sorted(self._scores, key=order)
        ]  # fmt: skip
        write_text_atomic(self._path, "".join(f"{line}\n" for line in lines))

    def __enter__(self) -> "ScoreFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def score_id(score: Score) -> ScoreId:
    """The name of a score in its run."""
    return ScoreId(RowKey(score.arm, score.mode, score.target_ratio), score.problem_id, score.sample)

"""Problems from the toy world, and the one place where a stage's `problems` value is turned into problems."""

from itertools import islice

from extracot.errors import UsageError
from extracot.records.problem import Problem, load_problems, problem_id
from extracot.toy.world import SPLITS, Split, ToyProblem, sample_problems

TOY_PREFIX = "toy:"


def resolve_problems(spec: str) -> list[Problem]:
    """The problems that a config's `problems` value means.

    Args:
        spec: `toy:<split>:<n>[:seed=<s>]` with split `train` or `heldout`, or the path of a problems file.

    Raises:
        UsageError: a toy spec that does not parse; says which part.
        MissingFileError, DataError: see `load_problems`.
    """
    if not spec.startswith(TOY_PREFIX):
        return load_problems(spec)
    split, n, seed = _parse_toy_spec(spec)
    return toy_problems(split, n, seed)


def toy_problems(split: Split, n: int, seed: int) -> list[Problem]:
    """The first n distinct problems of a split under a seed."""
    seen: dict[str, ToyProblem] = {}
    for problem in sample_problems(split, seed):
        if len(seen) == n:
            break
        seen.setdefault(problem.question, problem)
    return [to_record(problem, source=f"toy:{split}:seed={seed}") for problem in islice(seen.values(), n)]


def to_record(problem: ToyProblem, source: str) -> Problem:
    """The toy problem as any other problem; its level is the number of needed equations."""
    question, answer = problem.question, str(problem.answer)
    return Problem(
        id=problem_id(question, answer), question=question, answer=answer, level=problem.level, source=source
    )


def _parse_toy_spec(spec: str) -> tuple[Split, int, int]:
    usage = f"{spec!r}: write toy:train:800 or toy:heldout:500:seed=7"
    parts = spec.split(":")[1:]
    if not 2 <= len(parts) <= 3:
        raise UsageError(usage)
    if parts[0] not in SPLITS:
        raise UsageError(f"{usage}; the splits are {' and '.join(SPLITS)}")
    seed_text = parts[2].removeprefix("seed=") if len(parts) == 3 else "0"
    if not (parts[1].isdigit() and int(parts[1]) > 0 and seed_text.isdigit()):
        raise UsageError(f"{usage}; the number of problems and the seed are whole numbers, at least one problem")
    split: Split = "train" if parts[0] == "train" else "heldout"
    return split, int(parts[1]), int(seed_text)

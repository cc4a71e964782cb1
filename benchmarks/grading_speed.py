"""How fast answers are graded, and whether grades agree with those of others.

    python benchmarks/grading_speed.py
    python benchmarks/grading_speed.py --math-verify
    python benchmarks/grading_speed.py --traces traces.jsonl.gz

Easy checks are integers, decimals and fractions in a sentence, right and wrong ones; tricky checks are the table of the
tests (`--pairs`), each once. Each kind is graded in one call after the processes have started, `--repeats` times; rates
are those of the median. "by rules" is the share that needs no process.

With --math-verify the same table is also given to math-verify alone, as `extracot.grading.worker` calls it, in as many
processes with the same time limit: its rate, and on how many pairs its verdict is not the table's.

With traces (a `.jsonl` or `.jsonl.gz` whose rows have `answer`, `response`, `cot` and a flag `correct`), what the
response boxes, or else the last box of the chain of thought, is graded, and the grade compared with the flag. Every
disagreement is printed with the reason that can be told: the answers and what decided.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tables import Cell, markdown_table, write_json

from extracot import Grade, Grader, Outcome
from extracot.grading import GradeMethod
from extracot.grading.expressions import read_expression
from extracot.grading.worker import compare_symbolically, warm_up
from extracot.io.jsonl import read_jsonl
from extracot.text.answers import last_boxed

PAIRS = Path(__file__).parents[1] / "tests/unit/grading/answer_pairs.yaml"
NOT_BARE = ("completions", "known disagreements")
"""Kinds of the table that are not pairs of bare answers, or not settled."""
VERDICTS = {"same": True, "different": False}
TIMEOUT_S = 10.0
WARM = ("5", "\\boxed{\\max(3, 5)}")
"""Needs a process."""


class Check(NamedTuple):
    """A pair of answers and whether they are the same."""

    gold: str
    given: str
    is_same: bool

    @property
    def text(self) -> str:
        return f"So the answer is \\boxed{{{self.given}}}."


class Disagreement(NamedTuple):
    """A grade that is not the flag of its row."""

    gold: str
    grade: Grade
    is_flagged_correct: bool

    def __str__(self) -> str:
        flag = "right" if self.is_flagged_correct else "wrong"
        return (
            f"- flagged {flag}, graded {self.grade.outcome} ({self.grade.method}): "
            f"gold `{self.gold}`, answer `{self.grade.predicted}`"
        )


def easy_checks(n: int) -> list[Check]:
    """Integers, decimals and fractions; every third is wrong."""
    checks = []
    for i in range(n):
        gold, given = [(str(i), f"{i:,}"), (f"{i}.50", f"{2 * i + 1}/2"), (f"\\frac{{{i}}}{{7}}", f"\\dfrac{{{i}}}7")][
            i % 3
        ]
        is_same = i // 3 % 3 != 0
        checks.append(Check(gold, given if is_same else f"{i + 1}", is_same))
    return checks


def tricky_checks(path: Path) -> list[Check]:
    """The pairs of bare answers of the table that have a settled verdict."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [row for kind, rows in table.items() if kind not in NOT_BARE for row in rows]
    return [Check(row[0], row[1], VERDICTS[row[2]]) for row in rows if row[2] in VERDICTS]


def grade_all(grader: Grader, checks: Sequence[Check], repeats: int) -> tuple[float, list[Grade]]:
    """Median seconds of grading all checks in one call, and the grades."""
    seconds = []
    grades: list[Grade] = []
    for _ in range(repeats):
        read_expression.cache_clear()  # each repeat reads its answers anew
        started = time.perf_counter()
        grades = grader.grade_many((check.gold, check.text) for check in checks)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), grades


def count_wrong(checks: Iterable[Check], verdicts: Iterable[bool | None]) -> int:
    """How many verdicts are not the check's; an undecided one is wrong."""
    return sum(verdict is not check.is_same for check, verdict in zip(checks, verdicts, strict=True))


def verdict_of(grade: Grade) -> bool | None:
    """Whether a grade says that the answers are the same."""
    return {Outcome.CORRECT: True, Outcome.WRONG: False}.get(grade.outcome)


def speed_row(name: str, checks: Sequence[Check], grader: Grader, repeats: int) -> list[Cell]:
    """A row of the table of speeds."""
    seconds, grades = grade_all(grader, checks, repeats)
    by_rules = sum(grade.method is not GradeMethod.SYMBOLIC for grade in grades)
    n_wrong = count_wrong(checks, map(verdict_of, grades))
    return [name, len(checks), len(checks) / seconds, 100 * by_rules / len(checks), n_wrong]


def math_verify_row(checks: Sequence[Check], n_workers: int) -> list[Cell]:
    """The same row for math-verify alone."""
    import multiprocessing

    from pebble import ProcessPool

    context = multiprocessing.get_context("spawn")
    with ProcessPool(n_workers, initializer=warm_up, context=context) as pool:
        for future in [pool.schedule(compare_symbolically, ("1", f"{i}")) for i in range(4 * n_workers)]:
            future.result()
        started = time.perf_counter()
        futures = [
            pool.schedule(compare_symbolically, (check.gold, check.given), timeout=TIMEOUT_S) for check in checks
        ]
        verdicts = [_verdict_or_none(future) for future in futures]
        seconds = time.perf_counter() - started
    return ["tricky, math-verify alone", len(checks), len(checks) / seconds, 0.0, count_wrong(checks, verdicts)]


def _verdict_or_none(future: Any) -> bool | None:
    try:
        return future.result()
    except Exception:  # it raises many kinds, and a killed process raises its own
        return None


def compare_with_flags(
    rows: Iterable[Mapping[str, Any]], grader: Grader
) -> tuple[Counter[tuple[bool, str]], list[Disagreement]]:
    """How often each (flag, outcome) comes, and the grades that contradict their flags; no box contradicts none."""
    golds, flags, texts = [], [], []
    for row in rows:
        boxed = last_boxed(row["response"]) or last_boxed(row["cot"])
        golds.append(row["answer"])
        flags.append(bool(row["correct"]))
        texts.append(f"\\boxed{{{boxed}}}" if boxed else "")
    grades = grader.grade_many(zip(golds, texts, strict=True))
    counts = Counter((flag, grade.outcome.value) for flag, grade in zip(flags, grades, strict=True))
    disagreements = [
        Disagreement(gold, grade, flag)
        for gold, flag, grade in zip(golds, flags, grades, strict=True)
        if grade.outcome is not Outcome.NO_ANSWER and verdict_of(grade) is not flag
    ]
    return counts, disagreements


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, default=PAIRS, help="table of tricky pairs")
    parser.add_argument("--n-easy", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes for what rules leave open")
    parser.add_argument("--math-verify", action="store_true", help="also measure math-verify alone")
    parser.add_argument("--traces", nargs="*", default=[], help="files of traces with a flag `correct`")
    parser.add_argument("--json", help="write the figures here")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    tricky = tricky_checks(arguments.pairs)
    figures: dict[str, Any] = {}
    with Grader(timeout_s=TIMEOUT_S, n_workers=arguments.workers) as grader:
        grader.grade_many([WARM, (WARM[0], WARM[1].replace("5", "6"))])
        rows = [
            speed_row("easy", easy_checks(arguments.n_easy), grader, arguments.repeats),
            speed_row("tricky", tricky, grader, arguments.repeats),
        ]
        if arguments.math_verify:
            rows.append(math_verify_row(tricky, arguments.workers))
        figures["speed"] = rows
        print(markdown_table(["checks", "n", "a second", "by rules %", "not the table's verdict"], rows))
        for path in arguments.traces:
            traces = (row for _, row in read_jsonl(path))
            counts, disagreements = compare_with_flags(traces, grader)
            figures[Path(path).name] = {f"{flag} {outcome}": n for (flag, outcome), n in sorted(counts.items())}
            print(f"\n{Path(path).name}: {len(disagreements)} grades contradict their flag\n")
            table = [["right" if flag else "wrong", outcome, n] for (flag, outcome), n in sorted(counts.items())]
            print(markdown_table(["flag", "graded", "n"], table))
            for disagreement in disagreements:
                print(disagreement)
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()

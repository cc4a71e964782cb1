"""How well annotators find the needed formulas of the toy world, where the truth is known, and what that costs.

Annotates verbose toy chains of thought by slicing and by attribution under the packaged base model, and compares the
formulas that each calls needed with those of the world. A second table compares attribution by gradient with
leave-one-out, the method that it estimates. Seconds depend on the machine.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from extracot.annotate.annotator import Annotator, Graded
from extracot.annotate.attribution import AttributionAnnotator
from extracot.annotate.config import AnnotateConfig
from extracot.annotate.run import load_annotator
from extracot.errors import DataError
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace
from extracot.text.slicing import NEEDED
from extracot.text.units import UnitKind
from extracot.toy.problems import to_record
from extracot.toy.world import ToyProblem, sample_problems


@dataclass
class Tally:
    """Formulas over all problems, and problems whose needed formulas are exactly those of the world."""

    n_right: int = 0
    n_found: int = 0
    n_needed: int = 0
    n_exact: int = 0
    n_failed: int = 0

    def add(self, found: set[int], needed: set[int]) -> None:
        """Count one problem."""
        self.n_right += len(found & needed)
        self.n_found += len(found)
        self.n_needed += len(needed)
        self.n_exact += found == needed


def make_trace(problem: ToyProblem) -> Trace:
    """The verbose answer to a problem, as if a model had given it."""
    record = to_record(problem, source="toy:heldout")
    return Trace(
        id=record.id,
        problem_id=record.id,
        question=record.question,
        answer=record.answer,
        level=record.level,
        cot=problem.chain_of_thought(),
        response=problem.response().strip(),
        model="the toy world",
        outcome=Outcome.CORRECT,
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )


def truth(problem: ToyProblem, graded: Graded, cot: str) -> set[int]:
    """Units that hold the equation of a needed fact."""
    equations = [problem.facts[i].equation for i in problem.needed]
    return {
        index
        for index, unit in enumerate(graded.units)
        if unit.kind is UnitKind.FORMULA and any(equation in unit.of(cot) for equation in equations)
    }


def measure(annotator: Annotator, problems: Sequence[ToyProblem]) -> Tally:
    """Annotate every problem's trace and compare."""
    tally = Tally()
    for problem in problems:
        trace = make_trace(problem)
        try:
            graded = annotator.annotate(trace)
        except DataError:
            tally.n_failed += 1
            continue
        found = {
            index
            for index, (unit, importance) in enumerate(zip(graded.units, graded.importance, strict=True))
            if unit.kind is UnitKind.FORMULA and importance >= NEEDED
        }
        tally.add(found, truth(problem, graded, trace.cot))
    return tally


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's, equal values sharing their mean rank; None where either is constant."""
    ranks = [[sum(other < value for other in c) + (c.count(value) - 1) / 2 for value in c] for c in (a, b)]
    if any(len(set(of)) < 2 for of in ranks):
        return None
    return statistics.correlation(ranks[0], ranks[1])


def compare_methods(options: argparse.Namespace, problems: Sequence[ToyProblem]) -> None:
    """Print how far attribution by gradient agrees with leave-one-out, and the tokens that both read."""
    exact, cheap = (
        load_annotator(AnnotateConfig(traces="-", annotator="attribution", model="toy", method=method))
        for method in ("leave_one_out", "gradient")
    )
    assert isinstance(exact, AttributionAnnotator) and isinstance(cheap, AttributionAnnotator)
    correlations: list[float] = []
    overlaps: list[float] = []
    n_equal = n_tokens_exact = n_tokens_cheap = 0
    for problem in problems:
        trace = make_trace(problem)
        a, b = exact.attribute(trace), cheap.attribute(trace)
        rho = rank_correlation(a.importance, b.importance)
        if rho is not None:
            correlations.append(rho)
        union = a.needed | b.needed
        if union:
            overlaps.append(len(a.needed & b.needed) / len(union))
        n_equal += a.needed == b.needed
        n_tokens_exact += a.n_forward_tokens
        n_tokens_cheap += b.n_forward_tokens
    print("\ngradient against leave-one-out")
    print(f"rank correlation of importance, mean: {statistics.fmean(correlations):.2f} ({len(correlations)} traces)")
    print(f"needed formulas, intersection / union, mean: {statistics.fmean(overlaps):.2f}")
    print(f"same needed formulas: {100 * n_equal / options.n:.1f} % of traces")
    print(f"tokens read a trace: {n_tokens_cheap / options.n:.0f} against {n_tokens_exact / options.n:.0f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100, help="held-out problems (default: 100)")
    options = parser.parse_args()
    problems = list(islice(sample_problems("heldout", 13), options.n))
    configs = {
        "slice": AnnotateConfig(traces="-", annotator="slice"),
        "attribution": AnnotateConfig(traces="-", annotator="attribution", model="toy"),
        "attribution, gradient": AnnotateConfig(traces="-", annotator="attribution", model="toy", method="gradient"),
    }
    print(f"{options.n} held-out toy problems, verbose chains of thought")
    print(f"{'annotator':<22}{'exact %':>9}{'precision %':>13}{'recall %':>10}{'failed':>8}{'CPU s each':>12}")
    for name, config in configs.items():
        annotator = load_annotator(config)
        started_s = time.process_time()
        tally = measure(annotator, problems)
        cpu_s = time.process_time() - started_s
        print(
            f"{name:<22}{100 * tally.n_exact / options.n:>9.1f}{100 * tally.n_right / max(tally.n_found, 1):>13.1f}"
            f"{100 * tally.n_right / max(tally.n_needed, 1):>10.1f}{tally.n_failed:>8}{cpu_s / options.n:>12.4f}"
        )
    compare_methods(options, problems)


if __name__ == "__main__":
    main()

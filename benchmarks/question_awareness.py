"""What an encoder makes of the question: the same chains of thought with their own, with another and without any.

    python benchmarks/question_awareness.py --traces traces.jsonl.gz --solutions problems.jsonl --compressor default

Rows, per ratio: the question that the encoder is shown. `another` is that of another trace of the sample, drawn at
random. The answer is told in all rows, so the unit that states it stays in all of them. Columns:

- same text %: characters that are kept both with this and with the own question, of those kept with either.
- same order: rank correlation (Spearman, mean over traces) of the units' scores with those under the own question.
- solution kept %, way kept %: see fidelity.py. Under another question they have to fall, or the question is not read.
- fewer, more: traces that keep fewer or more results of their solution than with the own question, and the two-sided
  p-value of a sign test between the two.
"""

import argparse
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fidelity import Case, cover, read_cases, share_left, whole_numbers
from measured_importance import rank_correlation
from tables import Cell, markdown_table, write_json

from extracot import CompressedText, Compressor, Passage
from extracot.models.load import load_tokenizer


def other_questions(passages: Sequence[Passage], seed: int) -> list[Passage]:
    """Each passage with the question of another one; several traces of one question do not swap among themselves.

    Raises:
        SystemExit: all of them answer one question.
    """
    questions = sorted({passage.question for passage in passages})
    if len(questions) < 2:
        raise SystemExit("all traces answer one question; there is no other to show")
    generator = random.Random(seed)
    swapped = []
    for passage in passages:
        question = passage.question
        while question == passage.question:
            question = generator.choice(questions)
        swapped.append(replace(passage, question=question))
    return swapped


def overlap(length: int, first: CompressedText, second: CompressedText) -> float:
    """Characters that both keep, of those that either keeps."""
    pairs = list(zip(cover(length, first.kept), cover(length, second.kept), strict=True))
    n_either = sum(a or b for a, b in pairs)
    return sum(a and b for a, b in pairs) / n_either if n_either else 1.0


def sign_test(n_first: int, n_second: int) -> float:
    """Two-sided p-value of so uneven a split if either side were as likely; ties are left out beforehand."""
    n, least = n_first + n_second, min(n_first, n_second)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(least + 1)) / 2**n)


def n_results_kept(case: Case, text: str) -> int:
    """Intermediate results of the human solution that the text still states."""
    return len(case.results & whole_numbers(text))


def n_way_kept(case: Case, cut: CompressedText) -> int:
    """Formulas and values on the way to the answer that are left whole."""
    covered = cover(len(case.passage.cot), cut.kept)
    return sum(share_left(case.passage.cot, span, covered) == 1 for span in case.way)


def main() -> None:
    """Read the options, cut under each question, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", required=True, help="a .jsonl or .jsonl.gz of traces")
    parser.add_argument(
        "--solutions", nargs="+", default=[], help="problems with a `solution`; a trace's `bench_id` is their `id`"
    )
    parser.add_argument("--n", type=int, default=200, help="traces, drawn at random (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of that draw and of the other questions")
    parser.add_argument("--max-chars", type=int, default=20000, help="leave longer traces out (default: 20000)")
    parser.add_argument("--ratios", nargs="+", type=float, default=[0.1, 0.2, 0.4])
    parser.add_argument("--tokenizer", default="toy", help="whose tokens count (default: toy)")
    parser.add_argument("--compressor", default="default", help="folder of a trained compressor")
    parser.add_argument("--json", help="write all figures here too")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(options.tokenizer)
    cases = read_cases(options, tokenizer)
    compressor = Compressor.from_pretrained(options.compressor, device="cpu")
    passages = [case.passage for case in cases]
    shown = {
        "own": passages,
        "another": other_questions(passages, options.seed),
        "none": [replace(passage, question="") for passage in passages],
    }
    scored = {name: compressor.score_many(own) for name, own in shown.items()}
    cuts = {name: compressor.cut_many(own, scored[name], options.ratios, tokenizer) for name, own in shown.items()}
    rows: list[list[Cell]] = []
    for place, ratio in enumerate(options.ratios):
        for name in shown:
            own, these = [row[place] for row in cuts["own"]], [row[place] for row in cuts[name]]
            kept = [n_results_kept(case, cut.text) for case, cut in zip(cases, these, strict=True)]
            before = [n_results_kept(case, cut.text) for case, cut in zip(cases, own, strict=True)]
            n_fewer = sum(a < b for a, b in zip(kept, before, strict=True))
            n_more = sum(a > b for a, b in zip(kept, before, strict=True))
            orders = [
                rank_correlation([unit.score for unit in first], [unit.score for unit in second]) or 0.0
                for first, second in zip(scored["own"], scored[name], strict=True)
            ]
            rows.append(
                [
                    ratio,
                    name,
                    100 * statistics.fmean(map(overlap, [len(p.cot) for p in passages], own, these)),
                    f"{statistics.fmean(orders):.3f}",
                    100 * sum(kept) / max(1, sum(len(case.results) for case in cases)),
                    100 * sum(map(n_way_kept, cases, these)) / max(1, sum(len(case.way) for case in cases)),
                    n_fewer,
                    n_more,
                    f"{sign_test(n_fewer, n_more):.3f}",
                ]
            )
    header = ["ratio", "question", "same text %", "same order", "solution kept %", "way kept %", "fewer", "more", "p"]
    print(f"{len(cases)} traces, {sum(bool(case.results) for case in cases)} with a solution\n")
    print(markdown_table(header, rows))
    report: dict[str, Any] = {"options": vars(options), "rows": [dict(zip(header, row, strict=True)) for row in rows]}
    write_json(options.json, report)


if __name__ == "__main__":
    main()

"""Build the report of a made-up evaluation of realistic size: how long it takes, and how large the page is.

    .venv/bin/python benchmarks/report_speed.py
    .venv/bin/python benchmarks/report_speed.py --think-tokens 2000 --seeds 3

A base model, fixed budgets and a policy answer the same questions. Texts are drawn at random: words of a list of 2,000
by Zipf's law, formulas with random numbers, which deflates worse than real text does. No model is measured.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.report.config import ReportConfig
from extracot.evaluation.report.run import run
from extracot.io.jsonl import JsonlWriter
from extracot.io.run_directory import RunDirectory
from extracot.records.outcome import Outcome
from extracot.records.score import Score
from extracot.text.control import control_token
from extracot.text.think import render_response

GRID = (0.2, 0.4, 0.6, 0.8, 1.0)
TOKENS_PER_UNIT = 1.5
"""A word is about one token, a formula six or so."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--think-tokens", type=int, default=300, help="of the base model, mean")
    parser.add_argument("--seeds", type=int, default=1, help="evaluations that the report merges")
    parser.add_argument("--out", type=Path, help="keep the runs and the report here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.out or Path(scratch)
        paths = []
        for seed in range(given.seeds):
            path = folder / f"seed-{seed}" / "evaluation"
            write_evaluation(path, given.problems, given.think_tokens, seed)
            paths.append(str(path))
        config = ReportConfig(evaluations=tuple(paths))
        began, began_cpu = time.perf_counter(), time.process_time()
        run_dir = RunDirectory.open(folder / "report", config, "report", overwrite=True)
        manifest = run(config, run_dir)
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
        size = (folder / "report" / "report.html").stat().st_size
    print(f"{manifest.counts['scores']} scores: {wall_s:.1f} s, {cpu_s:.1f} CPU-s, page of {size / 1e6:.2f} MB")


def write_evaluation(folder: Path, n_problems: int, n_think_tokens: int, seed: int) -> None:
    """A finished run of `evaluate` that no model wrote."""
    config = EvaluateConfig(problems="made-up.jsonl", base_model="made-up")
    run_dir = RunDirectory.open(folder, config, "evaluate", overwrite=True)
    path = run_dir.records("scores.jsonl")
    with JsonlWriter(path) as writer:
        for score in make_scores(n_problems, n_think_tokens, seed):
            writer.write(score)
    run_dir.finish([], [path], {}, {"sampling": seed})


def make_scores(n_problems: int, n_think_tokens: int, seed: int) -> Iterator[Score]:
    rng = random.Random(seed)
    letters = random.Random(0)
    words = ["".join(letters.choices("etaoinshrdlcumwfgypbvk", k=letters.randint(2, 9))) for _ in range(2000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    for index in range(n_problems):
        question = " ".join(rng.choices(words, weights, k=45)) + "?"
        n_units = max(8, round(n_think_tokens / TOKENS_PER_UNIT * rng.uniform(0.5, 1.5)))
        units = [unit(word, rng) for word in rng.choices(words, weights, k=n_units)]
        answer = str(rng.randint(1, 999))
        rows = [("base", "base", None, 1.0), *(("ours", "fixed", ratio, ratio) for ratio in GRID)]
        rows.append(("ours", "policy", None, rng.choice(GRID)))
        for arm, mode, target, ratio in rows:
            kept = [one for one in units if rng.random() < ratio]
            kept = [one if rng.random() < 0.95 else unit(rng.choice(words), rng) for one in kept]
            said = None if arm == "base" else ratio
            n_think = max(1, round(TOKENS_PER_UNIT * len(kept)))
            yield Score(
                problem_id=f"p-{index}",
                arm=arm,
                mode=mode,
                target_ratio=target,
                chosen_ratio=said,
                outcome=Outcome.CORRECT if rng.random() < 0.6 + 0.3 * ratio else Outcome.WRONG,
                level=1 + index % 5,
                n_think_tokens=n_think,
                n_tokens=n_think + 40,
                n_reference_think_tokens=TOKENS_PER_UNIT * n_units,
                latency_s=0.01 * n_think,
                is_closed=True,
                completion=render_response(
                    None if said is None else control_token(said),
                    " ".join(kept),
                    f"\n\n{' '.join(rng.choices(words, weights, k=25))} \\boxed{{{answer}}}",
                ),
                question=question,
                answer=answer,
                sample=0,
            )


def unit(word: str, rng: random.Random) -> str:
    """A word, or in one of eight places a formula."""
    if rng.random() < 0.125:
        a, b = rng.randint(2, 99), rng.randint(2, 99)
        return f"${a} \\times {b} = {a * b}$."
    return word


if __name__ == "__main__":
    main()

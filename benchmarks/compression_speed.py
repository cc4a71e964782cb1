"""How fast chains of thought are cut: `make bench`.

Cuts toy chains of thought with the model-free scorer, so that it measures our own code (segmenting, ranking,
cutting, counting tokens) and no neural network. Prints one table; figures depend on the machine.
"""

import argparse
import time
from itertools import islice

from extracot import Compressor, Passage, SliceScorer
from extracot.models.load import load_tokenizer
from extracot.toy.world import sample_problems

RATIOS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


def main() -> None:
    """Time one ratio and all ratios, one passage at a time and all in one call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="chains of thought (default: 500)")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many runs (default: 3)")
    options = parser.parse_args()
    passages = [
        Passage(problem.question, problem.chain_of_thought(), str(problem.answer))
        for problem in islice(sample_problems("train", 0), options.n)
    ]
    tokenizer = load_tokenizer("toy")
    n_tokens = sum(len(ids) for ids in tokenizer([passage.cot for passage in passages])["input_ids"])
    compressor = Compressor(SliceScorer())
    print(f"{options.n} chains of thought, {n_tokens} tokens, best of {options.repeats}")
    print(f"{'what':<34}{'seconds':>9}{'CoTs / s':>11}{'tokens / s':>12}")
    for ratios in (RATIOS[:1], RATIOS):
        for is_batched in (False, True):
            seconds = []
            for _ in range(options.repeats):
                started = time.perf_counter()
                if is_batched:
                    compressor.compress_many(passages, ratios, tokenizer)
                else:
                    for passage in passages:
                        compressor.compress_many([passage], ratios, tokenizer)
                seconds.append(time.perf_counter() - started)
            best_s = min(seconds)
            what = (
                f"{len(ratios)} ratio{'s' * (len(ratios) > 1)}, {'one call' if is_batched else 'one by one'}"
            )
            print(f"{what:<34}{best_s:>9.3f}{options.n / best_s:>11.0f}{n_tokens / best_s:>12.0f}")


if __name__ == "__main__":
    main()

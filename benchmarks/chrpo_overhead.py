"""What a CHRPO step costs beyond a plain GRPO step of TRL's own trainer.

    python benchmarks/chrpo_overhead.py --shape 30m

Both arms train the same random model with the same arguments on the same prompts and the same given responses: sampling
takes no time in either, so what CHRPO adds is not hidden behind it. TRL's arm has one reward, whether the answer behind
the think block is right, by the same grader. CHRPO's arm is the stage's own trainer with all its rewards, both
advantages, the head's loss, and its metrics written.

Every turn is a process of its own, the two arms by turns; a pair of turns gives one ratio, the medians of these count.
Time is that of an optimiser step after the first: CPU seconds on a CPU, which others may use as well, wall seconds on a
GPU. Memory is the peak of the GPU's tensors, or how far the process's peak lies above what it had before training.
"""

import argparse
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tables import markdown_table, write_json
from training_speed import GIB, SHAPES, StepClock, build, peak_gib

from extracot.grading.grader import Grader
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.records.budget import TeacherBudget
from extracot.records.outcome import Outcome
from extracot.text.control import POLICY_TOKEN, control_token
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.run import make_trainer, trainer_arguments

GROUP_SIZE = 8
ARMS = ("trl", "chrpo")


def make_budgets(n: int, n_new_tokens: int, knob: Knob) -> list[TeacherBudget]:
    """Problems with the answer 1 and a question of some fifty tokens."""
    return [
        TeacherBudget(
            problem_id=f"problem-{number}",
            question=f"{number}" + " and" * 40,
            answer="1",
            level=None,
            pass_rates={},
            teacher_ratio=knob.grid[0],
            n_reference_think_tokens=float(n_new_tokens),
            n_samples=1,
        )
        for number in range(n)
    ]


def make_responses(n: int, n_tokens: int, tokenizer: Any, knob: Knob) -> list[list[int]]:
    """Responses in the protocol, of up to `n_tokens` tokens, every second one right."""
    generator = random.Random(0)
    words = [" so", " and", " has", " more", " than", " three", " marbles", " cards", " Leo", " in", " all", " now"]
    responses = []
    for place in range(n):
        start = f"{control_token(knob.grid[place % len(knob.grid)])}<think>\n"
        end = f"\n</think>\nThe answer is $\\boxed{{{1 + place % 2}}}$.{tokenizer.eos_token}"
        start_ids, end_ids = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (start, end))
        n_think = round(generator.uniform(0.5, 1) * n_tokens) - len(start_ids) - len(end_ids)
        think_ids = tokenizer("".join(generator.choices(words, k=n_think)), add_special_tokens=False)["input_ids"]
        responses.append([*start_ids, *think_ids[:n_think], *end_ids])
    return responses


def make_plain_trainer(
    config: ChrpoConfig, folder: Path, model: Any, knob: Knob, tokenizer: Any, budgets: Sequence[Any], grader: Grader
) -> Any:
    """TRL's own trainer with the arguments of the stage and one reward."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import GRPOConfig, GRPOTrainer

    def accuracy(completion_ids: Sequence[Sequence[int]], answer: Sequence[str], **_: Any) -> list[float]:
        texts = tokenizer.batch_decode(completion_ids, skip_special_tokens=True)
        visible = [text.rpartition("</think>")[2] for text in texts]
        grades = grader.grade_many(list(zip(answer, visible, strict=True)))
        return [float(grade.outcome is Outcome.CORRECT) for grade in grades]

    prompts = [knob.prompt_format.render(tokenizer, budget.question, POLICY_TOKEN) for budget in budgets]
    arguments = {**trainer_arguments(config, folder / "checkpoints"), "reward_weights": None}
    arguments["gradient_accumulation_steps"] = config.prompts_per_step * GROUP_SIZE // config.micro_batch_size
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=accuracy,
        args=GRPOConfig(**arguments),
        train_dataset=Dataset.from_dict({"prompt": prompts, "answer": [budget.answer for budget in budgets]}),
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def resident_gib() -> float:
    """Most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def measure(arm: str, options: argparse.Namespace) -> tuple[float, float]:
    """Median seconds of a step and peak GiB of one arm."""
    torch.set_num_threads(options.threads)
    on_gpu = torch.cuda.is_available()
    config = ChrpoConfig(
        model="random",
        budgets="random",
        n_steps=options.warm_up + options.steps,
        prompts_per_step=options.prompts,
        group_size=GROUP_SIZE,
        micro_batch_size=options.micro_batch,
        max_new_tokens=options.new_tokens,
        save_every_steps=10 * (options.warm_up + options.steps),
    )
    with tempfile.TemporaryDirectory() as name, Grader() as grader:
        folder = Path(name)
        model, tokenizer, knob = build(options.shape, folder)
        budgets = make_budgets(options.prompts, options.new_tokens, knob)
        responses = make_responses(GROUP_SIZE * options.prompts, options.new_tokens, tokenizer, knob)
        if arm == "chrpo":
            run_dir = RunDirectory.open(folder / "run", config, "chrpo")
            trainer, _ = make_trainer(config, run_dir, model, knob, tokenizer, budgets, grader)
        else:
            trainer = make_plain_trainer(config, folder, model, knob, tokenizer, budgets, grader)
        trainer._generate_single_turn = lambda *_: ([list(response) for response in responses], None)
        clock = StepClock()
        trainer.add_callback(clock)
        before_gib = resident_gib()
        trainer.train()
    steps_s = clock.steps_s if on_gpu else clock.steps_cpu_s
    peak = peak_gib()
    return statistics.median(steps_s[options.warm_up :]), resident_gib() - before_gib if peak is None else peak


def main() -> None:
    """Measure pairs, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--prompts", type=int, default=2, help=f"groups of {GROUP_SIZE} per optimiser step")
    parser.add_argument("--new-tokens", type=int, default=256, help="most tokens of a response")
    parser.add_argument("--micro-batch", type=int, default=8, help="responses per pass")
    parser.add_argument("--steps", type=int, default=3, help="counted steps of a turn")
    parser.add_argument("--warm-up", type=int, default=1, help="steps before them")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch on a CPU")
    parser.add_argument("--json", help="write the figures here as well")
    options = parser.parse_args()
    figures: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    for pair in range(options.pairs):
        for arm in ARMS if pair % 2 == 0 else reversed(ARMS):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                figures[arm].append(pool.apply(measure, (arm, options)))
    on_gpu = torch.cuda.is_available()
    rows = [
        [arm, statistics.median(s for s, _ in turns), statistics.median(gib for _, gib in turns)]
        for arm, turns in figures.items()
    ]
    pairs = list(zip(figures["chrpo"], figures["trl"], strict=True))
    ratios = [statistics.median(ours[column] / theirs[column] for ours, theirs in pairs) for column in (0, 1)]
    rows.append(["chrpo ÷ trl, of pairs", *ratios])
    print(f"{options.shape}, {torch.cuda.get_device_name() if on_gpu else 'CPU'}, torch {torch.__version__}\n")
    print(markdown_table(["arm", "step, s" if on_gpu else "step, CPU s", "peak GiB"], rows, digits=3))
    write_json(options.json, {"options": vars(options), **figures})


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()

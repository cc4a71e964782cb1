"""How fast SFT and CHRPO train, and where a step's time goes.

    python benchmarks/training_speed.py sft --shape qwen3-1.7b
    python benchmarks/training_speed.py sft --packing --shape 30m --length 512 --batch 16 --micro-batch 8
    python benchmarks/training_speed.py chrpo --shape qwen3-1.7b

The weights are random and the texts are meaningless, so nothing is downloaded: a step costs the same whatever they say.
Models, batches and losses go through the stages' own trainers. The first steps warm up and do not count.

`sft` gives tokens a second and model FLOP utilisation (MFU): the multiplications that the passes need, over those that
the machine does in the same time in one large bfloat16 product measured in this run. Needed are, per token and layer
matrix, 2 FLOP forward and 4 backward, the output matrix included, and 6 x hidden x length per layer for causal
attention; recomputed activations do not count.

`sft --packing` trains on mixed lengths instead, the same examples three times in one run: padded in random order,
padded with like lengths side by side, and packed. Tokens do not count padding; on a CPU, which others may use as well,
they are told per CPU second. The lengths are those of a mixed-ratio set made of the release's 15,000 traces: their
published, evened-out histogram of think tokens, times a ratio of the grid.

`chrpo` splits a step into roll-out, scoring and the rest (old probabilities, loss, update). A random model never stops
by itself, so every response has `--new-tokens`; its first token is set to a ratio token.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tables import markdown_table, write_json
from transformers import Qwen3Config, Qwen3ForCausalLM, TrainerCallback

from extracot.grading.grader import Grader
from extracot.io.run_directory import RunDirectory
from extracot.models.config import PrepareModelConfig
from extracot.models.knob import Knob
from extracot.models.run import run as prepare
from extracot.records.budget import TeacherBudget
from extracot.text.control import POLICY_TOKEN
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.run import make_trainer as make_chrpo_trainer
from extracot.training.model_folder import load_prepared
from extracot.training.sft.config import SftConfig
from extracot.training.sft.encode import IGNORED, EncodedExample, training_order
from extracot.training.sft.run import make_trainer as make_sft_trainer

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 128,
        "vocab_size": 4096,
    },
    "30m": {
        "hidden_size": 384,
        "num_hidden_layers": 10,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "head_dim": 64,
        "intermediate_size": 1152,
        "vocab_size": 32768,
    },
    "qwen3-1.7b": {  # of the published model's config.json
        "hidden_size": 2048,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "intermediate_size": 6144,
        "vocab_size": 151936,
    },
}
GIB = 2**30


def build(shape: str, folder: Path) -> tuple[Qwen3ForCausalLM, Any, Knob]:
    """A random model of this shape on the GPU if there is one, and a prepared tokenizer of fewer tokens."""
    prepared = PrepareModelConfig(model="toy")
    prepare(prepared, RunDirectory.open(folder / "prepared", prepared, "prepare-model"))
    knob, tokenizer = load_prepared(str(folder / "prepared" / "model"))
    config = Qwen3Config(
        **SHAPES[shape],
        max_position_embeddings=40960,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen3ForCausalLM(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model, tokenizer, knob


def synchronize() -> None:
    """Wait for the GPU, so that a clock read next is true."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_gib() -> float | None:
    """Most memory that tensors took on the GPU; None without one."""
    return torch.cuda.max_memory_allocated() / GIB if torch.cuda.is_available() else None


class StepClock(TrainerCallback):
    """Wall and CPU seconds of every optimiser step."""

    def __init__(self) -> None:
        self.steps_s: list[float] = []
        self.steps_cpu_s: list[float] = []
        self._started_s = 0.0
        self._started_cpu_s = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        synchronize()
        self._started_s, self._started_cpu_s = time.perf_counter(), time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        synchronize()
        self.steps_s.append(time.perf_counter() - self._started_s)
        self.steps_cpu_s.append(time.process_time() - self._started_cpu_s)


def clocked(work: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """The same function, which adds its wall seconds to the list."""

    def timed(*args: Any, **kwargs: Any) -> Any:
        synchronize()
        started_s = time.perf_counter()
        result = work(*args, **kwargs)
        synchronize()
        seconds.append(time.perf_counter() - started_s)
        return result

    return timed


def bfloat16_ceiling(size: int, n: int = 20) -> float:
    """TFLOP/s of one square product of random numbers, the median of `n`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds: list[float] = []
    product = clocked(torch.matmul, seconds)
    for _ in range(n + 3):
        product(left, right)
    return 2 * size**3 / statistics.median(seconds[3:]) / 1e12


def flop_per_token(model: Qwen3ForCausalLM, length: int) -> float:
    """Needed for the passes forward and backward; see the module's words."""
    config = model.config
    matrices = sum(p.numel() for p in model.model.layers.parameters() if p.ndim == 2)
    output = config.vocab_size * config.hidden_size
    attention = config.num_hidden_layers * config.num_attention_heads * config.head_dim * length
    return 6.0 * (matrices + output + attention)


def measure_sft(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train a few steps on sequences of one length."""
    ceiling = bfloat16_ceiling(8192 if torch.cuda.is_available() else 512)
    model, tokenizer, _ = build(options.shape, folder)
    n_steps = options.warm_up + options.steps
    generator = torch.Generator().manual_seed(0)
    examples = []
    for _ in range(n_steps * options.batch):
        ids = torch.randint(len(tokenizer), (options.length,), generator=generator).tolist()
        n_prompt = options.length // 8
        examples.append(EncodedExample(input_ids=ids, labels=[IGNORED] * n_prompt + ids[n_prompt:]))
    config = SftConfig(
        model="random",
        data="random",
        batch_size=options.batch,
        micro_batch_size=options.micro_batch,
        gradient_checkpointing=options.gradient_checkpointing,
        save_every_steps=10 * n_steps,
        trainer_args={"torch_compile": True} if options.compile else {},
    )
    trainer = make_sft_trainer(config, folder / "checkpoints", model, tokenizer, examples)
    clock = StepClock()
    trainer.add_callback(clock)
    trainer.train()
    step_s = statistics.median(clock.steps_s[options.warm_up :])
    n_tokens = options.batch * options.length
    tflops = flop_per_token(model, options.length) * n_tokens / step_s / 1e12
    return {
        "parameters, M": model.num_parameters() / 1e6,
        "tokens a step": n_tokens,
        "step, s": step_s,
        "tokens/s": n_tokens / step_s,
        "peak GiB": peak_gib(),
        "TFLOP/s": tflops,
        "ceiling, TFLOP/s": ceiling,
        "MFU %": 100 * tflops / ceiling,
    }


THINK_BINS = ((0, 512, 3389), (512, 1024, 3390), (1024, 2048, 3389), (2048, 3072, 3389), (3072, 4070, 1443))
"""Think tokens of the release's selected traces: from, below, how many."""


def mixed_lengths(n: int, longest: int, grid: tuple[float, ...], seed: int = 0) -> list[int]:
    """Tokens of `n` examples of a mixed-ratio set, scaled so that the longest trace has `longest`; at least 8."""
    generator = random.Random(seed)
    bins = generator.choices(THINK_BINS, weights=[count for _, _, count in THINK_BINS], k=n)
    return [
        max(8, round(generator.uniform(low, high) / THINK_BINS[-1][1] * longest * generator.choice(grid)))
        for low, high, _ in bins
    ]


def measure_packing(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train a few steps on the same examples of mixed lengths, padded twice and packed."""
    model, tokenizer, knob = build(options.shape, folder)
    generator = torch.Generator().manual_seed(0)
    examples = []
    for length in mixed_lengths((options.warm_up + options.steps) * options.batch, options.length, knob.grid):
        ids = torch.randint(len(tokenizer), (length,), generator=generator).tolist()
        examples.append(EncodedExample(input_ids=ids, labels=[IGNORED] * (length // 8) + ids[length // 8 :]))
    lengths = [len(example.input_ids) for example in examples]
    on_gpu = torch.cuda.is_available()
    unit = "tokens/s" if on_gpu else "tokens/CPU s"
    start = {name: value.clone() for name, value in model.state_dict().items()}
    figures: dict[str, Any] = {"parameters, M": model.num_parameters() / 1e6, "mean length": statistics.mean(lengths)}
    for name, is_grouped, packing in (("padded", False, False), ("grouped", True, False), ("packed", False, True)):
        model.load_state_dict(start)
        config = SftConfig(
            model="random",
            data="random",
            batch_size=options.batch,
            micro_batch_size=options.micro_batch,
            packing=packing,
            gradient_checkpointing=options.gradient_checkpointing,
            save_every_steps=10 * (options.warm_up + options.steps),
        )
        order = training_order(lengths, 1.0, options.micro_batch, is_grouped, seed=0)
        trainer = make_sft_trainer(config, folder / name, model, tokenizer, [examples[index] for index in order])
        clock = StepClock()
        trainer.add_callback(clock)
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        trainer.train()
        counted = order[options.warm_up * options.batch :]
        n_tokens, steps_s = sum(lengths[i] for i in counted), clock.steps_s if on_gpu else clock.steps_cpu_s
        figures[f"{name}, {unit}"] = n_tokens / sum(steps_s[options.warm_up :])
        if on_gpu:
            figures[f"{name}, peak GiB"] = peak_gib()
    for name in ("padded", "grouped"):
        figures[f"packed ÷ {name}"] = figures[f"packed, {unit}"] / figures[f"{name}, {unit}"]
    return figures


def measure_chrpo(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train a few steps on roll-outs of one length."""
    model, tokenizer, knob = build(options.shape, folder)

    def budget(number: int) -> TeacherBudget:
        def make(n_words: int) -> TeacherBudget:
            return TeacherBudget(
                problem_id=f"problem-{number}",
                question=f"{number}" + " and" * n_words,
                answer="1",
                level=None,
                pass_rates={},
                teacher_ratio=knob.grid[0],
                n_reference_think_tokens=float(options.new_tokens),
                n_samples=1,
            )

        def n_tokens(n_words: int) -> int:
            prompt = knob.prompt_format.render(tokenizer, make(n_words).question, POLICY_TOKEN)
            return len(tokenizer(prompt)["input_ids"])

        n_words = options.length - options.new_tokens
        return make(n_words - (n_tokens(n_words) - n_words))

    config = ChrpoConfig(
        model="random",
        budgets="random",
        n_steps=options.warm_up + options.steps,
        prompts_per_step=options.prompts,
        group_size=8,
        micro_batch_size=options.micro_batch,
        max_new_tokens=options.new_tokens,
        gradient_checkpointing=options.gradient_checkpointing,
        save_every_steps=10 * (options.warm_up + options.steps),
    )
    run_dir = RunDirectory.open(folder / "chrpo", config, "chrpo")
    rollouts_s: list[float] = []
    scorings_s: list[float] = []
    with Grader() as grader:
        budgets = [budget(number) for number in range(options.prompts)]
        trainer, _ = make_chrpo_trainer(config, run_dir, model, knob, tokenizer, budgets, grader)
        ratio_ids = [tokenizer.convert_tokens_to_ids(f"<COMP_{round(100 * ratio)}>") for ratio in knob.grid]
        draw = clocked(trainer._rollout, rollouts_s)

        def draw_with_a_choice(*args: Any) -> list[list[int]]:
            drawn = draw(*args)
            return [[ratio_ids[i % len(ratio_ids)], *response[1:]] for i, response in enumerate(drawn)]

        trainer._rollout = draw_with_a_choice
        trainer._calculate_rewards = clocked(trainer._calculate_rewards, scorings_s)
        clock = StepClock()
        trainer.add_callback(clock)
        trainer.train()

    def median(seconds: list[float]) -> float:
        return statistics.median(seconds[options.warm_up :])

    n_responses = 8 * options.prompts
    step_s, rollout_s, scoring_s = median(clock.steps_s), median(rollouts_s), median(scorings_s)
    return {
        "responses": n_responses,
        "new tokens": options.new_tokens,
        "length": options.length,
        "step, s": step_s,
        "roll-out, s": rollout_s,
        "scoring, s": scoring_s,
        "the rest, s": step_s - rollout_s - scoring_s,
        "roll-out, tokens/s": n_responses * options.new_tokens / rollout_s,
        "update, tokens/s": n_responses * options.length / (step_s - rollout_s - scoring_s),
        "peak GiB": peak_gib(),
    }


def main() -> None:
    """Measure one stage, print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("sft", "chrpo"))
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--length", type=int, default=4096, help="tokens of a sequence, prompt and response")
    parser.add_argument("--batch", type=int, default=16, help="sft: sequences per optimiser step")
    parser.add_argument("--prompts", type=int, default=4, help="chrpo: groups of 8 per optimiser step")
    parser.add_argument("--new-tokens", type=int, default=512, help="chrpo: tokens of a response")
    parser.add_argument("--micro-batch", type=int, default=4, help="sequences per pass")
    parser.add_argument("--steps", type=int, default=3, help="counted steps")
    parser.add_argument("--warm-up", type=int, default=1, help="steps before them")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--packing", action="store_true", help="sft: mixed lengths, padded and packed")
    parser.add_argument("--compile", action="store_true", help="sft: torch.compile, layer by layer, by the trainer")
    parser.add_argument("--json", help="write the figures here as well")
    options = parser.parse_args()
    if options.compile:  # one layer is compiled and used for all: seconds instead of minutes
        os.environ["ACCELERATE_DYNAMO_USE_REGIONAL_COMPILATION"] = "true"
    with tempfile.TemporaryDirectory() as folder:
        measure = measure_chrpo if options.stage == "chrpo" else measure_packing if options.packing else measure_sft
        figures = measure(options, Path(folder))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{options.stage}, {options.shape}, {device}, torch {torch.__version__}\n")
    print(markdown_table(list(figures), [list(figures.values())], digits=2))
    write_json(options.json, {"options": vars(options), "device": device, **figures})


if __name__ == "__main__":
    main()

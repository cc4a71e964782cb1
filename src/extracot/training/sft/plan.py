"""What `extracot sft --dry-run` prints: the set, the steps, and what they take by the formulas of `estimate`.

Tokens are those that build-sft counted; a sample of the rows is tokenised again, so a set that was made for another
model is noticed. No weights are loaded, unless tokens_per_s=measure asks for a timed pass.
"""

import math
import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from extracot.errors import DataError, ModelError
from extracot.models.load import load_causal_lm, resolve_model
from extracot.models.prompts import count_tokens
from extracot.records.sft_example import SftExample
from extracot.text.control import control_tokens
from extracot.text.durations import format_duration
from extracot.training.model_folder import load_prepared
from extracot.training.sft.config import SftConfig
from extracot.training.sft.estimate import GIB, Memory, Shape, adapter_parameters, memory, tokens_of_a_pass
from extracot.training.sft.holdout import held_out_problems
from extracot.training.sft.read import read_examples
from extracot.training.sft.steps import count_steps, passes_per_step
from extracot.training.trainer_arguments import check_trackers, count_processes

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_SAMPLE = 50
"""Rows that are tokenised again."""


def describe_plan(config: SftConfig) -> str:
    """The plan as text; see `run` for what it refuses."""
    knob, tokenizer = load_prepared(config.model)
    n_processes = count_processes()
    n_passes = passes_per_step(config.batch_size, config.micro_batch_size, n_processes)
    check_trackers(config.report_to)
    examples = list(read_examples(config.data))
    held_out = held_out_problems((e.problem_id for e in examples), config.holdout_share, config.seed)
    training = [example for example in examples if example.problem_id not in held_out]
    lengths = [n for n in map(n_tokens, training) if n <= config.max_length]
    if not lengths:
        raise DataError(
            f"{config.data}: all {len(training)} examples are longer than max_length={config.max_length}; raise it"
        )
    n_steps = count_steps(len(lengths), config.epochs, config.batch_size, config.max_steps)
    n_seen = min(n_steps * config.batch_size, max(1, round(config.epochs * len(lengths))))
    n_trained_tokens = round(n_seen * statistics.fmean(lengths))
    lines = [
        f"examples   {len(lengths)} of {len({e.problem_id for e in training})} questions, "
        f"{len(training) - len(lengths)} longer than {config.max_length} tokens left out; "
        f"{len(examples) - len(training)} of {len(held_out)} questions held out",
        f"tokens     {sum(lengths)}, {statistics.fmean(lengths):.0f} on average, {max(lengths)} at most"
        f"{_mismatch(training, tokenizer)}",
        f"steps      {n_steps} of {config.batch_size} examples, in {n_passes} passes of {n_processes} "
        f"process{'es' if n_processes > 1 else ''}: {n_seen / len(lengths):.2f} epochs, {n_trained_tokens} tokens",
    ]
    model = _without_weights(config.model)
    shape = Shape.of(model)
    n_trained = shape.n_parameters
    if config.lora is not None:
        from extracot.training.adapters import require_peft

        require_peft()
        n_rows = len(control_tokens(knob.grid))
        n_trained = adapter_parameters(model, config.lora.rank, config.lora.target_modules, n_rows)
    needed = memory(
        shape,
        n_trained=n_trained,
        tokens_per_pass=tokens_of_a_pass(lengths, config.micro_batch_size, config.packing),
        is_bfloat16=_is_bfloat16(config),
        gradient_checkpointing=config.gradient_checkpointing,
    )
    lines += [
        f"weights    {shape.n_parameters} parameters, {n_trained} of them trained",
        f"memory     {_describe_memory(needed)} in each process; roughly, see extracot.training.sft.estimate",
        f"time       {_describe_time(config, lengths, n_trained_tokens)}",
    ]
    return "\n".join(lines)


def n_tokens(example: SftExample) -> int:
    """Of prompt, completion and the end token."""
    return example.n_prompt_tokens + example.n_completion_tokens + 1


def _mismatch(examples: Sequence[SftExample], tokenizer: "PreTrainedTokenizerBase") -> str:
    """A clause where the set's own counts are not those of this tokenizer."""
    sample = examples[:: math.ceil(len(examples) / _SAMPLE)]
    found = sum(count_tokens(tokenizer, example.prompt + example.completion) + 1 for example in sample)
    stated = sum(map(n_tokens, sample))
    if abs(found - stated) <= 0.02 * found:
        return ""
    return (
        f"; but {len(sample)} of them have {found} tokens in this model's tokenizer and not {stated}: "
        "the set was built for another model, build it again"
    )


def _without_weights(name: str) -> "PreTrainedModel":
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    source = resolve_model(name)
    try:
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
                AutoConfig.from_pretrained(source)
            )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"cannot read the config of {name}: {error}") from error
    model.tie_weights()
    return model


def _is_bfloat16(config: SftConfig) -> bool:
    import torch

    return config.precision == "bfloat16" or (config.precision == "auto" and torch.cuda.is_available())


def _describe_memory(needed: Memory) -> str:
    parts = {
        "weights": needed.weights,
        "gradients": needed.gradients,
        "Adam": needed.moments,
        "activations": needed.activations,
    }
    shown = " + ".join(f"{name} {size / GIB:.2f}" for name, size in parts.items())
    return f"{needed.total / GIB:.2f} GiB = {shown}"


def _describe_time(config: SftConfig, lengths: Sequence[int], n_trained_tokens: int) -> str:
    speed = config.tokens_per_s
    if speed is None:
        return (
            "unknown: give training tokens a second with --set tokens_per_s=N (a finished run's manifest tells its "
            "own), or time a pass on this machine with tokens_per_s=measure"
        )
    source = "as given"
    if speed == "measure":
        speed, source = _measure(config, round(statistics.fmean(lengths))), "a pass forward and back, timed here"
    return f"{format_duration(n_trained_tokens / speed)} at {speed:.0f} tokens/s, {source}"


def _measure(config: SftConfig, length: int) -> float:
    """Tokens a second of all processes, from the second of two passes over random tokens of the mean length."""
    import torch

    model = load_causal_lm(config.model)
    model.train()
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable()  # type: ignore[no-untyped-call]
    generator = torch.Generator().manual_seed(0)
    n_rows = model.config.get_text_config().vocab_size
    ids = torch.randint(n_rows, (config.micro_batch_size, length), generator=generator).to(model.device)
    seconds = math.inf
    for _ in range(2):
        started_s = time.perf_counter()
        with torch.autocast(model.device.type, torch.bfloat16, enabled=_is_bfloat16(config)):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        model.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started_s
    return ids.numel() * count_processes() / seconds

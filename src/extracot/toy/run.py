"""Stage `toy-base`: train the toy base model and write its folder and card."""

import hashlib
import time
from pathlib import Path

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase, Qwen3ForCausalLM

from extracot.io.atomic import write_text_atomic
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.records.problem import Problem
from extracot.text.answers import last_boxed
from extracot.toy.config import ToyBaseConfig
from extracot.toy.corpus import LEVEL_WEIGHTS
from extracot.toy.model import build_model
from extracot.toy.pretraining import pretrain
from extracot.toy.problems import resolve_problems
from extracot.toy.tokenizer import build_tokenizer
from extracot.toy.world import STYLE_REQUESTS, Style

LOG_EVERY = 25
NO_THINKING = "no thinking"


def run(config: ToyBaseConfig, run_dir: RunDirectory) -> Manifest:
    """Train, measure every style on held-out problems, save `<run>/model` with its card.

    A kill loses the training: it takes half an hour on one core, or minutes on a GPU, and is done once.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    if config.n_threads is not None:
        torch.set_num_threads(config.n_threads)
    tokenizer = build_tokenizer()
    model = build_model(
        tokenizer,
        hidden_size=config.hidden_size,
        n_layers=config.n_layers,
        n_heads=config.n_heads,
        n_key_value_heads=config.n_key_value_heads,
        mlp_size=config.mlp_size,
        seed=config.seed,
    )
    uses_gpu = config.device == "auto" and torch.cuda.is_available()
    model.to("cuda" if uses_gpu else "cpu")  # type: ignore[arg-type]
    machine = torch.cuda.get_device_name() if uses_gpu else f"{torch.get_num_threads()} threads of a CPU"
    n_parameters = sum(p.numel() for p in model.parameters())
    run_dir.log(f"toy-base: {n_parameters:,} parameters, {len(tokenizer)} tokens in the vocabulary")
    started = time.monotonic()
    last: dict[str, float] = {}

    def report(step: int, values: dict[str, float]) -> None:
        last.update(values)
        if step % LOG_EVERY == 0 or step == config.n_steps:
            run_dir.metrics(step, **values)
            run_dir.log(
                f"toy-base: step {step}/{config.n_steps}, loss {values['loss']:.4f}, "
                f"{values['tokens_per_s']:.0f} tokens/s"
            )

    pretrain(
        model,
        tokenizer,
        n_steps=config.n_steps,
        batch_tokens=config.batch_tokens,
        matrix_lr=config.matrix_lr,
        other_lr=config.other_lr,
        lookup_lr=config.lookup_lr,
        seed=config.seed,
        on_step=report,
    )
    minutes = (time.monotonic() - started) / 60
    problems = resolve_problems(config.evaluation_problems)
    accuracies = {style.value: _accuracy(model, tokenizer, problems, style) for style in Style}
    accuracies[NO_THINKING] = _accuracy(model, tokenizer, problems, None)
    for name, accuracy in accuracies.items():
        run_dir.log(f"toy-base: {name}: {accuracy:.1%} of {len(problems)} held-out problems")

    folder = run_dir.path / "model"
    _save(model, tokenizer, folder)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    write_text_atomic(
        folder / "README.md",
        _card(config, n_parameters, int(last["tokens"]), minutes, machine, accuracies, len(problems), digest),
    )
    return run_dir.finish(
        inputs=[],
        outputs=[folder / "model.safetensors", folder / "tokenizer.json"],
        counts={"parameters": n_parameters, "tokens": int(last["tokens"])},
        seeds={"seed": config.seed},
        loss=last["loss"],
        **{f"accuracy_{name.replace(' ', '_')}": value for name, value in accuracies.items()},
    )


def _save(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=0.7,
        top_p=0.95,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        max_new_tokens=400,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@torch.inference_mode()
def _accuracy(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    problems: list[Problem],
    style: Style | None,
    batch_size: int = 250,
) -> float:
    """Share of problems answered right, greedy; style None closes the think block before a word is written."""
    n_correct = 0
    for start in range(0, len(problems), batch_size):
        batch = problems[start : start + batch_size]
        request = "" if style is None else STYLE_REQUESTS[style]
        prompts = [
            str(
                tokenizer.apply_chat_template(
                    [{"role": "user", "content": problem.question + request}],
                    add_generation_prompt=True,
                    tokenize=False,
                )
            )
            + ("<think>\n\n</think>\n\n" if style is None else "")
            for problem in batch
        ]
        encoded = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left").to(model.device)
        output = model.generate(  # type: ignore[misc]
            **encoded, do_sample=False, max_new_tokens=400
        )
        texts = tokenizer.batch_decode(output[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
        n_correct += sum(last_boxed(t) == p.answer for t, p in zip(texts, batch, strict=True))
    return n_correct / len(problems)


def _card(
    config: ToyBaseConfig,
    n_parameters: int,
    n_tokens: int,
    minutes: float,
    machine: str,
    accuracies: dict[str, float],
    n_problems: int,
    digest: str,
) -> str:
    rows = "\n".join(f"| {name} | {accuracy:.1%} |" for name, accuracy in accuracies.items())
    levels = ", ".join(f"{i} {weight / sum(LEVEL_WEIGHTS):.0%}" for i, weight in enumerate(LEVEL_WEIGHTS, start=1))
    settings = "\n".join(f"- `{key}`: {value}" for key, value in config.model_dump().items())
    return f"""# The toy base reasoner

A Qwen3 of {n_parameters:,} parameters that solves the toy world's word problems by thinking verbosely. It stands in
for a user's own reasoning model in the demo. It knows nothing else.

- **Architecture**: Qwen3 (`Qwen3ForCausalLM`), fp32, byte-level BPE; a number up to 99 is one token.
- **Start**: random, but for hand-set lookup heads in the first two layers (`toy/initialisation.py`).
- **Data**: problems of the toy world's train split, generated while training; {n_tokens:,} tokens, prompts included.
  Styles: {", ".join(f"{style.value} ({STYLE_REQUESTS[style].strip() or 'no request'})" for style in Style)}.
  Levels (number of needed equations): {levels}.
- **Recipe**: `extracot toy-base` with the settings below, {minutes:.0f} minutes on {machine}.
- **Licence**: Apache-2.0, like the code.
- **SHA-256 of `model.safetensors`**: `{digest}`

## Accuracy

Greedy, `{config.evaluation_problems}` ({n_problems} problems that no training text contains).

| style asked for | accuracy |
|---|---|
{rows}

## Settings

{settings}
"""

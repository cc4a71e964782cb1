"""The sft stage: examples in, a fine-tuned model out (`<run>/model`).

The loss is on completions only, a mean over the tokens of the whole optimiser step. Examples are tokenised
here and not by TRL: so the boundary is checked, the end token comes once, and nothing is cut. Packing is laid out here
too, so that it changes neither the steps nor their losses.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extracot.errors import ConfigError, DataError
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob
from extracot.models.load import load_causal_lm
from extracot.models.prompts import count_tokens
from extracot.records.sft_example import SftExample
from extracot.text.control import control_tokens
from extracot.training.checkpoints import last_whole_checkpoint
from extracot.training.model_folder import load_prepared, save_trained
from extracot.training.processes import finish_together, from_first
from extracot.training.sft.config import SftConfig
from extracot.training.sft.encode import EncodedExample, encode_example, training_order
from extracot.training.sft.holdout import control_questions, held_out_problems
from extracot.training.sft.packing import pack_steps
from extracot.training.sft.plan import describe_plan
from extracot.training.sft.read import read_examples
from extracot.training.sft.steps import passes_per_step
from extracot.training.trainer_arguments import common_arguments, count_processes, lay_over

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from extracot.training.sft.trainer import HeldOut


def run(config: SftConfig, run_dir: RunDirectory) -> Manifest:
    """Tokenise, train, save. A resumed run goes on from its last whole checkpoint, with the same result.

    Several processes (torchrun, accelerate) may run it on one run directory; the first one writes.

    Raises:
        ModelError: a model without control tokens, or with a tokenizer that cannot be trained on.
        ConfigError: batch sizes that do not divide, or trainer arguments that contradict the config.
        DataError: no examples, none that fit `max_length`, or one whose prompt and completion merge.
        MissingExtraError: adapters without peft, or a tracker that is not installed.
        StageError: loss or gradient became NaN.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    knob, tokenizer = load_prepared(config.model)
    examples = list(read_examples(config.data))
    held_out_ids = held_out_problems((e.problem_id for e in examples), config.holdout_share, config.seed)
    training = [example for example in examples if example.problem_id not in held_out_ids]
    encoded, n_too_long = _encode_all(training, config, tokenizer)
    if not encoded:
        raise DataError(
            f"{config.data}: all {n_too_long} examples are longer than max_length={config.max_length}; raise it"
        )
    lengths = [len(example.input_ids) for example in encoded]
    order = training_order(lengths, config.epochs, config.micro_batch_size, config.group_by_length, config.seed)
    run_dir.log(
        f"sft: {len(encoded)} examples of {sum(lengths) / len(lengths):.0f} tokens on average, {n_too_long} "
        f"longer than {config.max_length} left out; {config.epochs:g} epochs, batches of {config.batch_size}"
    )
    held_out = None
    if held_out_ids:
        kept_out = [example for example in examples if example.problem_id in held_out_ids]
        held_out = _held_out(kept_out, config, knob, tokenizer)
        run_dir.log(
            f"sft: {len(held_out_ids)} questions with {len(held_out.examples)} examples held out, "
            f"{len(held_out.questions)} of them answered at {len(knob.grid)} ratios every {config.eval_every_steps} "
            "steps"
        )
    model = load_causal_lm(config.model, device=None if count_processes() == 1 else "cpu")
    ids = list(control_token_ids(tokenizer, control_tokens(knob.grid)).values())
    trainer = make_trainer(
        config, run_dir.checkpoints, model, tokenizer, [encoded[index] for index in order], held_out, ids
    )
    from extracot.training.callbacks import RunCallback

    callback = RunCallback(run_dir, "sft", _metric_name, ("loss", "token_accuracy", "step_s"), config.log_every_steps)
    trainer.add_callback(callback)
    checkpoint = from_first(lambda: last_whole_checkpoint(run_dir.checkpoints))
    if checkpoint is not None:
        run_dir.log(f"sft: going on from {checkpoint.name}")
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))

    folder = run_dir.path / "model"
    save_trained(trainer, tokenizer, config.model, folder)
    kept_step = trainer.state.best_global_step if config.best_by is not None else None
    return finish_together(
        lambda: run_dir.finish(
            inputs=[config.data, *([config.model] if Path(config.model).is_dir() else [])],
            outputs=[folder, *([run_dir.path / "adapter"] if config.lora is not None else [])],
            counts={
                "examples": len(encoded),
                "too_long": n_too_long,
                "held_out_questions": len(held_out_ids),
                "steps": trainer.state.global_step,
            },
            seeds={"order": config.seed},
            model=str(folder),
            loss=callback.last.get("loss"),
            token_accuracy=callback.last.get("token_accuracy"),
            tokens_per_s=callback.tokens_per_s,
            saved_step=kept_step or trainer.state.global_step,
            **_best(trainer.state.log_history),
        )
    )


def plan(config: SftConfig) -> str:
    """What a run would take: examples, tokens, steps, memory and time.

    Raises:
        ModelError: a model without control tokens.
        DataError: data that is no SFT set, or of which nothing could be trained on.
        ConfigError: batch sizes that do not divide.
    """
    return describe_plan(config)


def _best(log_history: Sequence[Mapping[str, float]]) -> dict[str, float | int | str | None]:
    """Summary figures: the smallest held-out loss and control error, and the steps at which they were measured."""
    figures: dict[str, float | int | str | None] = {}
    for name in ("loss", "control_error"):
        measured = [(row[f"eval_{name}"], row["step"]) for row in log_history if f"eval_{name}" in row]
        if measured:
            value, step = min(measured)
            figures |= {f"best_held_out_{name}": value, f"best_held_out_{name}_step": int(step)}
    return figures


def _encode_all(
    examples: Iterable[SftExample], config: SftConfig, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[list[EncodedExample], int]:
    """The examples that fit, and how many do not."""
    assert isinstance(tokenizer.eos_token_id, int)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return ids

    encoded = [
        encode_example(
            example.prompt,
            example.completion,
            encode,
            tokenizer.eos_token_id,
            f"{config.data}: example {example.id}",
        )
        for example in examples
    ]
    fitting = [example for example in encoded if len(example.input_ids) <= config.max_length]
    return fitting, len(encoded) - len(fitting)


def _held_out(
    examples: Sequence[SftExample], config: SftConfig, knob: Knob, tokenizer: "PreTrainedTokenizerBase"
) -> "HeldOut":
    from extracot.training.sft.trainer import HeldOut

    encoded, n_too_long = _encode_all(examples, config, tokenizer)
    if not encoded:
        raise DataError(
            f"{config.data}: all {n_too_long} held-out examples are longer than max_length={config.max_length}; "
            "raise it, or holdout_share"
        )
    return HeldOut(
        examples=encoded,
        batch_size=config.micro_batch_size,
        questions=control_questions(examples, config.control_questions, lambda text: count_tokens(tokenizer, text)),
        grid=knob.grid,
        control_batch_size=config.control_batch_size,
    )


def make_trainer(
    config: SftConfig,
    checkpoints: Path,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    examples: Sequence[EncodedExample],
    held_out: "HeldOut | None" = None,
    control_ids: Sequence[int] = (),
) -> Any:
    """TRL's SFTTrainer over these examples, in this order.

    Args:
        config: its paths are not read.
        checkpoints: where they go.
        model: what is trained, in place.
        tokenizer: of the model.
        examples: all epochs, one after the other.
        held_out: what is measured every `eval_every_steps`; None measures nothing.
        control_ids: rows that are trained whole beside adapters; read only where the config has some.

    Raises:
        ConfigError: batch sizes that do not divide, or trainer arguments that contradict the config.
        MissingExtraError: adapters without peft, or a tracker that is not installed.
    """
    from transformers import PrinterCallback, set_seed
    from transformers.utils.logging import disable_progress_bar
    from trl import SFTConfig as TrlSftConfig

    from extracot.training.sft.trainer import HeldOutTrainer

    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_seed(config.seed)
    own = {
        "per_device_train_batch_size": 1 if config.packing else config.micro_batch_size,
        "packing": config.packing,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.scheduler,
        "warmup_steps": config.warmup_share,  # below 1 it is a share of all steps
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "num_train_epochs": 1,  # the order holds all epochs
        "max_steps": config.max_steps or -1,
        "train_sampling_strategy": "sequential",
        "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "eval_strategy": "no" if held_out is None else "steps",
        "eval_steps": config.eval_every_steps,
        "load_best_model_at_end": config.best_by is not None,
        "metric_for_best_model": config.best_by,
        "greater_is_better": False,
        **common_arguments(
            checkpoints,
            precision=config.precision,
            seed=config.seed,
            save_every_steps=config.save_every_steps,
            keep_checkpoints=config.keep_checkpoints,
            gradient_checkpointing=config.gradient_checkpointing,
            report_to=config.report_to,
        ),
    }
    arguments = lay_over(own, config.trainer_args)
    n_processes = count_processes()
    arguments["gradient_accumulation_steps"] = passes_per_step(config.batch_size, config.micro_batch_size, n_processes)
    peft_config = None
    if config.lora is not None:
        from extracot.training.adapters import lora_config

        peft_config = lora_config(model, control_ids, **config.lora.model_dump())
    trainer = HeldOutTrainer(
        model=model,
        args=TrlSftConfig(**arguments),
        train_dataset=_rows(config, examples, n_processes),
        eval_dataset=None if held_out is None else _one_by_one(held_out.examples),
        processing_class=tokenizer,
        peft_config=peft_config,
        held_out=held_out,
    )
    if held_out is not None and held_out.questions and (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        raise ConfigError(
            "control_questions: answers cannot be drawn from weights that FSDP or DeepSpeed has cut into parts; "
            "set control_questions=0, the held-out loss is measured all the same"
        )
    trainer.remove_callback(PrinterCallback)  # it writes to stdout
    return trainer


def _rows(config: SftConfig, examples: Sequence[EncodedExample], n_processes: int) -> "Dataset":
    """One row per example, or with packing one per pass."""
    if not config.packing:
        return _one_by_one(examples)
    from datasets import Dataset

    lengths = [len(example.input_ids) for example in examples]
    packs = pack_steps(lengths, config.batch_size, config.micro_batch_size, n_processes)
    return Dataset.from_dict(
        {
            "input_ids": [[token for place in pack for token in examples[place].input_ids] for pack in packs],
            "labels": [[label for place in pack for label in examples[place].labels] for pack in packs],
            "seq_lengths": [[lengths[place] for place in pack] for pack in packs],
        }
    )


def _one_by_one(examples: Sequence[EncodedExample]) -> "Dataset":
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in examples],
            "labels": [example.labels for example in examples],
        }
    )


def _metric_name(name: str) -> str | None:
    if name == "mean_token_accuracy":
        return "token_accuracy"
    return None if name == "epoch" else name  # the trainer's one epoch is all of ours

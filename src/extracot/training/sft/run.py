"""The sft stage: examples in, a fine-tuned model out (`<run>/model`).

The loss is on completions only, a mean over the tokens of the whole optimiser step. Examples are tokenised
here and not by TRL: so the boundary is checked, the end token comes once, and nothing is cut.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extracot.errors import ConfigError, DataError
from extracot.io.jsonl import read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.load import load_causal_lm
from extracot.records.sft_example import SftExample
from extracot.training.checkpoints import last_whole_checkpoint
from extracot.training.model_folder import load_prepared, save_trained
from extracot.training.sft.config import SftConfig
from extracot.training.sft.encode import EncodedExample, encode_example, training_order
from extracot.training.trainer_arguments import common_arguments, count_processes, lay_over

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def run(config: SftConfig, run_dir: RunDirectory) -> Manifest:
    """Tokenise, train, save. A resumed run goes on from its last whole checkpoint, with the same result.

    Raises:
        ModelError: a model without control tokens, or with a tokenizer that cannot be trained on.
        ConfigError: batch sizes that do not divide, or trainer arguments that contradict the config.
        DataError: no examples, none that fit `max_length`, or one whose prompt and completion merge.
        StageError: loss or gradient became NaN.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    _, tokenizer = load_prepared(config.model)
    encoded, n_too_long = _encode_all(config, tokenizer)
    lengths = [len(example.input_ids) for example in encoded]
    order = training_order(lengths, config.epochs, config.micro_batch_size, config.group_by_length, config.seed)
    run_dir.log(
        f"sft: {len(encoded)} examples of {sum(lengths) / len(lengths):.0f} tokens on average, {n_too_long} "
        f"longer than {config.max_length} left out; {config.epochs:g} epochs, batches of {config.batch_size}"
    )
    model = load_causal_lm(config.model, device=None if count_processes() == 1 else "cpu")
    trainer = make_trainer(config, run_dir.checkpoints, model, tokenizer, [encoded[index] for index in order])
    from extracot.training.callbacks import RunCallback

    callback = RunCallback(run_dir, "sft", _metric_name, ("loss", "token_accuracy", "step_s"), config.log_every_steps)
    trainer.add_callback(callback)
    checkpoint = last_whole_checkpoint(run_dir.checkpoints)
    if checkpoint is not None:
        run_dir.log(f"sft: going on from {checkpoint.name}")
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))

    folder = run_dir.path / "model"
    save_trained(trainer, tokenizer, config.model, folder)
    return run_dir.finish(
        inputs=[config.data, *([config.model] if Path(config.model).is_dir() else [])],
        outputs=[folder],
        counts={"examples": len(encoded), "too_long": n_too_long, "steps": trainer.state.global_step},
        seeds={"order": config.seed},
        model=str(folder),
        loss=callback.last.get("loss"),
        token_accuracy=callback.last.get("token_accuracy"),
    )


def _encode_all(config: SftConfig, tokenizer: "PreTrainedTokenizerBase") -> tuple[list[EncodedExample], int]:
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
        for example in read_records(config.data, SftExample)
    ]
    if not encoded:
        raise DataError(f"{config.data}: holds no examples")
    fitting = [example for example in encoded if len(example.input_ids) <= config.max_length]
    if not fitting:
        raise DataError(
            f"{config.data}: all {len(encoded)} examples are longer than max_length={config.max_length}; raise it"
        )
    return fitting, len(encoded) - len(fitting)


def make_trainer(
    config: SftConfig,
    checkpoints: Path,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    examples: Sequence[EncodedExample],
) -> Any:
    """TRL's SFTTrainer over these examples, in this order.

    Args:
        config: its paths are not read.
        checkpoints: where they go.
        model: what is trained, in place.
        tokenizer: of the model.
        examples: all epochs, one after the other.

    Raises:
        ConfigError: batch sizes that do not divide, or trainer arguments that contradict the config.
    """
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from transformers.utils.logging import disable_progress_bar
    from trl import SFTConfig as TrlSftConfig
    from trl import SFTTrainer

    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_seed(config.seed)
    dataset = Dataset.from_dict(
        {
            "input_ids": [example.input_ids for example in examples],
            "labels": [example.labels for example in examples],
        }
    )
    own = {
        "per_device_train_batch_size": config.micro_batch_size,
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
        **common_arguments(
            checkpoints,
            precision=config.precision,
            seed=config.seed,
            save_every_steps=config.save_every_steps,
            keep_checkpoints=config.keep_checkpoints,
            gradient_checkpointing=config.gradient_checkpointing,
        ),
    }
    arguments = lay_over(own, config.trainer_args)
    n_processes = count_processes()
    per_pass = config.micro_batch_size * n_processes
    if config.batch_size % per_pass:
        raise ConfigError(
            f"batch_size={config.batch_size} is no multiple of micro_batch_size={config.micro_batch_size} "
            f"times {n_processes} processes"
        )
    arguments["gradient_accumulation_steps"] = config.batch_size // per_pass
    trainer = SFTTrainer(
        model=model,
        args=TrlSftConfig(**arguments),
        train_dataset=dataset,
        processing_class=tokenizer,
    )
    trainer.remove_callback(PrinterCallback)  # it writes to stdout
    return trainer


def _metric_name(name: str) -> str | None:
    if name == "mean_token_accuracy":
        return "token_accuracy"
    return None if name == "epoch" else name  # the trainer's one epoch is all of ours

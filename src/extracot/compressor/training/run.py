"""The `train-compressor` stage, in one process or several.

Several processes (`torchrun`, `accelerate launch`) share every batch and average their gradients, so that without
dropout they end in the weights of a single one up to rounding. Not covered: weights that are themselves cut into
parts (FSDP, DeepSpeed).
"""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from extracot.compressor.batching import length_buckets
from extracot.compressor.encoder_input import CONFIG_KEY, fit_input
from extracot.compressor.padding import model_inputs
from extracot.compressor.scorers.encoder import EncoderScorer
from extracot.compressor.training.card import card
from extracot.compressor.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from extracot.compressor.training.config import TrainCompressorConfig
from extracot.compressor.training.examples import (
    AnnotatedTrace,
    Example,
    HeldOut,
    held_out_passages,
    n_steps_of,
    split_by_question,
    training_examples,
)
from extracot.compressor.training.focal import IGNORED, class_weights, focal_loss
from extracot.compressor.training.model import build_encoder, load_encoder
from extracot.compressor.training.quality import mean_of_rows, needed_kept
from extracot.compressor.training.vocabulary import train_tokenizer
from extracot.errors import DataError
from extracot.io.atomic import write_text_atomic
from extracot.io.jsonl import read_records
from extracot.io.manifest import Manifest, read_manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.load import load_tokenizer
from extracot.records.annotation import Annotation
from extracot.records.trace import iterate_traces
from extracot.toy.muon import Muon

T = TypeVar("T")

MODEL_FOLDER = "model"
"""Where in the run directory the compressor lies."""


def run(config: TrainCompressorConfig, run_dir: RunDirectory) -> Manifest:
    """Train a token classifier on annotated traces and save the checkpoint that ranks held-out units best.

    Writes model/, with its tokenizer and a card, for `compress`. A resumed run goes on from its last evaluation
    and, without `max_seconds`, ends in the same weights. Of several processes the first one writes, into its own
    run directory.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    # Without a GPU it has to be told, or it takes several processes for as many separate trainings.
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    log = run_dir.log if accelerator.is_main_process else run_dir.log_quietly
    items, counts = read_annotated(config.traces, config.annotations)
    training, held_out = split_by_question(items, config.holdout_share, config.seed)
    if config.n_threads is not None:
        torch.set_num_threads(config.n_threads)
    if config.vocab_size is None:
        target_tokenizer = load_tokenizer(config.tokenizer)
    else:
        texts = (text for item in training for text in (item.trace.question, item.trace.cot))
        target_tokenizer = train_tokenizer(texts, config.vocab_size)
    model, tokenizer = make_model(config, target_tokenizer)
    layout = fit_input(tokenizer, model.config, config.tiers, config.with_question, config.max_length)
    setattr(model.config, CONFIG_KEY, layout.to_json())
    device = config.device if accelerator.num_processes == 1 and config.device else accelerator.device
    model.to(device)  # type: ignore[arg-type]

    examples = training_examples(training, tokenizer, layout, config.max_windows)
    if not examples:
        raise DataError(f"{config.annotations}: no annotated token in {len(training)} training traces")
    passages = held_out_passages(held_out, target_tokenizer, config.tiers, config.max_holdout_traces)
    log(
        f"{len(training)} traces to train on ({sum(len(e.input_ids) for e in examples)} tokens), "
        f"{len(held_out)} held out, {sum(p.numel() for p in model.parameters())} parameters"
    )
    scorer = EncoderScorer(model, tokenizer, layout)
    weights = class_weights(count_labels(examples, len(config.tiers)), config.class_evenness)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)  # dropout of pretrained encoders
        outcome = train(
            model,
            examples,
            accelerator=accelerator,
            pad_id=tokenizer.pad_token_id or 0,
            optimizers=make_optimizers(model, config),
            loss_of=lambda logits, labels: focal_loss(logits, labels, weights.to(logits.device), config.focus),
            evaluate=lambda: mean_needed_kept(
                scorer, passages, config.ratios, config.resolution, accelerator.process_index, accelerator.num_processes
            ),
            config=config,
            run_dir=run_dir,
        )
    if not accelerator.is_main_process:
        return read_manifest(first_of([str(run_dir.path / "manifest.json")]))
    folder = run_dir.path / MODEL_FOLDER
    model.to(getattr(torch, config.storage))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    qualities = {"this model": outcome.best_qualities} | baselines(
        passages, config.ratios, config.resolution, config.seed
    )
    for name, shares in qualities.items():
        log(f"needed kept, {name}: " + ", ".join(f"{s:.3f}@{r:g}" for r, s in zip(config.ratios, shares, strict=True)))
    write_text_atomic(
        folder / "README.md",
        card(
            config.model_dump(mode="json"),
            n_parameters=sum(p.numel() for p in model.parameters()),
            n_training=len(training),
            authors=Counter(item.trace.model for item in training),
            annotators=sorted({item.annotation.annotator for item in training}),
            n_tokens=outcome.n_tokens,
            n_steps=outcome.step,
            best_step=outcome.best_step,
            minutes=outcome.seconds / 60,
            n_held_out=len(passages),
            ratios=config.ratios,
            qualities=qualities,
            digest=hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        ),
    )
    manifest = run_dir.finish(
        inputs=[config.traces, config.annotations],
        outputs=[folder],
        counts={**counts, "training": len(training), "held_out": len(held_out)},
        seeds={"training": config.seed},
        best_step=outcome.best_step,
        n_steps=outcome.step,
        n_training_tokens=outcome.n_tokens,
        tokens_per_second=round(outcome.n_tokens / max(outcome.seconds, 1e-9)),
        **{f"needed_kept@{r:g}": round(q, 4) for r, q in zip(config.ratios, outcome.best_qualities, strict=True)},
    )
    first_of([str(run_dir.path / "manifest.json")])
    return manifest


def read_annotated(traces_path: str, annotations_path: str) -> tuple[list[AnnotatedTrace], dict[str, int]]:
    """Traces with their annotation, in the order of the traces, and how many there were of each sort.

    Raises:
        DataError: two annotations of one trace, or none that fits any trace.
    """
    annotations: dict[str, Annotation] = {}
    for annotation in read_records(annotations_path, Annotation):
        if annotation.trace_id in annotations:
            raise DataError(f"{annotations_path}: trace {annotation.trace_id} is annotated twice; keep one of them")
        annotations[annotation.trace_id] = annotation
    counts: Counter[str] = Counter(annotated=0, not_annotated=0, annotation_failed=0)
    items = []
    for trace in iterate_traces(traces_path):
        found = annotations.get(trace.id)
        if found is None:
            counts["not_annotated"] += 1
        elif found.outcome == "failed":
            counts["annotation_failed"] += 1
        else:
            counts["annotated"] += 1
            items.append(AnnotatedTrace(trace, found))
    if not items:
        raise DataError(f"{annotations_path}: no usable annotation of a trace in {traces_path}; compare the trace ids")
    return items, dict(counts)


def make_model(
    config: TrainCompressorConfig, target_tokenizer: PreTrainedTokenizerBase
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model to train and the tokenizer that it reads with."""
    if config.encoder is not None:
        tokenizer = load_tokenizer(config.encoder)
        model = load_encoder(config.encoder, len(config.tiers), config.seed)
        model.config.pad_token_id = tokenizer.pad_token_id
        return model, tokenizer
    return (
        build_encoder(
            target_tokenizer,
            hidden_size=config.hidden_size,
            n_layers=config.n_layers,
            n_heads=config.n_heads,
            mlp_size=config.mlp_size,
            max_length=config.max_length,
            tiers=config.tiers,
            seed=config.seed,
        ),
        target_tokenizer,
    )


def make_optimizers(model: PreTrainedModel, config: TrainCompressorConfig) -> list[torch.optim.Optimizer]:
    """AdamW for everything; of a new encoder the matrices inside the layers go to Muon where the config says
    so."""
    lr = config.lr or (3e-3 if config.encoder is None else 2e-5)
    matrices = (
        [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
        if config.encoder is None and config.matrix_lr is not None
        else []
    )
    matrix_ids = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in matrix_ids]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=config.weight_decay)
    ]
    if config.matrix_lr is not None and matrices:
        optimizers.append(Muon(matrices, lr=config.matrix_lr))
    return optimizers


def train(
    model: PreTrainedModel,
    examples: Sequence[Example],
    *,
    accelerator: Accelerator,
    pad_id: int,
    optimizers: Sequence[torch.optim.Optimizer],
    loss_of: Callable[[Tensor, Tensor], Tensor],
    evaluate: Callable[[], list[float]],
    config: TrainCompressorConfig,
    run_dir: RunDirectory,
) -> Progress:
    """Train in place and leave the model with its best evaluated weights; every evaluation is a checkpoint."""
    is_first, n_processes = accelerator.is_main_process, accelerator.num_processes
    n_batches = len(length_buckets([len(e.input_ids) for e in examples], config.batch_tokens))
    n_steps = n_steps_of(n_batches, config.n_epochs, config.max_steps)
    evaluation_steps = {round(n_steps * (i + 1) / config.n_evaluations) for i in range(config.n_evaluations)} | {
        n_steps
    }
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    checkpoint = Path(first_of([str(run_dir.checkpoints / "last.pt")]))
    progress = load_checkpoint(checkpoint, model, optimizers)
    if progress.step and is_first:
        run_dir.log(f"going on behind step {progress.step}")
    # The wrapper averages gradients over processes; `model` itself stays what is evaluated and saved.
    wrapped = accelerator.prepare_model(model, device_placement=False)
    earlier_s, started_s = progress.seconds, time.monotonic()
    batches = shuffled_batches(examples, config.batch_tokens, n_steps, config.seed)
    for batch in islice(batches, progress.step, None):
        factor = learning_rate_factor(progress.step / n_steps)
        for optimizer, base in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = peak * factor
        wrapped.train()
        # Without a row of its own a process reads another's, to no effect: all have to take part in the averaging.
        own = batch[accelerator.process_index :: n_processes]
        inputs = model_inputs(
            model, [e.input_ids for e in own or batch[:1]], [e.n_head for e in own or batch[:1]], pad_id
        )
        logits_NC = wrapped(**inputs).logits.flatten(0, 1)
        loss = loss_of(logits_NC, padded_labels(own, inputs["input_ids"])) if own else 0.0 * logits_NC.sum()
        share = n_processes * count_labelled(own) / count_labelled(batch)
        accelerator.backward(loss * share)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        progress.step += 1
        progress.n_tokens += sum(len(e.input_ids) for e in batch)
        progress.seconds = earlier_s + time.monotonic() - started_s
        is_out_of_time = config.max_seconds is not None and first_of([progress.seconds > config.max_seconds])
        if progress.step in evaluation_steps or is_out_of_time:
            model.train(False)
            qualities = evaluate()
            if sum(qualities) > sum(progress.best_qualities):
                progress.best_step, progress.best_qualities = progress.step, qualities
                progress.best_weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
            if is_first:
                save_checkpoint(checkpoint, progress, model, optimizers)
                named = {f"needed_kept@{r:g}": q for r, q in zip(config.ratios, qualities, strict=True)}
                run_dir.metrics(progress.step, loss=loss.item(), **named)
                run_dir.log(
                    f"step {progress.step}/{n_steps}: loss {loss.item():.4f}, "
                    f"{progress.n_tokens / progress.seconds:.0f} tokens/s, "
                    + ", ".join(f"{name} {value:.3f}" for name, value in named.items())
                )
        elif is_first and progress.step % 10 == 0:
            run_dir.metrics(progress.step, loss=loss.item())
        if is_out_of_time:
            break
    model.load_state_dict(progress.best_weights)
    model.train(False)
    return progress


def first_of(own: list[T]) -> T:
    """What the first process has, in every process; waits for all of them."""
    broadcast_object_list(own)
    return own[0]


def padded_labels(rows: Sequence[Example], like_BL: Tensor) -> Tensor:
    """[B * L] labels of the rows beside their padded ids, padding IGNORED."""
    labels_BL = torch.full(like_BL.shape, IGNORED)
    for index, row in enumerate(rows):
        labels_BL[index, : len(row.labels)] = torch.tensor(row.labels)
    return labels_BL.flatten().to(like_BL.device)


def count_labelled(rows: Sequence[Example]) -> int:
    """Tokens of these rows that have a label."""
    return sum(label != IGNORED for row in rows for label in row.labels)


def shuffled_batches(
    examples: Sequence[Example], batch_tokens: int, n_steps: int, seed: int
) -> Iterator[list[Example]]:
    """`n_steps` batches of examples of like length, in a new order every epoch; the same for the same
    seed."""
    generator = torch.Generator().manual_seed(seed)
    n_given = 0
    while True:
        # Shuffled first, so that examples of one length meet others in every epoch.
        order = torch.randperm(len(examples), generator=generator).tolist()
        batches = length_buckets([len(examples[i].input_ids) for i in order], batch_tokens)
        for index in torch.randperm(len(batches), generator=generator).tolist():
            if n_given == n_steps:
                return
            yield [examples[order[i]] for i in batches[index]]
            n_given += 1


def learning_rate_factor(progress: float, warm_up: float = 0.05) -> float:
    """Linear warm-up, then constant, then linear to zero over the last 60 per cent; `progress` in [0, 1)."""
    return min(1.0, (progress + 1e-3) / warm_up, (1.0 - progress) / 0.6)


def mean_needed_kept(
    scorer: EncoderScorer,
    passages: Sequence[HeldOut],
    ratios: Sequence[float],
    resolution: float,
    process: int = 0,
    n_processes: int = 1,
) -> list[float]:
    """Share of needed units that each ratio keeps, averaged over passages; [R].

    Every process scores its part of the passages, and all of them get the same mean.
    """
    own = passages[process::n_processes]
    all_scores = scorer.score([held.passage for held in own], [held.units for held in own])
    rows: list[list[float]] = gather_object(
        [
            needed_kept(scores, held.is_needed, held.costs, ratios, resolution)
            for scores, held in zip(all_scores, own, strict=True)
        ]
    )
    return mean_of_rows(rows)


def baselines(
    passages: Sequence[HeldOut], ratios: Sequence[float], resolution: float, seed: int
) -> dict[str, list[float]]:
    """What the same passages keep of their needed units without a model, by name; [R] each.

    `labels` ranks by the annotation itself and is the most that any scorer can keep; `random` is the least that one
    should; `first` and `last` cut the text short at one end.
    """
    generator = random.Random(seed)
    rules: dict[str, Callable[[HeldOut], list[float]]] = {
        "labels": lambda held: [float(flag) for flag in held.is_needed],
        "random": lambda held: [generator.random() for _ in held.units],
        "first": lambda held: [-float(i) for i in range(len(held.units))],
        "last": lambda held: [float(i) for i in range(len(held.units))],
    }
    return {
        name: mean_of_rows(
            [
                needed_kept(rule(held), held.is_needed, held.costs, ratios, resolution if name == "labels" else 0.0)
                for held in passages
            ]
        )
        for name, rule in rules.items()
    }


def count_labels(examples: Sequence[Example], n_labels: int) -> list[int]:
    """Tokens of each label."""
    counts = Counter(label for example in examples for label in example.labels)
    return [counts[label] for label in range(n_labels)]

"""The chrpo stage: a fine-tuned model and its teacher budgets in, a model that chooses its budget out
(`<run>/model`)."""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extracot.errors import ConfigError, DataError
from extracot.grading.grader import Grader
from extracot.io.jsonl import read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.models.load import load_causal_lm
from extracot.records.budget import TeacherBudget
from extracot.text.control import POLICY_TOKEN, control_token
from extracot.text.repetition import RepetitionLimits
from extracot.training.checkpoints import last_whole_checkpoint
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.monitor import HeadStats, HeadWatch
from extracot.training.chrpo.rl_set import check_grid, choose_problems, keep_within_window, ratio_key
from extracot.training.chrpo.scoring import (
    GRADING_TIMEOUT_S,
    HEAD,
    BatchRewards,
    ResponseScorer,
    main_parts,
    share_metric,
)
from extracot.training.model_folder import load_prepared, save_trained
from extracot.training.order import shuffled_epochs
from extracot.training.processes import finish_together, from_first
from extracot.training.response_ids import response_tokens
from extracot.training.trainer_arguments import common_arguments, count_processes, lay_over

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from extracot.training.callbacks import RunCallback
    from extracot.training.chrpo.trainer import ChrpoTrainer, Objective, Rollout

_SHOWN = ("accuracy", "think_tokens/mean", "actual_ratio/mean", "reward/total", "head/entropy", "step_s")


def run(config: ChrpoConfig, run_dir: RunDirectory) -> Manifest:
    """Choose problems, train, save. A resumed run goes on from its last whole checkpoint, with the same
    result.

    Raises:
        ModelError: a model without control tokens, or with a tokenizer that cannot be trained on.
        ConfigError: batch sizes that do not divide, or trainer arguments that contradict the config.
        DataError: no budgets, budgets at ratios that the model does not have, or too few problems for one step.
        StageError: the loss became NaN, or no response names a ratio.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    budgets, chosen = read_chosen(config)
    knob, tokenizer = load_prepared(config.model)
    check_grid(budgets, knob.grid, config.budgets)
    n_by_ratio = Counter(ratio_key(budget.teacher_ratio) for budget in chosen)
    run_dir.log(f"chrpo: {len(chosen)} of {len(budgets)} problems, by teacher budget {_table(n_by_ratio)}")

    with Grader(batch_timeout_s=GRADING_TIMEOUT_S) as grader:
        model = load_causal_lm(config.model, device=None if count_processes() == 1 else "cpu")
        trainer, watch = make_trainer(config, run_dir, model, knob, tokenizer, chosen, grader)
        checkpoint = from_first(lambda: last_whole_checkpoint(run_dir.checkpoints))
        if checkpoint is not None:
            run_dir.log(f"chrpo: going on from {checkpoint.name}")
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    folder = run_dir.path / "model"
    save_trained(trainer, tokenizer, config.model, folder)
    last = watch.last
    return finish_together(
        lambda: run_dir.finish(
            inputs=[config.budgets, *([config.model] if Path(config.model).is_dir() else [])],
            outputs=[folder],
            counts={
                "budgets": len(budgets),
                "problems": len(chosen),
                "unsolved": n_by_ratio[ratio_key(None)],
                "steps": trainer.state.global_step,
            },
            seeds={"seed": config.seed},
            model=str(folder),
            **{name.replace("/", "_"): last.get(name) for name in ("accuracy", "think_tokens/mean", "head/entropy")},
        )
    )


def plan(config: ChrpoConfig) -> str:
    """What `run` would do, from the budgets and the model's folder, without loading weights.

    Raises:
        ModelError, ConfigError, DataError: as `run`.
    """
    budgets, chosen = read_chosen(config)
    knob, _ = load_prepared(config.model)
    check_grid(budgets, knob.grid, config.budgets)
    n_passes = _passes_per_step(config, count_processes())
    table = _table(Counter(ratio_key(budget.teacher_ratio) for budget in chosen))
    n_rollouts = math.ceil(config.n_steps / config.n_iterations) * config.prompts_per_step
    asked = f", {config.asked_share:.0%} of them asked for a ratio" if config.asked_share else ""
    return (
        f"{len(chosen)} of {len(budgets)} problems, by teacher budget {table}; {config.n_steps} steps of "
        f"{config.prompts_per_step} problems{asked} x {config.group_size} responses of at most {config.max_new_tokens} "
        f"tokens, in {n_passes} passes; {n_rollouts / len(chosen):.1f} roll-outs of each problem"
    )


def _table(n_by_ratio: Mapping[str, int]) -> str:
    return ", ".join(f"{key}: {n}" for key, n in sorted(n_by_ratio.items()))


def _passes_per_step(config: ChrpoConfig, n_processes: int) -> int:
    """Forward passes of each process in one step.

    Raises:
        ConfigError: batch sizes that do not divide.
    """
    n_responses, per_pass = config.prompts_per_step * config.group_size, config.micro_batch_size * n_processes
    if n_responses % per_pass:
        raise ConfigError(
            f"prompts_per_step x group_size = {n_responses} responses are no multiple of "
            f"micro_batch_size={config.micro_batch_size} times {n_processes} processes"
        )
    if config.rival.kind != "none" and config.prompts_per_step % n_processes:
        raise ConfigError(
            f"rival compares the responses of a group, which have to be on one process: make prompts_per_step="
            f"{config.prompts_per_step} a multiple of {n_processes} processes"
        )
    return n_responses // per_pass


def read_chosen(config: ChrpoConfig) -> tuple[list[TeacherBudget], list[TeacherBudget]]:
    """All teacher budgets of the config's file, and those of the problems to train on.

    Raises:
        DataError: no budgets, or too few problems for one step.
    """
    budgets = list(read_records(config.budgets, TeacherBudget))
    if not budgets:
        raise DataError(f"{config.budgets}: holds no teacher budgets; run extracot teacher-budgets first")
    fitting = budgets if config.ratio_window is None else keep_within_window(budgets, config.ratio_window)
    chosen = choose_problems(fitting, config.unsolved_share, config.quotas, config.seed)
    if len(chosen) < config.prompts_per_step:
        n_solved = sum(budget.teacher_ratio is not None for budget in budgets)
        off = f", {len(budgets) - len(fitting)} outside of ratio_window" if len(fitting) < len(budgets) else ""
        raise DataError(
            f"{config.budgets}: {len(chosen)} problems remain of {len(budgets)} ({n_solved} solved{off}), fewer "
            f"than prompts_per_step={config.prompts_per_step}; measure more problems, or lower that"
        )
    return budgets, chosen


def make_trainer(
    config: ChrpoConfig,
    run_dir: RunDirectory,
    model: "PreTrainedModel",
    knob: Knob,
    tokenizer: "PreTrainedTokenizerBase",
    chosen: Sequence[TeacherBudget],
    grader: Grader,
) -> tuple["ChrpoTrainer", "RunCallback"]:
    """The trainer, and the callback that keeps its last metrics.

    Args:
        config: its paths are not read.
        run_dir: where checkpoints, metrics and log lines go.
        model: what is trained, in place; its tokenizer has the control tokens of `knob`.
        knob: grid and prompt format.
        tokenizer: of the model.
        chosen: the problems to train on.
        grader: open; the caller closes it.

    Raises:
        ConfigError: batch sizes that do not divide, or trainer arguments that contradict the config.
    """
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from transformers.utils.logging import disable_progress_bar
    from trl import GRPOConfig

    from extracot.generate.transformers_backend import stop_token_ids
    from extracot.training.callbacks import RunCallback
    from extracot.training.chrpo.trainer import ChrpoTrainer

    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_seed(config.seed)
    n_rollouts = math.ceil(config.n_steps / config.n_iterations)
    order = shuffled_epochs(len(chosen), n_rollouts * config.prompts_per_step, random.Random(config.seed))
    asked = _asked_ratios(config, knob.grid, len(order))
    dataset = Dataset.from_list(
        [
            {
                "prompt": knob.prompt_format.render(
                    tokenizer, budget.question, POLICY_TOKEN if ratio is None else control_token(ratio)
                ),
                "answer": budget.answer,
                "teacher_ratio": budget.teacher_ratio,
                "n_reference_think_tokens": budget.n_reference_think_tokens,
                "asked_ratio": ratio,
            }
            for budget, ratio in zip((chosen[index] for index in order), asked, strict=True)
        ]
    )
    arguments = trainer_arguments(config, run_dir.checkpoints)
    arguments["gradient_accumulation_steps"] = _passes_per_step(config, count_processes())

    stop_ids = stop_token_ids(model, tokenizer) | {int(tokenizer.pad_token_id)}
    tokens = response_tokens(tokenizer, knob.grid, stop_ids)

    def decode(ids: Sequence[int]) -> str:
        text = tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text

    scorer = ResponseScorer(
        tokens,
        decode,
        grader,
        config.calibration_shape,
        config.mode_shape,
        config.integrity_shape,
        config.head_shape,
        RepetitionLimits(),
    )
    trainer = ChrpoTrainer(
        model=model,
        reward_funcs=BatchRewards(scorer, knob.grid, config.rival, config.group_size).functions,
        args=GRPOConfig(**arguments),
        train_dataset=dataset,
        processing_class=tokenizer,
        objective=_objective(config),
        rollout=_rollout(config, tokenizer, stop_ids) if config.own_rollouts else None,
    )
    trainer.remove_callback(PrinterCallback)  # it writes to stdout
    watch = HeadWatch(needs_choice=config.head_coefficient is not None)

    def observe(step: int, metrics: Mapping[str, float]) -> None:
        if "head/no_choice" not in metrics:  # a step on old roll-outs, with n_iterations above 1
            return
        shares = {ratio: metrics[share_metric(ratio)] for ratio in knob.grid}
        stats = HeadStats(shares, metrics["head/no_choice"])
        for warning in watch.observe(stats, metrics["reward/flat_groups"]):
            run_dir.log(f"chrpo: step {step}: {warning}")

    callback = RunCallback(run_dir, "chrpo", metric_name, _SHOWN, config.log_every_steps, observe)
    trainer.add_callback(callback)
    return trainer, callback


def trainer_arguments(config: ChrpoConfig, checkpoints: Path) -> dict[str, Any]:
    """What TRL's GRPOConfig is told, all but `gradient_accumulation_steps`, which depends on the processes."""
    own = {
        "per_device_train_batch_size": config.micro_batch_size,
        "num_generations": config.group_size,
        "max_completion_length": config.max_new_tokens,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.scheduler,
        "warmup_steps": config.warmup_share,  # below 1 it is a share of all steps
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "max_steps": config.n_steps,
        "shuffle_dataset": False,  # the order is fixed beforehand
        "num_iterations": config.n_iterations,
        "epsilon": config.clip,
        "beta": config.beta,
        "use_bias_correction_kl": False,  # GRPO's KL; TRL's default weighs it by the probability ratio
        "loss_type": config.loss_type,
        "scale_rewards": "group",
        "reward_weights": [*part_weights(config), 0.0],  # for TRL's log only: the advantages are ours
        "disable_dropout": True,
        "generation_batch_size": config.prompts_per_step * config.group_size,
        **common_arguments(
            checkpoints,
            precision=config.precision,
            seed=config.seed,
            save_every_steps=config.save_every_steps,
            keep_checkpoints=config.keep_checkpoints,
            gradient_checkpointing=config.gradient_checkpointing,
        ),
    }
    return lay_over(own, config.trainer_args)


def part_weights(config: ChrpoConfig) -> tuple[float, ...]:
    """In the order of `main_parts`, 0 for a part that is switched off."""
    weights, parts = config.weights, config.parts
    by_part = {
        "accuracy": weights.accuracy,
        "calibration": weights.calibration * parts.cal,
        "mode": weights.mode * parts.mode,
        "integrity": weights.integrity * parts.int,
        "rival": weights.rival,
    }
    return tuple(by_part[part] for part in main_parts(config.rival))


def _asked_ratios(config: ChrpoConfig, grid: Sequence[float], n: int) -> list[float | None]:
    """What each of `n` prompts asks for; None for the model's own choice."""
    draw, draw_ratio = random.Random(f"whether asked {config.seed}"), random.Random(f"asked {config.seed}")
    ratios = draw_ratio.choices(grid, k=n)
    return [ratio if draw.random() < config.asked_share else None for ratio in ratios]


def _objective(config: ChrpoConfig) -> "Objective":
    from extracot.training.chrpo.trainer import HeadTerm, Objective

    head = None
    if config.head_coefficient is not None:
        ctrl_weight = config.ctrl_weight if config.parts.ctrl else 0.0
        head = HeadTerm(config.head_coefficient, config.head_clip, ctrl_weight)
    return Objective(part_weights(config), config.aggregation, config.std_floor, head, config.advantage_scale)


def _rollout(config: ChrpoConfig, tokenizer: "PreTrainedTokenizerBase", stop_ids: frozenset[int]) -> "Rollout":
    from extracot.generate.backend import Sampling
    from extracot.training.chrpo.rollout import make_rollout

    sampling = Sampling(
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        top_p=config.top_p,
        seed=config.seed,
    )
    return make_rollout(sampling, config.rollout_batch_size, stop_ids, int(tokenizer.pad_token_id))


def metric_name(name: str) -> str | None:
    """Our name of a metric of TRL's; None for those that say nothing here."""
    if name in _RENAMED:
        return _RENAMED[name]
    if name.startswith("rewards/"):
        _, part, statistic = name.split("/")
        shown = "ctrl" if part == HEAD else part
        return f"reward/{shown}" if statistic == "mean" else f"reward/{shown}_std"
    if name.startswith(("completions/", "clip_ratio/", "sampling/")):
        return None if name not in _KEPT else name
    return name


_KEPT = ("completions/max_length", "clip_ratio/region_mean")
_RENAMED = {
    "reward": "reward/total",
    "reward_std": None,
    "frac_reward_zero_std": "reward/flat_groups",
    "epoch": None,
}

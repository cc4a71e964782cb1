"""The chrpo-verl stage: what verl needs to train as the same config would here; trains nothing itself.

Writes `records/rl.parquet`, the problems, `chrpo.yaml`, the settings, and the model's knob, which verl's checkpoints
lack; the launch script of `recipes/verl` takes the run's folder.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extracot.errors import ModelError
from extracot.generate.tokens import stop_tokens_of
from extracot.io.atomic import write_text_atomic
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import KNOB_FILE
from extracot.models.load import resolve_model
from extracot.models.prompts import PromptFormat
from extracot.text.control import POLICY_TOKEN
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.rl_set import check_grid, ratio_key
from extracot.training.chrpo.run import part_weights, read_chosen
from extracot.training.chrpo.verl.rows import make_rows, write_parquet
from extracot.training.chrpo.verl.settings import as_primary_config, require_carried, verl_settings
from extracot.training.model_folder import load_prepared

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DATA, SETTINGS = "rl.parquet", "chrpo.yaml"


def run(config: ChrpoConfig, run_dir: RunDirectory) -> Manifest:
    """Choose the problems as the chrpo stage does, and write them and the settings down.

    Raises:
        ConfigError: a setting that verl has no counterpart for.
        DataError: no budgets, or too few problems for one step.
        ModelError: a model that chrpo could not train, or whose chat template does not write the trained prompt.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    require_carried(config)
    budgets, chosen = read_chosen(config)
    knob, tokenizer = load_prepared(config.model)
    check_grid(budgets, knob.grid, config.budgets)
    n_prompt_tokens = longest_prompt(tokenizer, knob.prompt_format, [budget.question for budget in chosen])
    found = resolve_model(config.model)
    model = str(Path(found).resolve()) if Path(found).is_dir() else found
    stop_ids = {*stop_tokens_of(config.model, tokenizer).stop_ids, int(tokenizer.pad_token_id)}
    settings = verl_settings(
        config,
        model=model,
        stop_ids=sorted(stop_ids),
        grid=knob.grid,
        part_weights=part_weights(config),
        n_problems=len(chosen),
        n_prompt_tokens=n_prompt_tokens,
    )
    data, settings_path = run_dir.records(DATA), run_dir.path / SETTINGS
    write_parquet(data, make_rows(chosen, knob.prompt_format, knob.grid))
    knob.save(run_dir.path)
    write_text_atomic(settings_path, as_primary_config(settings, run_dir.path / "config.json"))

    n_by_ratio = Counter(ratio_key(budget.teacher_ratio) for budget in chosen)
    table = ", ".join(f"{key}: {n}" for key, n in sorted(n_by_ratio.items()))
    run_dir.log(f"chrpo-verl: {len(chosen)} of {len(budgets)} problems, by teacher budget {table}")
    run_dir.log(f"chrpo-verl: in verl's environment: bash recipes/verl/launch.sh {run_dir.path}")
    return run_dir.finish(
        inputs=[config.budgets, *([config.model] if Path(config.model).is_dir() else [])],
        outputs=[data, settings_path, run_dir.path / KNOB_FILE],
        counts={"budgets": len(budgets), "problems": len(chosen), "unsolved": n_by_ratio[ratio_key(None)]},
        seeds={"seed": config.seed},
        longest_prompt_tokens=n_prompt_tokens,
    )


def plan(config: ChrpoConfig) -> str:
    """What `run` would write, without loading a model.

    Raises:
        ConfigError, DataError: as `run`.
    """
    require_carried(config)
    budgets, chosen = read_chosen(config)
    return f"{len(chosen)} of {len(budgets)} problems as {DATA}, and the settings of verl as {SETTINGS}; trains nothing"


def longest_prompt(tokenizer: "PreTrainedTokenizerBase", prompt_format: PromptFormat, questions: Sequence[str]) -> int:
    """Tokens of the longest prompt as verl renders it, which has to be the prompt that SFT trained.

    Args:
        tokenizer: of a prepared model.
        prompt_format: of that model.
        questions: at least one.

    Raises:
        ModelError: there is no chat template, or it renders the turns otherwise.
    """
    if not tokenizer.chat_template:
        raise ModelError(
            "the tokenizer has no chat template, and verl renders prompts by it; put one there with extracot export"
        )
    longest = 0
    for question in questions:
        turns = prompt_format.messages(question, POLICY_TOKEN)
        served = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        trained = prompt_format.render(tokenizer, question, POLICY_TOKEN)
        if served != trained:
            raise ModelError(
                f"verl would render {served!r}, and SFT trained {trained!r}; put the knob into the chat template "
                "with extracot export, and train from what it writes"
            )
        longest = max(longest, len(tokenizer.encode(trained, add_special_tokens=False)))
    return longest

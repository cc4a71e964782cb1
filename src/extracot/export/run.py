"""The export stage: a trained model in, a folder that servers host out (`<run>/model`)."""

from pathlib import Path

from extracot.errors import ModelError
from extracot.export.card import card
from extracot.export.config import ExportConfig
from extracot.export.source import find_source, load_source
from extracot.export.training import AskedFor, asked_in_training
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.chat_template import budget_value
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.text.control import control_tokens

_ASKED_FOR = {
    AskedFor.ALL: "its last training asked for ratios and for its own choice",
    AskedFor.CHOICE: "its last training asked for its own choice alone; fixed ratios may have drifted",
    AskedFor.RATIOS: "its last training asked for ratios, never for its own choice",
    AskedFor.UNKNOWN: "the folder lies in no training run, so which budgets it obeys is not known",
}


def run(config: ExportConfig, run_dir: RunDirectory) -> Manifest:
    """Write weights, tokenizer, knob, generation config and card, and check what was written.

    A model that was trained before the knob was in the chat template gets it there now.

    Raises:
        ModelError: see `find_source` and `load_source`; a budget that the model has no token for, or a chat template
            that cannot carry the knob.
        MissingExtraError: an adapter, and peft is not installed.
    """
    import torch

    from extracot.models.prepare import check_saved, fit_generation_config
    from extracot.models.served_template import check_served_prompts, install_knob, leave_own_effort

    if run_dir.is_complete:
        return run_dir.manifest
    source = find_source(config.model, config.base_model)
    knob = turned_knob(source.knob, config)
    asked_for = asked_in_training(Path(source.adapter or source.model))
    model, tokenizer = load_source(source)
    knob = leave_own_effort(tokenizer, knob)
    if config.dtype != "auto":
        model.to(getattr(torch, config.dtype))
    install_knob(tokenizer, knob)
    fit_generation_config(model, tokenizer)

    folder = run_dir.path / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    knob.save(folder)
    (folder / "README.md").write_text(card(knob, asked_for), encoding="utf-8")
    check_saved(folder, control_token_ids(tokenizer, control_tokens(knob.grid)))
    check_served_prompts(load_tokenizer(str(folder)), knob)

    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    run_dir.log(f"export: {folder}, {size_bytes / 1e6:,.1f} MB in {str(model.dtype).removeprefix('torch.')}")
    run_dir.log(f"export: {_ASKED_FOR[asked_for]}")
    run_dir.log(f"export: host it with: transformers serve {folder} (vLLM and SGLang: see {folder / 'README.md'})")
    return run_dir.finish(
        inputs=[path for path in (source.model, source.adapter) if path is not None and Path(path).is_dir()],
        outputs=[folder],
        counts={"parameters": model.num_parameters(), "size_bytes": size_bytes},
        seeds={},
        model=str(folder),
        default_budget=budget_value(knob.default_budget),
    )


def plan(config: ExportConfig) -> str:
    """What `run` would do, without loading weights.

    Raises:
        ModelError: as `run`.
    """
    source = find_source(config.model, config.base_model)
    knob = turned_knob(source.knob, config)
    what = source.model if source.adapter is None else f"{source.adapter}, merged into {source.model}"
    efforts = ", ".join(f"{effort} {budget_value(budget)}" for effort, budget in knob.effort_budgets.items())
    return (
        f"{what}, in {config.dtype}; comp_ratio {', '.join(map(budget_value, knob.grid))}, policy or none, "
        f"by default {budget_value(knob.default_budget)}; reasoning_effort {efforts}"
    )


def turned_knob(knob: Knob, config: ExportConfig) -> Knob:
    """The knob with what the config says otherwise.

    Raises:
        ModelError: a budget that the model has no token for.
    """
    default = knob.default_budget if config.default_budget is None else config.default_budget
    efforts = knob.efforts if config.efforts is None else config.efforts
    for budget in (default, *(efforts or {}).values()):
        if not isinstance(budget, str) and budget not in knob.grid:
            raise ModelError(f"{config.model} has no control token for {budget}; its ratios are {list(knob.grid)}")
    return knob.model_copy(update={"default_budget": default, "efforts": efforts})

"""The prepare-model stage: a base model in, a folder with control tokens and a knob out (`<run>/model`)."""

from pathlib import Path

from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.config import PrepareModelConfig
from extracot.models.knob import KNOB_FILE, Knob
from extracot.models.load import load_causal_lm, load_tokenizer, resolve_model
from extracot.models.prepare import (
    add_control_tokens,
    adds_tokens_to_texts,
    check_saved,
    fit_generation_config,
    leave_begin_to_template,
    n_embedding_rows,
)
from extracot.models.served_template import check_served_prompts, install_knob, leave_own_effort


def run(config: PrepareModelConfig, run_dir: RunDirectory) -> Manifest:
    """Add the control tokens and the knob, save model and tokenizer with their `extracot.json`, and check what was
    saved.

    Weights keep the type they were saved in.

    Raises:
        ModelError: no such model, no tokenizer, a chat template that cannot carry the knob, or control tokens that do
            not survive the way to disk.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    source = resolve_model(config.model)
    tokenizer = load_tokenizer(config.model)
    model = load_causal_lm(config.model, dtype="auto", device="cpu")
    n_rows_before = n_embedding_rows(model)
    ids = add_control_tokens(
        model, tokenizer, config.grid, config.seed, are_distinct=config.embeddings == "distinct"
    )
    fit_generation_config(model, tokenizer)
    knob = Knob(
        grid=config.grid,
        prompt_format=config.prompt_format,
        base_model=config.model,
        default_budget=config.default_budget,
        efforts=config.efforts,
    )
    knob = leave_own_effort(tokenizer, knob)
    had_template = tokenizer.chat_template is not None
    adds_tokens = adds_tokens_to_texts(tokenizer)
    if adds_tokens:
        leave_begin_to_template(tokenizer)
    install_knob(tokenizer, knob, begins_texts=adds_tokens and tokenizer.bos_token is not None)

    folder = run_dir.path / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    knob.save(folder)
    check_saved(folder, ids)
    check_served_prompts(load_tokenizer(str(folder)), knob)

    n_rows = n_embedding_rows(model)
    shown = ", ".join(f"{token} {id_}" for token, id_ in ids.items())
    run_dir.log(f"prepare-model: {config.model} now knows {shown}; rows {n_rows_before} -> {n_rows}")
    if adds_tokens:
        run_dir.log("prepare-model: begin and end tokens of a text now come from the chat template alone")
    if knob.efforts == {}:
        run_dir.log("prepare-model: reasoning_effort is left to the model's own template; comp_ratio turns the knob")
    if not had_template:
        run_dir.log("prepare-model: the model has no chat template; it got a plain one, a line for every turn")
    return run_dir.finish(
        inputs=[source] if Path(source).is_dir() else [],
        outputs=[folder, folder / KNOB_FILE],
        counts={"control_tokens": len(ids), "rows_before": n_rows_before, "rows": n_rows},
        seeds={"embeddings": config.seed},
        model=str(folder),
    )

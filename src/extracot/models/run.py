"""The prepare-model stage: a base model in, a folder with control tokens out (`<run>/model`)."""

from pathlib import Path

from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.config import PrepareModelConfig
from extracot.models.knob import KNOB_FILE, Knob
from extracot.models.load import load_causal_lm, load_tokenizer, resolve_model
from extracot.models.prepare import add_control_tokens, check_saved, fit_generation_config, n_embedding_rows


def run(config: PrepareModelConfig, run_dir: RunDirectory) -> Manifest:
    """Add the control tokens, save model and tokenizer with their `extracot.json`, and check what was saved.

    Weights keep the type they were saved in.

    Raises:
        ModelError: no such model, no tokenizer, or control tokens that do not survive the way to disk.
    """
    if run_dir.is_complete:
        return run_dir.manifest
    source = resolve_model(config.model)
    tokenizer = load_tokenizer(config.model)
    model = load_causal_lm(config.model, dtype="auto", device="cpu")
    n_rows_before = n_embedding_rows(model)
    ids = add_control_tokens(model, tokenizer, config.grid, config.seed)
    fit_generation_config(model, tokenizer)

    folder = run_dir.path / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Knob(grid=config.grid, prompt_format=config.prompt_format, base_model=config.model).save(folder)
    check_saved(folder, ids)

    n_rows = n_embedding_rows(model)
    shown = ", ".join(f"{token} {id_}" for token, id_ in ids.items())
    run_dir.log(f"prepare-model: {config.model} now knows {shown}; rows {n_rows_before} -> {n_rows}")
    return run_dir.finish(
        inputs=[source] if Path(source).is_dir() else [],
        outputs=[folder, folder / KNOB_FILE],
        counts={"control_tokens": len(ids), "rows_before": n_rows_before, "rows": n_rows},
        seeds={"embeddings": config.seed},
        model=str(folder),
    )

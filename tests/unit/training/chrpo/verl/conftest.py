"""A tiny prepared model whose chat template has the knob, and measured budgets, as the chrpo-verl stage takes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extracot.io.jsonl import JsonlWriter
from extracot.records import TeacherBudget
from extracot.training.chrpo.config import ChrpoConfig


@pytest.fixture(scope="session")
def knob_model_dir(prepared_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from extracot.models.knob import Knob
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.models.prompts import PromptFormat
    from extracot.models.served_template import install_knob

    folder = tmp_path_factory.mktemp("models") / "knob"
    tokenizer = load_tokenizer(str(prepared_model_dir))
    prompt_format = PromptFormat(system="Be brief.", instruction="Put the answer into a box.")
    knob = Knob.load(str(prepared_model_dir)).model_copy(update={"prompt_format": prompt_format})
    install_knob(tokenizer, knob)
    load_causal_lm(str(prepared_model_dir)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    knob.save(folder)
    return folder


@pytest.fixture(scope="session")
def budgets_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve problems: r* is 0.2, 0.5, 1.0 and none in turn."""
    path = tmp_path_factory.mktemp("budgets") / "budgets.jsonl"
    with JsonlWriter(path) as writer:
        for a in range(12):
            writer.write(
                TeacherBudget(
                    problem_id=f"p{a}",
                    question=f"Gus has {a} and 5. How many?",
                    answer=str(a + 5),
                    level=a % 3 or None,
                    pass_rates={"0.20": 1.0, "0.50": 1.0, "1.00": 1.0},
                    teacher_ratio=(0.2, 0.5, 1.0, None)[a % 4],
                    n_reference_think_tokens=10.0 + a,
                    n_samples=3,
                )
            )
    return path


@pytest.fixture(scope="session")
def make_config(knob_model_dir: Path, budgets_file: Path) -> Callable[..., ChrpoConfig]:
    def make(**changes: Any) -> ChrpoConfig:
        values = {
            "model": str(knob_model_dir),
            "budgets": str(budgets_file),
            "unsolved_share": 0.2,
            "n_steps": 10,
            "prompts_per_step": 4,
            "group_size": 4,
            "micro_batch_size": 8,
            "max_new_tokens": 100,
            "save_every_steps": 5,
            **changes,
        }
        return ChrpoConfig.model_validate(values)

    return make


@pytest.fixture(scope="session")
def written_run(make_config: Callable[..., ChrpoConfig], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a chrpo-verl run; read it, never write into it."""
    from extracot.io.run_directory import RunDirectory
    from extracot.training.chrpo.verl.run import run

    folder = tmp_path_factory.mktemp("chrpo-verl") / "run"
    config = make_config()
    run(config, RunDirectory.open(folder, config, "chrpo-verl"))
    return folder


@pytest.fixture(scope="session")
def reward_kwargs(written_run: Path) -> dict[str, Any]:
    """What verl passes to the reward function with every call."""
    import yaml

    tree = yaml.safe_load((written_run / "chrpo.yaml").read_text(encoding="utf-8"))
    kwargs: dict[str, Any] = tree["reward"]["custom_reward_function"]["reward_kwargs"]
    return kwargs


@pytest.fixture(scope="session")
def response_ids(knob_model_dir: Path) -> Callable[[str], list[int]]:
    """The ids of a response, ended by the stop token."""
    from extracot.models.load import load_tokenizer

    tokenizer = load_tokenizer(str(knob_model_dir))
    end = int(tokenizer.eos_token_id)  # type: ignore[arg-type]
    return lambda text: [*tokenizer.encode(text, add_special_tokens=False), end]

"""A tiny random model with control tokens, and what trainers of other people warn about."""

from collections.abc import Callable
from pathlib import Path

import pytest

GRID = (0.2, 0.5, 1.0)


def prepare(source: Path, folder: Path) -> Path:
    """Give a tiny model the tokens of `GRID`."""
    from extracot.models.knob import Knob
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.models.prepare import add_control_tokens, fit_generation_config
    from extracot.models.prompts import PromptFormat

    model, tokenizer = load_causal_lm(str(source)), load_tokenizer(str(source))
    add_control_tokens(model, tokenizer, GRID, seed=0)
    fit_generation_config(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Knob(grid=GRID, prompt_format=PromptFormat(), base_model="tiny").save(folder)
    return folder


@pytest.fixture(scope="session")
def prepared_model_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with the tokens of `GRID`; read it, never write into it."""
    return prepare(tiny_model_dir, tmp_path_factory.mktemp("models") / "prepared")


@pytest.fixture
def prepare_tiny_model(save_tiny_model: Callable[..., Path]) -> Callable[..., Path]:
    """As `prepared_model_dir`, of a tiny model of its own."""

    def make(folder: Path, **options: object) -> Path:
        return prepare(save_tiny_model(folder.with_name("unprepared"), **options), folder)

    return make


@pytest.fixture(scope="session")
def sft_examples(prepared_model_dir: Path) -> list[object]:
    """`tiny_examples`, for a test that only reads them."""
    return tiny_examples(prepared_model_dir)


@pytest.fixture(scope="session")
def train_tiny_sft(prepared_model_dir: Path) -> Callable[..., Path]:
    """Run the sft stage on a handful of examples; returns the run's folder."""

    def train(folder: Path, **changes: object) -> Path:
        from extracot.io.jsonl import JsonlWriter
        from extracot.io.run_directory import RunDirectory
        from extracot.training.sft.config import SftConfig
        from extracot.training.sft.run import run

        folder.mkdir(parents=True, exist_ok=True)
        data = folder / "examples.jsonl"
        if not data.exists():
            with JsonlWriter(data) as writer:
                for example in tiny_examples(prepared_model_dir):
                    writer.write(example)
        values: dict[str, object] = {
            "model": str(prepared_model_dir),
            "data": str(data),
            "learning_rate": 3e-3,
            "max_steps": 6,
            "epochs": 20,
            "batch_size": 8,
            "micro_batch_size": 4,
            "save_every_steps": 3,
            **changes,
        }
        config = SftConfig.model_validate(values)
        run(config, RunDirectory.open(folder / "run", config, "sft", resume=True))
        return folder / "run"

    return train


def tiny_examples(model_dir: Path) -> list[object]:
    """One fixed and one policy example per ratio of three sums; the policy chooses 0.2, 0.5 and 1.0 in
    turn."""
    from extracot.models.knob import Knob
    from extracot.models.load import load_tokenizer
    from extracot.models.prompts import count_tokens
    from extracot.records import SftExample
    from extracot.text.control import POLICY_TOKEN, control_token
    from extracot.text.think import render_response

    tokenizer, knob = load_tokenizer(str(model_dir)), Knob.load(str(model_dir))
    examples: list[object] = []
    for a in (2, 3, 4):
        for ratio in knob.grid:
            cot = f"$ {a} + 5 = {a + 5} $ " * round(5 * ratio)
            completion = render_response(control_token(ratio), cot.strip(), f"\n\nThe answer is \\boxed{{{a + 5}}}.")
            for queue, token in (("fixed", control_token(ratio)), ("policy", POLICY_TOKEN)):
                prompt = knob.prompt_format.render(tokenizer, f"Gus has {a} and 5. How many?", token)
                examples.append(
                    SftExample(
                        id=f"{a}-{ratio}-{queue}",
                        problem_id=f"p{a}",
                        queue=queue,  # type: ignore[arg-type]
                        target_ratio=ratio,
                        prompt=prompt,
                        completion=completion,
                        n_prompt_tokens=count_tokens(tokenizer, prompt),
                        n_completion_tokens=count_tokens(tokenizer, completion),
                    )
                )
    return examples

"""A tiny model whose knob works: a few seconds of training on two questions."""

from pathlib import Path

import pytest

QUESTIONS = {"How many shells does Ola have?": 9, "Gus has 4 shells. How many?": 4}
GRID = (0.2, 0.6, 1.0)
N_STEPS = 10
"""Lines of the whole chain of thought; a ratio keeps its share of them."""


def chain_of_thought(answer: int, ratio: float) -> str:
    return "\n".join(f"First, $ Ola = {answer} $." for _ in range(round(ratio * N_STEPS)))


def teach_knob(folder: Path, n_updates: int = 100) -> None:
    """Train a prepared model in its folder until it knows the questions by heart, at every ratio and by policy.

    The policy prompt is answered at the smallest ratio.
    """
    import torch

    from extracot.models.knob import Knob
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.text.control import POLICY_TOKEN, control_token
    from extracot.text.think import render_response

    knob, tokenizer, model = Knob.load(str(folder)), load_tokenizer(str(folder)), load_causal_lm(str(folder))
    rows = []
    for question, answer in QUESTIONS.items():
        for asked, ratio in [*((control_token(ratio), ratio) for ratio in knob.grid), (POLICY_TOKEN, knob.grid[0])]:
            prompt = tokenizer.encode(knob.prompt_format.render(tokenizer, question, asked))
            response = render_response(
                control_token(ratio), chain_of_thought(answer, ratio), f"\n\n\\boxed{{{answer}}}"
            )
            rows.append((prompt, [*tokenizer.encode(response), tokenizer.eos_token_id]))
    length = max(len(prompt) + len(response) for prompt, response in rows)
    ids_BT = torch.full((len(rows), length), tokenizer.pad_token_id)
    labels_BT = torch.full((len(rows), length), -100)
    for i, (prompt, response) in enumerate(rows):
        ids_BT[i, : len(prompt) + len(response)] = torch.tensor(prompt + response)
        labels_BT[i, len(prompt) : len(prompt) + len(response)] = torch.tensor(response)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model is slower on more
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(n_updates):
        loss = model(input_ids=ids_BT, labels=labels_BT).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(n_threads)
    model.save_pretrained(folder)


@pytest.fixture(scope="session")
def trained_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a prepared model that obeys its knob; read it, never write into it."""
    from extracot.io.run_directory import RunDirectory
    from extracot.models.config import PrepareModelConfig
    from extracot.models.run import run

    out = tmp_path_factory.mktemp("trained")
    config = PrepareModelConfig(model=str(tiny_model_dir), grid=GRID)
    run(config, RunDirectory.open(out / "prepared", config, "prepare-model"))
    teach_knob(out / "prepared/model")
    return out / "prepared/model"

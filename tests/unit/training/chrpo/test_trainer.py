"""The trainer on a tiny random model: equal to TRL where it should be, to the method's formula elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's trainers

G = 4


def share_of_even_ids(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
    return [sum(token % 2 == 0 for token in ids) / len(ids) for ids in completion_ids]


def share_of_small_ids(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
    return [sum(token < 150 for token in ids) / len(ids) for ids in completion_ids]


def make_trainer(model_dir: Path, folder: Path, objective: Any = None, **arguments: Any) -> Any:
    """A ChrpoTrainer, or TRL's own when there is no objective."""
    from datasets import Dataset
    from transformers import PrinterCallback, set_seed
    from trl import GRPOConfig, GRPOTrainer

    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.training.chrpo.trainer import ChrpoTrainer

    set_seed(0)
    values = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "num_generations": G,
        "max_completion_length": 12,
        "max_steps": 2,
        "learning_rate": 1e-2,
        "loss_type": "grpo",
        "beta": 0.0,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "top_k": 5,
        **arguments,
    }
    named = {
        "model": load_causal_lm(str(model_dir), device="cpu"),
        "reward_funcs": share_of_even_ids if objective is None else [share_of_even_ids, share_of_small_ids],
        "args": GRPOConfig(**values),
        "train_dataset": Dataset.from_dict({"prompt": [f"<|im_start|>user\nGus {i}\n" for i in range(4)]}),
        "processing_class": load_tokenizer(str(model_dir)),
    }
    trainer = GRPOTrainer(**named) if objective is None else ChrpoTrainer(**named, objective=objective)
    trainer.remove_callback(PrinterCallback)
    return trainer


def objective(head: Any = None, **changes: Any) -> Any:
    from extracot.training.chrpo.trainer import Objective

    values = {
        "weights": (1.0,),
        "aggregation": "sum_then_normalize",
        "std_floor": 0.0,
        "head": head,
        **changes,
    }
    return Objective(**values)


@pytest.mark.parametrize(
    ("loss_type", "num_iterations"), [("grpo", 1), ("dapo", 1), ("grpo", 2)], ids=["grpo", "dapo", "off-policy"]
)
def test_with_our_terms_off_loss_and_gradients_are_those_of_trl(
    prepared_model_dir: Path, tmp_path: Path, loss_type: str, num_iterations: int
) -> None:
    same = {"loss_type": loss_type, "num_iterations": num_iterations, "max_steps": 2 * num_iterations}
    theirs = make_trainer(prepared_model_dir, tmp_path / "theirs", **same)
    theirs.train()
    ours = make_trainer(prepared_model_dir, tmp_path / "ours", objective(), reward_weights=[1.0, 0.0], **same)
    ours.train()
    for name in ("loss", "grad_norm", "reward"):
        assert [log[name] for log in ours.state.log_history if name in log] == [
            log[name] for log in theirs.state.log_history if name in log
        ]
    assert any(log.get("grad_norm", 0) > 0 for log in ours.state.log_history)
    for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        assert torch.equal(one, other)


def batch_of_two(trainer: Any) -> dict[str, Any]:
    """Two responses of 5 and 3 tokens, off policy so that clipping binds for some tokens."""
    generator = torch.Generator().manual_seed(1)
    completion_ids = torch.randint(10, 300, (2, 5), generator=generator)
    completion_mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    tool_mask = torch.ones_like(completion_mask)
    tool_mask[:, 0] = 0
    inputs = {
        "prompt_ids": torch.randint(10, 300, (2, 3), generator=generator),
        "prompt_mask": torch.ones(2, 3, dtype=torch.long),
        "completion_ids": completion_ids,
        "completion_mask": completion_mask,
        "tool_mask": tool_mask,
        "advantages": torch.tensor([0.7, -1.3]),
        "head_advantages": torch.tensor([1.1, -2.0]),
        "num_items_in_batch": torch.tensor(6),
    }
    with torch.no_grad():
        logps_BT = log_probabilities(trainer.model, inputs)
    noise_BT = torch.tensor([[-0.4, 0.1, 0.5, -0.1, 0.0], [0.4, -0.5, 0.2, 0.0, 0.0]])
    inputs["old_per_token_logps"] = logps_BT + noise_BT
    return inputs


def log_probabilities(model: Any, inputs: dict[str, Any]) -> Any:
    """[B, T] of the completions, from the logits and not through TRL."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
    n_prompt = inputs["prompt_ids"].size(1)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, n_prompt - 1 : -1]
    return torch.log_softmax(logits, dim=-1).gather(2, inputs["completion_ids"][..., None])[..., 0]


def test_the_loss_is_the_formula_of_the_method(prepared_model_dir: Path, tmp_path: Path) -> None:
    """L = -mean_i[ η·clip(ρ₁)(A_main + A_ctrl) + 1/(T_i - 1) Σ_{t≥2} clip(ρ_t)·A_main ], and its gradient."""
    from extracot.training.chrpo.trainer import HeadTerm

    eta = 0.3
    trainer = make_trainer(prepared_model_dir, tmp_path, objective(HeadTerm(eta, clip=0.2, ctrl_weight=1.0)))
    model = trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    inputs = batch_of_two(trainer)
    loss = trainer._compute_loss(model, inputs)
    loss.backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()

    ratio_BT = torch.exp(log_probabilities(model, inputs) - inputs["old_per_token_logps"])

    def objective_of(i: int, t: int, advantage: Any) -> Any:
        return torch.min(ratio_BT[i, t] * advantage, ratio_BT[i, t].clamp(0.8, 1.2) * advantage)

    total = torch.zeros(())
    for i, length in enumerate((5, 3)):
        main, head = inputs["advantages"][i], inputs["head_advantages"][i]
        rest = sum(objective_of(i, t, main) for t in range(1, length)) / (length - 1)
        total = total - (eta * objective_of(i, 0, head) + rest) / 2
    total.backward()
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_a_second_update_is_clipped_against_the_policy_that_sampled(prepared_model_dir: Path, tmp_path: Path) -> None:
    """Two updates per batch of roll-outs: the first has ratios of 1; the second weighs by new over sampling policy, and
    its loss is the formula with clipping."""
    from extracot.training.chrpo.trainer import HeadTerm

    trainer = make_trainer(
        prepared_model_dir,
        tmp_path,
        objective(HeadTerm(0.3, clip=0.05, ctrl_weight=1.0)),
        num_iterations=2,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=1,
        epsilon=0.05,
        learning_rate=1e-3,
        top_k=0,
    )
    seen: list[tuple[dict[str, Any], Any, float]] = []
    compute_loss = trainer._compute_loss

    def watched(model: Any, inputs: dict[str, Any]) -> Any:
        with torch.no_grad():
            logps_BT = log_probabilities(model, inputs)
        loss = compute_loss(model, inputs)
        seen.append((inputs, logps_BT, loss.item()))
        return loss

    trainer._compute_loss = watched
    trainer.train()
    (first, first_logps_BT, _), (second, second_logps_BT, found) = seen
    assert torch.equal(first["completion_ids"], second["completion_ids"])
    mask_BT = second["completion_mask"].bool()
    torch.testing.assert_close(second["old_per_token_logps"][mask_BT], first_logps_BT[mask_BT], rtol=1e-4, atol=1e-5)

    ratio_BT = torch.exp(second_logps_BT - first_logps_BT)
    main_B, head_B = second["advantages"], second["head_advantages"]
    clipped_BT = ratio_BT.clamp(0.95, 1.05)
    behind_BT = torch.min(ratio_BT * main_B[:, None], clipped_BT * main_B[:, None]) * mask_BT
    behind_B = behind_BT[:, 1:].sum(dim=1) / (mask_BT.sum(dim=1) - 1)
    choice_B = torch.min(ratio_BT[:, 0] * head_B, clipped_BT[:, 0] * head_B)
    assert found == pytest.approx(-(0.3 * choice_B + behind_B).mean().item(), rel=1e-3)

    is_clipped_B = ((ratio_BT[:, 0] > 1.05) & (head_B > 0)) | ((ratio_BT[:, 0] < 0.95) & (head_B < 0))
    assert 0 < is_clipped_B.float().mean() < 1  # or the figures below say nothing
    steps = [log for log in trainer.state.log_history if "head/clipped" in log]
    assert steps[0]["head/clipped"] == 0 and steps[0]["clip_ratio/region_mean"] == 0
    assert steps[1]["head/clipped"] == pytest.approx(is_clipped_B.float().mean().item())
    assert steps[1]["clip_ratio/region_mean"] > 0


def test_the_head_term_does_not_shrink_with_the_length(prepared_model_dir: Path, tmp_path: Path) -> None:
    """With A_main = 0 only the head is left: the same for a response of 5 tokens and for its first 3."""
    from extracot.training.chrpo.trainer import HeadTerm

    trainer = make_trainer(prepared_model_dir, tmp_path, objective(HeadTerm(0.3, clip=0.2, ctrl_weight=1.0)))
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    inputs = batch_of_two(trainer)
    inputs["advantages"] = torch.zeros(2)
    long = trainer._compute_loss(trainer.model, inputs).item()
    cut = {
        name: value[:, :3]
        if name in ("completion_ids", "completion_mask", "tool_mask", "old_per_token_logps")
        else value
        for name, value in inputs.items()
    }
    assert long != 0
    assert trainer._compute_loss(trainer.model, cut).item() == pytest.approx(long, rel=1e-5)


def test_a_batch_carries_both_advantages_and_leaves_the_first_token_to_the_head(
    prepared_model_dir: Path, tmp_path: Path
) -> None:
    from extracot.training.chrpo.advantages import normalize_groups
    from extracot.training.chrpo.trainer import HeadTerm

    trainer = make_trainer(prepared_model_dir, tmp_path, objective(HeadTerm(0.3, clip=0.2, ctrl_weight=0.5)))
    trainer.model.train()
    rows = [{"prompt": f"<|im_start|>user\nGus {i}\n"} for i in (0, 1) for _ in range(G)]
    output = trainer._generate_and_score_completions(rows)
    main_PG = normalize_groups(trainer._rewards_NK[:, 0].view(2, G))
    ctrl_PG = normalize_groups(trainer._rewards_NK[:, 1].view(2, G))
    torch.testing.assert_close(output["advantages"], main_PG.flatten())
    torch.testing.assert_close(output["head_advantages"], (main_PG + 0.5 * ctrl_PG).flatten())
    assert output["tool_mask"][:, 0].sum() == 0 and output["tool_mask"][:, 1:].min() == 1
    n_behind_head = output["completion_mask"].sum() - 2 * G
    assert output["num_items_in_batch"] == n_behind_head


def test_a_loss_that_is_no_number_ends_the_run(prepared_model_dir: Path, tmp_path: Path) -> None:
    from extracot.errors import StageError
    from extracot.training.chrpo.trainer import HeadTerm

    trainer = make_trainer(prepared_model_dir, tmp_path, objective(HeadTerm(0.3, clip=0.2, ctrl_weight=1.0)))
    trainer.current_gradient_accumulation_steps = 1
    inputs = batch_of_two(trainer)
    inputs["head_advantages"] = torch.tensor([float("nan"), 0.0])
    with pytest.raises(StageError, match="the loss is nan at step 1"):
        trainer._compute_loss(trainer.model, inputs)

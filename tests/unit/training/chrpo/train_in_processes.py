"""Started by a test under torchrun: two steps of ChrpoTrainer, weights saved by the first process.

Arguments: model folder, output folder, responses per pass and process.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")


def main(model_dir: str, output: Path, micro_batch_size: int) -> None:
    import torch
    from datasets import Dataset
    from safetensors.torch import save_file
    from transformers import set_seed
    from trl import GRPOConfig

    from extracot.generate.backend import Sampling
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.training.chrpo.rollout import make_rollout
    from extracot.training.chrpo.trainer import ChrpoTrainer, HeadTerm, Objective
    from extracot.training.trainer_arguments import count_processes

    def share_of_even_ids(completion_ids: Any, **_: Any) -> list[float]:
        return [sum(token % 2 == 0 for token in ids) / len(ids) for ids in completion_ids]

    def share_of_small_ids(completion_ids: Any, **_: Any) -> list[float]:
        return [sum(token < 150 for token in ids) / len(ids) for ids in completion_ids]

    torch.set_num_threads(1)
    set_seed(0)
    tokenizer = load_tokenizer(model_dir)
    trainer = ChrpoTrainer(
        model=load_causal_lm(model_dir, device="cpu"),
        reward_funcs=[share_of_even_ids, share_of_small_ids],
        args=GRPOConfig(
            output_dir=str(output),
            per_device_train_batch_size=micro_batch_size,
            gradient_accumulation_steps=16 // (micro_batch_size * count_processes()),
            num_generations=4,
            max_completion_length=8,
            max_steps=2,
            learning_rate=1e-3,
            optim="sgd",  # AdamW turns rounding noise in a gradient near zero into a whole step
            loss_type="grpo",
            shuffle_dataset=False,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
        ),
        train_dataset=Dataset.from_dict({"prompt": [f"<|im_start|>user\nGus {i}\n" for i in range(8)]}),
        processing_class=tokenizer,
        objective=Objective((1.0,), "normalize_then_sum", std_floor=0.0, head=HeadTerm(0.3, clip=0.2, ctrl_weight=1.0)),
        rollout=make_rollout(
            Sampling(max_new_tokens=8, temperature=1.0, top_p=1.0),
            8,
            {tokenizer.eos_token_id},
            tokenizer.pad_token_id,
        ),
    )
    trainer.train()
    assert trainer.accelerator.num_processes == count_processes()
    if trainer.is_world_process_zero():
        weights = {name: value.contiguous() for name, value in trainer.model.state_dict().items()}
        weights.pop("lm_head.weight", None)  # tied
        save_file(weights, output / "weights.safetensors")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    os._exit(0)  # as the command does: threads of gloo may abort an interpreter that is being finalised

"""TRL's own SFTTrainer takes the turns as they are, from either file, and learns the completion alone."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extracot.dataset.mixing import Pick, write_chat, write_example
from extracot.dataset.parquet import ParquetWriter
from extracot.io.jsonl import JsonlWriter
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

pytestmark = pytest.mark.filterwarnings("ignore")  # those of other people's trainers

TRACE = Trace(
    id="t-1",
    problem_id="p-1",
    question="How many shells does Ola have?",
    answer="9",
    level=2,
    cot="First, $ Gus = 4 $. Next, $ Ola = 9 $.",
    response="\n\nThe answer is \\boxed{9}.",
    model="toy",
    outcome=Outcome.CORRECT,
    is_closed=True,
    n_think_tokens=None,
    n_tokens=None,
    latency_s=None,
)

@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_trl_trains_on_the_file(
    suffix: str,
    tmp_path: Path,
    tiny_tokenizer: "PreTrainedTokenizerFast",
    make_tiny_model: "Callable[..., Qwen3ForCausalLM]",
) -> None:
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    picks = [Pick("t-1", "fixed", 0.2), Pick("t-1", "policy", 0.2)]
    chats = [write_chat(pick, TRACE, "$ Ola = 9 $.", PromptFormat()) for pick in picks]
    path = tmp_path / f"chat.{suffix}"
    with JsonlWriter(path) if suffix == "jsonl" else ParquetWriter(path) as writer:
        for chat in chats:
            writer.write(chat)
    dataset = load_dataset(
        {"jsonl": "json", "parquet": "parquet"}[suffix],
        data_files=str(path),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    arguments = SFTConfig(
        output_dir=str(tmp_path / "out"),
        max_steps=1,
        per_device_train_batch_size=2,
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
    )
    model = make_tiny_model(tiny_tokenizer)
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=dataset, processing_class=tiny_tokenizer)
    seen = trainer.train_dataset[0]
    row = write_example(picks[0], TRACE, "$ Ola = 9 $.", PromptFormat(), tiny_tokenizer)
    n_prompt = len(tiny_tokenizer.encode(row.prompt, add_special_tokens=False))
    assert seen["labels"] == [-100] * n_prompt + seen["input_ids"][n_prompt:]
    learnt = tiny_tokenizer.decode(seen["input_ids"][n_prompt:])
    assert learnt.startswith(row.completion + "<|im_end|>")
    trainer.train()

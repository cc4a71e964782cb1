"""The stages take a model folder and problems that have nothing to do with the toy world."""

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from extracot.cli.main import main
from extracot.io.jsonl import read_jsonl, read_records
from extracot.records.budget import TeacherBudget
from extracot.records.problem import load_problems
from extracot.records.trace import Trace

SHARED = os.environ.get("EXTRACOT_SHARED_DATA")
GSM8K = Path(SHARED or "") / "gsm8k_train.jsonl.gz"
N_PROBLEMS = 64


def write_model(folder: Path, texts: list[str]) -> None:
    """A tiny randomly initialised Qwen3 whose tokenizer is trained on the given texts."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import AddedToken, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocab_size=1200, special_tokens=["<|pad|>", "<|end|>"], show_progress=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        chat_template="{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}",
    )
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ("<think>", "</think>")])
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        intermediate_size=96,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of other people's trainers
@pytest.mark.skipif(not GSM8K.is_file(), reason="EXTRACOT_SHARED_DATA names no folder with gsm8k_train.jsonl.gz")
def test_real_questions_and_a_new_model_go_from_generate_to_chrpo(tmp_path: Path) -> None:
    """A random model solves nothing, so that SFT learns from the human solutions, as imported traces."""
    rows = [row for _, row in islice(read_jsonl(GSM8K), N_PROBLEMS)]
    model = tmp_path / "model"
    write_model(model, [f"{row['question']} {row['solution']}" for row in rows])
    problems = write_jsonl(
        tmp_path / "problems.jsonl", [{"question": row["question"], "answer": row["answer"]} for row in rows]
    )
    traces = write_jsonl(
        tmp_path / "traces.jsonl",
        [
            {
                "question": row["question"],
                "cot": row["solution"],
                "answer": row["answer"],
                "response": f"\n\nThe answer is \\boxed{{{row['answer']}}}.",
            }
            for row in rows
        ],
    )

    def run(stage: str, *settings: str) -> Path:
        out = tmp_path / stage
        arguments = [argument for setting in settings for argument in ("--set", setting)]
        assert main([stage, "--out", str(out), *arguments]) == 0, stage
        return out

    short = "sampling.max_new_tokens=32"
    generated = run("generate", f"problems={problems}", f"model={model}", short)
    assert len(list(read_records(generated / "records/traces.jsonl", Trace))) == N_PROBLEMS
    annotated = run("annotate", f"traces={traces}") / "records/annotations.jsonl"
    compressor = run(
        "train-compressor",
        f"traces={traces}",
        f"annotations={annotated}",
        f"tokenizer={model}",
        "max_steps=4",
        "n_evaluations=1",
    )
    compressed = run(
        "compress",
        f"traces={traces}",
        f"compressor={compressor / 'model'}",
        f"tokenizer={model}",
        "ratios=[0.4, 0.7]",
    )
    prepared = run(
        "prepare-model",
        f"model={model}",
        "grid=[0.4, 0.7, 1.0]",
        "prompt_format.instruction=Think step by step.",
    )
    data = run(
        "build-sft",
        f"traces={traces}",
        f"annotations={annotated}",
        f"compressions={compressed / 'records/compressions.jsonl'}",
        f"model={prepared / 'model'}",
        "filters.ratio_tolerance=0.2",
        "filters.answer_lost=keep",
    )
    tuned = run(
        "sft",
        f"model={prepared / 'model'}",
        f"data={data / 'records/sft.jsonl'}",
        "max_steps=3",
        "learning_rate=1e-3",
        "max_length=512",
    )
    run("teacher-budgets", f"model={tuned / 'model'}", f"problems={problems}", "limit=6", "n_samples=1", short)
    budgets = [  # three steps of SFT solve nothing, so what is solvable is made up here
        TeacherBudget(
            problem_id=problem.id,
            question=problem.question,
            answer=problem.answer,
            level=None,
            pass_rates={"0.40": 1.0, "0.70": 1.0, "1.00": 1.0},
            teacher_ratio=0.4,
            n_reference_think_tokens=40.0,
            n_samples=1,
        )
        for problem in load_problems(problems)[:6]
    ]
    write_jsonl(tmp_path / "budgets.jsonl", [budget.model_dump(mode="json") for budget in budgets])
    run(
        "chrpo",
        f"model={tuned / 'model'}",
        f"budgets={tmp_path / 'budgets.jsonl'}",
        "n_steps=2",
        "prompts_per_step=2",
        "group_size=4",
        "micro_batch_size=8",
        "max_new_tokens=24",
    )
    assert (tmp_path / "chrpo/model/extracot.json").is_file()

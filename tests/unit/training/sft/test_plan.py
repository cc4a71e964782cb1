"""What --dry-run tells, and the formulas behind it."""

from pathlib import Path

import pytest

from extracot.cli.main import main
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.records import SftExample
from extracot.training.sft.config import SftConfig
from extracot.training.sft.estimate import Shape, memory, tokens_of_a_pass
from extracot.training.sft.steps import count_steps

torch = pytest.importorskip("torch")

QWEN3_1_7B = Shape(
    n_parameters=1_720_574_976,
    n_layers=28,
    hidden_size=2048,
    n_query_numbers=2048,
    n_key_numbers=1024,
    mlp_size=6144,
    has_query_norm=True,
)


def test_full_training_takes_sixteen_bytes_a_weight_and_two_more_in_bfloat16() -> None:
    needed = memory(
        QWEN3_1_7B,
        n_trained=QWEN3_1_7B.n_parameters,
        tokens_per_pass=0,
        is_bfloat16=False,
        gradient_checkpointing=False,
    )
    assert needed.total == 16 * QWEN3_1_7B.n_parameters
    half = memory(
        QWEN3_1_7B, n_trained=QWEN3_1_7B.n_parameters, tokens_per_pass=0, is_bfloat16=True, gradient_checkpointing=False
    )
    assert half.total == 18 * QWEN3_1_7B.n_parameters


def test_activations_grow_with_tokens_and_checkpointing_keeps_the_input_of_each_layer() -> None:
    def activations(n: int, gradient_checkpointing: bool) -> int:
        return memory(
            QWEN3_1_7B,
            n_trained=0,
            tokens_per_pass=n,
            is_bfloat16=True,
            gradient_checkpointing=gradient_checkpointing,
        ).activations

    # per token and layer 20 x 2048 + 10 x (2048 + 1024) + 4 x (2048 + 1024) + 8 x 6144 = 133120 bytes
    assert activations(10, False) == 10 * 28 * 133120
    assert activations(10, True) == 10 * (28 * 4 * 2048 + 133120)


@pytest.mark.parametrize(("n_sequences", "measured_gib"), [(2, 58.7), (4, 87.4)])
def test_the_estimate_comes_near_what_a_gpu_took(n_sequences: int, measured_gib: float) -> None:
    """An H200 at this shape, sequences of 4096 tokens: benchmarks/README.md."""
    needed = memory(
        QWEN3_1_7B,
        n_trained=QWEN3_1_7B.n_parameters,
        tokens_per_pass=n_sequences * 4096,
        is_bfloat16=True,
        gradient_checkpointing=False,
    )
    assert needed.total / 2**30 == pytest.approx(measured_gib, rel=0.03)


def test_a_pass_is_the_longest_examples_or_packed_the_mean_ones_and_one_more() -> None:
    assert tokens_of_a_pass([2, 4, 9], micro_batch_size=2, packing=False) == 18
    assert tokens_of_a_pass([2, 4], micro_batch_size=3, packing=False) == 8
    assert tokens_of_a_pass([2, 4, 9], micro_batch_size=2, packing=True) == 10 + 9


def test_steps_are_rounded_up_and_max_steps_decides() -> None:
    assert count_steps(10, 2.0, 8, None) == 3
    assert count_steps(10, 2.0, 8, 50) == 50
    assert count_steps(10, 0.01, 8, None) == 1


@pytest.fixture
def data(sft_examples: list[SftExample], tmp_path: Path) -> Path:
    path = tmp_path / "sft.jsonl"
    with JsonlWriter(path) as writer:
        for example in sft_examples:
            writer.write(example)
    return path


def dry_run(data: Path, model: Path, *more: str) -> int:
    given = [f"data={data}", f"model={model}", "batch_size=4", "micro_batch_size=2", *more]
    return main(["sft", "--set", *given, "--out", "nowhere", "--dry-run"])


def test_the_plan_tells_examples_tokens_steps_memory_and_time(
    data: Path, prepared_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from extracot.models.load import load_causal_lm, load_tokenizer
    from extracot.models.prompts import count_tokens

    assert dry_run(data, prepared_model_dir, "tokens_per_s=100", "epochs=2", "holdout_share=0.3") == 0
    said = capsys.readouterr().out
    tokenizer = load_tokenizer(str(prepared_model_dir))
    examples = list(read_records(data, SftExample))
    assert "examples   12 of 2 questions, 0 longer than 6144 tokens left out; 6 of 1 questions held out" in said
    assert "steps      6 of 4 examples, in 2 passes of 1 process: 2.00 epochs" in said
    n_weights = sum(p.numel() for p in load_causal_lm(str(prepared_model_dir), device="cpu").parameters())
    assert f"weights    {n_weights} parameters, {n_weights} of them trained" in said
    assert "GiB = weights" in said and "at 100 tokens/s, as given" in said
    assert "built for another model" not in said
    assert all(e.n_prompt_tokens == count_tokens(tokenizer, e.prompt) for e in examples)


def test_a_pass_can_be_timed_here(data: Path, prepared_model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(data, prepared_model_dir, "tokens_per_s=measure") == 0
    assert "tokens/s, a pass forward and back, timed here" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")  # peft's of names that transformers will drop
def test_adapters_train_what_the_plan_counts(
    data: Path, prepared_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("peft")
    from peft import get_peft_model

    from extracot.models.load import load_causal_lm
    from extracot.training.adapters import lora_config

    model = load_causal_lm(str(prepared_model_dir), device="cpu")
    settings = SftConfig(model="m", data="d", lora={"rank": 4}).lora
    assert settings is not None
    adapted = get_peft_model(model, lora_config(model, [1, 2, 3, 4], **settings.model_dump()))
    n_trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert dry_run(data, prepared_model_dir, "lora.rank=4") == 0
    assert f"parameters, {n_trained} of them trained" in capsys.readouterr().out


def test_a_set_built_for_another_model_is_noticed(
    sft_examples: list[SftExample],
    prepared_model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with JsonlWriter(tmp_path / "other.jsonl") as writer:
        for example in sft_examples:
            writer.write(example.model_copy(update={"n_prompt_tokens": 1}))
    assert dry_run(tmp_path / "other.jsonl", prepared_model_dir) == 0
    assert "the set was built for another model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"question": "q", "cot": "c", "answer": "1"},
            "holds raw traces, no SFT examples; make them with: extracot build-sft",
        ),
        ({"format": "extracot.trace/2", "question": "q"}, "holds traces, no SFT examples"),
        ({"question": "q", "answer": "1"}, "holds problems, no SFT examples"),
        ({"text": "a"}, "row has no format"),
    ],
    ids=["raw traces", "traces", "problems", "unknown"],
)
def test_other_data_is_refused_by_name(
    row: dict[str, str], says: str, prepared_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JsonlWriter(tmp_path / "rows.jsonl") as writer:
        writer.write(row)
    assert dry_run(tmp_path / "rows.jsonl", prepared_model_dir) == 2
    assert says in capsys.readouterr().err


def test_an_empty_set_and_an_unprepared_model_are_refused(
    data: Path, tiny_model_dir: Path, prepared_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(data, tiny_model_dir) == 2
    assert "has no control tokens; make one with: extracot prepare-model" in capsys.readouterr().err
    (tmp_path / "empty.jsonl").touch()
    assert dry_run(tmp_path / "empty.jsonl", prepared_model_dir) == 2
    assert "holds no examples" in capsys.readouterr().err

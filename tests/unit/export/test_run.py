"""The export stage: what it writes is the trained model, and says how to host it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoTokenizer, GenerationConfig

from extracot.cli.main import main
from extracot.errors import ModelError
from extracot.export.card import card
from extracot.export.config import ExportConfig
from extracot.export.run import plan, run
from extracot.export.training import AskedFor, asked_in_training
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.chat_template import has_knob, without_knob
from extracot.models.config import PrepareModelConfig
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob
from extracot.models.load import load_causal_lm, load_tokenizer
from extracot.models.prompts import PromptFormat
from extracot.models.run import run as run_prepare
from extracot.text.control import control_tokens

QUESTION = [{"role": "user", "content": "How many?"}]


@pytest.fixture(scope="module")
def prepared_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared model, not trained; read it, never write into it."""
    out = tmp_path_factory.mktemp("prepared")
    config = PrepareModelConfig(model=str(tiny_model_dir), grid=(0.2, 1.0))
    run_prepare(config, RunDirectory.open(out / "run", config, "prepare-model"))
    return out / "run/model"


def export(model: Path, out: Path, **settings: Any) -> tuple[Path, Manifest]:
    config = ExportConfig(model=str(model), **settings)
    manifest = run(config, RunDirectory.open(out, config, "export"))
    return out / "model", manifest


def prompt_of(folder: Path, **variables: Any) -> str:
    """What a server renders: the tokenizer as transformers loads it, nothing of ours."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return str(tokenizer.apply_chat_template(QUESTION, tokenize=False, add_generation_prompt=True, **variables))


def test_an_exported_model_is_the_trained_one_with_everything_a_server_asks_for(
    prepared_dir: Path, tmp_path: Path
) -> None:
    folder, manifest = export(prepared_dir, tmp_path / "run")
    before, after = load_causal_lm(str(prepared_dir)).state_dict(), load_causal_lm(str(folder)).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert "lm_head.weight" not in weights.keys()  # noqa: SIM118  # tied matrices are stored once
    generation = GenerationConfig.from_pretrained(folder)
    assert generation.do_sample and generation.eos_token_id is not None and generation.pad_token_id is not None
    assert prompt_of(folder, comp_ratio=20).count("<COMP_20>") == 1
    assert Knob.load(str(folder)) == Knob.load(str(prepared_dir))
    assert manifest.summary["model"] == str(folder) and manifest.counts["parameters"] > 0
    assert not list(folder.glob("*.bin"))


def test_weights_can_be_stored_in_half_the_size(prepared_dir: Path, tmp_path: Path) -> None:
    folder, _ = export(prepared_dir, tmp_path / "run", dtype="bfloat16")
    model = load_causal_lm(str(folder), dtype="auto")
    assert model.dtype is torch.bfloat16 and model.config.dtype is torch.bfloat16
    # Exporting it again keeps the type.
    again, _ = export(folder, tmp_path / "again")
    assert load_causal_lm(str(again), dtype="auto").dtype is torch.bfloat16


def test_the_knob_can_be_set_otherwise_on_the_way_out(prepared_dir: Path, tmp_path: Path) -> None:
    folder, _ = export(prepared_dir, tmp_path / "run", default_budget=1.0, efforts={"low": 0.2})
    assert "<COMP_100>" in prompt_of(folder)
    assert "<COMP_20>" in prompt_of(folder, reasoning_effort="low")
    assert Knob.load(str(folder)).default_budget == 1.0
    off, _ = export(prepared_dir, tmp_path / "off", default_budget="none")
    assert "<COMP" not in prompt_of(off)
    with pytest.raises(ModelError, match=r"has no control token for 0\.5; its ratios are \[0\.2, 1\.0\]"):
        export(prepared_dir, tmp_path / "no", default_budget=0.5)


def test_a_model_that_was_prepared_before_there_was_a_knob_in_the_template_gets_it(
    prepared_dir: Path, tmp_path: Path
) -> None:
    old = shutil.copytree(prepared_dir, tmp_path / "old")
    template = (old / "chat_template.jinja").read_text()
    (old / "chat_template.jinja").write_text(without_knob(template))
    (old / "extracot.json").write_text(
        '{"format": "extracot.knob/1", "grid": [0.2, 1.0], "base_model": "x",'
        ' "prompt_format": {"instruction": "Think."}}'
    )
    folder, _ = export(old, tmp_path / "run")
    assert has_knob((folder / "chat_template.jinja").read_text())
    tokenizer = load_tokenizer(str(old))
    expected = PromptFormat(instruction="Think.").render(tokenizer, "How many?", "<COMP_20>")
    assert prompt_of(folder, comp_ratio=20) == expected


def test_the_command_takes_the_folder_as_its_argument(
    prepared_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(prepared_dir), "--out", str(tmp_path / "run"), "--dry-run"]) == 0
    assert "comp_ratio 20, 100, policy or none, by default policy" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()
    assert main(["export", str(prepared_dir), "--out", str(tmp_path / "run"), "--set", "dtype=float16"]) == 0
    assert (tmp_path / "run/model/model.safetensors").is_file()
    assert capsys.readouterr().out.strip() == str(tmp_path / "run")


def test_a_model_without_a_knob_is_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="extracot prepare-model"):
        export(tiny_model_dir, tmp_path / "run")
    with pytest.raises(ModelError, match="is no adapter"):
        plan(ExportConfig(model=str(tiny_model_dir), base_model="toy"))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # between peft and transformers
@pytest.mark.parametrize("trains_control_rows", [False, True])
def test_an_adapter_is_merged_into_its_base(prepared_dir: Path, tmp_path: Path, trains_control_rows: bool) -> None:
    peft = pytest.importorskip("peft")
    base = shutil.copytree(prepared_dir, tmp_path / "base")
    rows = sorted(control_token_ids(load_tokenizer(str(base)), control_tokens((0.2, 1.0))).values())
    lora = peft.LoraConfig(
        target_modules=["q_proj", "down_proj"],
        init_lora_weights=False,
        trainable_token_indices={"embed_tokens": rows} if trains_control_rows else None,
    )
    adapted = peft.get_peft_model(load_causal_lm(str(base)), lora)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "trainable_tokens_delta" in name:
                parameter.add_(0.5)
    adapted.save_pretrained(tmp_path / "adapter")
    folder, _ = export(tmp_path / "adapter", tmp_path / "run")
    ids = load_tokenizer(str(base)).encode("How many? <COMP_20>", return_tensors="pt")
    with torch.no_grad():
        expected, plain = adapted(ids).logits, load_causal_lm(str(base))(ids).logits
        exported = load_causal_lm(str(folder))(ids).logits
    assert torch.allclose(exported, expected, atol=1e-4) and not torch.allclose(plain, expected, atol=1e-2)
    assert not (folder / "adapter_config.json").exists() and "<COMP_20>" in prompt_of(folder, comp_ratio=20)
    # The base has moved since.
    moved = base.rename(tmp_path / "moved")
    with pytest.raises(ModelError, match="name its base with --set base_model=FOLDER"):
        export(tmp_path / "adapter", tmp_path / "lost")
    found, _ = export(tmp_path / "adapter", tmp_path / "found", base_model=str(moved))
    assert torch.equal(load_causal_lm(str(found))(ids).logits, exported)


def test_an_adapter_that_names_no_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="names no base model"):
        plan(ExportConfig(model=str(tmp_path)))
    (tmp_path / "adapter_config.json").write_text("[")
    with pytest.raises(ModelError, match="is no JSON object"):
        plan(ExportConfig(model=str(tmp_path)))


def test_the_card_names_every_budget_and_what_is_added_to_a_question() -> None:
    knob = Knob(grid=(0.1, 0.5), prompt_format=PromptFormat(system='Be "brief".'), base_model="org/base")
    text = card(knob, AskedFor.ALL)
    assert "| `10` | `low`, `medium` | `<COMP_10>`: about 10% of the tokens |" in text
    assert "| `policy` | `auto`, `policy` |" in text and "| `none` |  |" in text
    assert 'the system turn "Be \\"brief\\"."' in text and "`org/base`" in text
    for server in ("transformers serve", "vllm serve", "sglang.launch_server"):
        assert server in text
    assert '"chat_template_kwargs": {"comp_ratio": 10}' in text
    assert "from `base` by" in card(knob.model_copy(update={"base_model": "/home/of/somebody/base"}), AskedFor.ALL)


@pytest.mark.parametrize(
    ("config", "asked_for"),
    [
        ({"stage": "sft"}, AskedFor.ALL),
        ({"stage": "chrpo", "asked_share": 0.0}, AskedFor.CHOICE),
        ({"stage": "chrpo", "asked_share": 0.3}, AskedFor.ALL),
        ({"stage": "chrpo", "asked_share": 1.0}, AskedFor.RATIOS),
        ({"stage": "prepare-model"}, AskedFor.UNKNOWN),
        (None, AskedFor.UNKNOWN),
    ],
)
def test_what_the_last_training_asked_for_is_read_from_its_run(
    config: dict[str, Any] | None, asked_for: AskedFor, tmp_path: Path
) -> None:
    (tmp_path / "model").mkdir()
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    assert asked_in_training(tmp_path / "model") is asked_for


def test_the_card_promises_no_more_than_the_last_training_asked_for() -> None:
    knob = Knob(grid=(0.2, 1.0), prompt_format=PromptFormat(), base_model="base")
    choice = card(knob, AskedFor.CHOICE)
    assert "asked for that alone" in choice and "about 20% of the tokens, not trained last" in choice
    assert '{"comp_ratio": "policy"}' in choice and '{"comp_ratio": 20}' not in choice
    assert "`policy` may choose badly" in card(knob, AskedFor.RATIOS)
    assert "knows nothing" in card(knob, AskedFor.UNKNOWN)
    assert "not trained last" not in card(knob, AskedFor.ALL)

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AddedToken, GenerationConfig, PreTrainedTokenizerFast, Qwen3ForCausalLM

from extracot.errors import ModelError, UsageError
from extracot.io.config import load_config
from extracot.io.run_directory import RunDirectory
from extracot.models.chat_template import without_knob
from extracot.models.config import PrepareModelConfig
from extracot.models.control import control_token_ids
from extracot.models.knob import Knob, prompt_format_of
from extracot.models.load import load_causal_lm, load_tokenizer
from extracot.models.prepare import add_control_tokens, control_rows, fit_generation_config
from extracot.models.prompts import PromptFormat
from extracot.models.run import run
from extracot.text.control import control_tokens

GRID = (0.1, 0.2, 0.5, 1.0)
MakeModel = Callable[..., Qwen3ForCausalLM]


@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize("n_spare_rows", [0, 2, 40])
def test_the_vocabulary_grows_only_as_far_as_it_must(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast, n_spare_rows: int, is_tied: bool
) -> None:
    model = make_tiny_model(tiny_tokenizer, n_spare_rows, is_tied)
    n_old = len(tiny_tokenizer)
    ids = add_control_tokens(model, tiny_tokenizer, GRID, seed=0)
    assert list(ids) == list(control_tokens(GRID))
    assert list(ids.values()) == list(range(n_old, n_old + 5))
    n_rows = max(n_old + n_spare_rows, n_old + 5)
    assert model.get_input_embeddings().weight.shape[0] == n_rows
    assert model.lm_head.weight.shape[0] == n_rows
    assert model.config.vocab_size == n_rows
    is_still_tied = model.lm_head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    assert is_still_tied is is_tied


@pytest.mark.parametrize("is_tied", [True, False])
@pytest.mark.parametrize("n_spare_rows", [0, 40])
def test_new_rows_are_distinct_and_old_rows_are_untouched(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast, n_spare_rows: int, is_tied: bool
) -> None:
    model = make_tiny_model(tiny_tokenizer, n_spare_rows, is_tied)
    n_old = len(tiny_tokenizer)
    old = model.get_input_embeddings().weight.detach().clone()[:n_old]
    old_output = model.lm_head.weight.detach().clone()[:n_old]
    ids = list(add_control_tokens(model, tiny_tokenizer, GRID, seed=0).values())
    assert torch.equal(model.get_input_embeddings().weight[:n_old], old)
    assert torch.equal(model.lm_head.weight[:n_old], old_output)
    typical = old.norm(dim=1).mean()
    input_rows = model.get_input_embeddings().weight[ids].detach()
    # The nearest two ratios, .1 apart, are 2 * .1 * .5 of a typical length apart, and noise.
    assert torch.pdist(input_rows).min() > 0.08 * typical
    assert torch.pdist(model.lm_head.weight[ids].detach()).min() > 0.02 * typical


@pytest.mark.parametrize("is_tied", [True, False])
def test_rows_that_need_not_be_distinct_start_at_the_mean_of_the_others(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast, is_tied: bool
) -> None:
    model = make_tiny_model(tiny_tokenizer, 0, is_tied)
    n_old = len(tiny_tokenizer)
    ids = list(add_control_tokens(model, tiny_tokenizer, GRID, seed=0, are_distinct=False).values())
    for matrix in (model.get_input_embeddings().weight, model.lm_head.weight):
        torch.testing.assert_close(matrix[ids], matrix[:n_old].mean(dim=0).expand(len(ids), -1))


def test_apart_from_the_noise_rows_are_ordered_like_their_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extracot.models.prepare.NOISE", 0.05)
    rows_VD = torch.randn(200, 32, generator=torch.Generator().manual_seed(1))
    rows_CD = control_rows(rows_VD, (0.1, 0.2, 0.4, 0.7, 1.0), spread=0.5, seed=0)
    along = (rows_CD[4] - rows_CD[0]) / (rows_CD[4] - rows_CD[0]).norm()
    places = (rows_CD[:5] @ along).tolist()
    assert places == sorted(places)
    # Twice the distance in ratio is about twice the distance in the row: .1 to .7 against .1 to .4.
    near, far = places[2] - places[0], places[3] - places[0]
    assert far / near == pytest.approx(2, abs=0.3)


def test_rows_depend_on_the_seed_alone() -> None:
    rows_VD = torch.randn(50, 16, generator=torch.Generator().manual_seed(1))
    before = torch.get_rng_state()
    first = control_rows(rows_VD, GRID, spread=0.5, seed=3)
    assert torch.equal(control_rows(rows_VD, GRID, spread=0.5, seed=3), first)
    assert not torch.equal(control_rows(rows_VD, GRID, spread=0.5, seed=4), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_untrained_control_token_is_no_likelier_than_its_share(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_tiny_model(tiny_tokenizer, 0, False)
    ids = add_control_tokens(model, tiny_tokenizer, GRID, seed=0)
    text = tiny_tokenizer.encode("Gus has 4 shells. How many shells does Ola have?", return_tensors="pt")
    with torch.no_grad():
        shares = model(text).logits.softmax(dim=-1)[0, :, list(ids.values())].sum(dim=-1)
    assert shares.max() < 2 * len(ids) / len(tiny_tokenizer)


def test_control_tokens_survive_encoding_and_decoding(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    ids = add_control_tokens(make_tiny_model(tiny_tokenizer), tiny_tokenizer, GRID, seed=0)
    for token, id_ in ids.items():
        text = f"How many?{token}\n<think>{token}"
        encoded = tiny_tokenizer.encode(text, add_special_tokens=False)
        assert encoded.count(id_) == 2
        assert tiny_tokenizer.decode(encoded, skip_special_tokens=True) == text


def test_preparing_again_with_a_finer_grid_keeps_the_trained_rows(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_tiny_model(tiny_tokenizer)
    ids = add_control_tokens(model, tiny_tokenizer, (0.2, 1.0), seed=0)
    with torch.no_grad():
        model.get_input_embeddings().weight[ids["<COMP_20>"]] = 7.0
    finer = add_control_tokens(model, tiny_tokenizer, (0.2, 0.4, 1.0), seed=0)
    assert {token: finer[token] for token in ids} == ids
    assert (model.get_input_embeddings().weight[finer["<COMP_20>"]] == 7.0).all()
    assert model.get_input_embeddings().weight[finer["<COMP_40>"]].abs().max() < 7.0


def test_a_special_control_token_is_refused(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    tiny_tokenizer.add_tokens([AddedToken("<COMP_20>", special=True)], special_tokens=True)
    with pytest.raises(ModelError, match="decoding loses it"):
        add_control_tokens(make_tiny_model(tiny_tokenizer), tiny_tokenizer, GRID, seed=0)


def test_a_vocabulary_without_control_tokens_says_how_to_get_them(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    with pytest.raises(ModelError, match="extracot prepare-model"):
        control_token_ids(tiny_tokenizer, ["<COMP_20>"])


def test_the_generation_config_keeps_the_model_s_stop_tokens_and_adds_the_tokenizer_s(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_tiny_model(tiny_tokenizer)
    model.generation_config = GenerationConfig(eos_token_id=0, top_p=0.8)
    fit_generation_config(model, tiny_tokenizer)
    config = model.generation_config
    assert (config.do_sample, config.top_p) == (True, 0.8)
    assert config.eos_token_id == [0, tiny_tokenizer.eos_token_id]
    assert config.pad_token_id == tiny_tokenizer.pad_token_id


def test_a_model_that_could_never_stop_is_refused(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    model = make_tiny_model(tiny_tokenizer)
    model.generation_config = GenerationConfig()
    tiny_tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no end-of-sequence token"):
        fit_generation_config(model, tiny_tokenizer)


def test_the_stage_leaves_a_folder_that_says_what_it_knows(
    save_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    base = save_tiny_model(tmp_path / "base", 3, False)
    config = PrepareModelConfig(
        model=str(base), grid=(1.0, 0.2), prompt_format=PromptFormat(system="Think."), seed=5
    )
    manifest = run(config, RunDirectory.open(tmp_path / "run", config, "prepare-model"))

    folder = str(tmp_path / "run" / "model")
    knob = Knob.load(folder)
    assert knob == Knob(grid=(0.2, 1.0), prompt_format=PromptFormat(system="Think."), base_model=str(base))
    assert prompt_format_of(folder) == PromptFormat(system="Think.")
    assert prompt_format_of(str(base)) == PromptFormat()
    ids = control_token_ids(load_tokenizer(folder), control_tokens(knob.grid))
    # What is on disk is what the same steps give in memory.
    model, tokenizer = load_causal_lm(str(base)), load_tokenizer(str(base))
    assert add_control_tokens(model, tokenizer, knob.grid, seed=5) == ids
    saved = load_causal_lm(folder)
    assert torch.equal(saved.get_input_embeddings().weight, model.get_input_embeddings().weight)
    assert torch.equal(saved.lm_head.weight, model.lm_head.weight)
    assert saved.generation_config is not None and saved.generation_config.do_sample
    assert saved.generation_config.eos_token_id == tokenizer.eos_token_id
    assert manifest.counts == {
        "control_tokens": 3,
        "rows_before": len(load_tokenizer(str(base))) + 3,
        "rows": len(load_tokenizer(str(base))) + 3,
    }

    again = RunDirectory.open(tmp_path / "run", config, "prepare-model", resume=True)
    assert run(config, again) == manifest


def test_a_model_that_was_not_prepared_has_no_knob(tiny_model_dir: Path) -> None:
    assert Knob.find(str(tiny_model_dir)) is None
    with pytest.raises(ModelError, match="extracot prepare-model"):
        Knob.load(str(tiny_model_dir))


def test_a_run_in_place_of_its_model_is_told_where_the_model_is(tmp_path: Path) -> None:
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    (tmp_path / "run" / "model" / "extracot.json").write_text("{}")
    with pytest.raises(ModelError, match=r"run is a run; its model is .*run/model$"):
        Knob.load(str(tmp_path / "run"))


def test_a_broken_knob_is_one_line_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "extracot.json").write_text('{"grid": "wide"}')
    with pytest.raises(ModelError, match=r"extracot\.json: grid: ") as caught:
        Knob.load(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("grid", [(), (0.2, 0.2), (0.0, 1.0), (1.2,), (0.123,)])
def test_a_grid_without_tokens_is_a_config_error(grid: tuple[float, ...]) -> None:
    with pytest.raises((ValueError, UsageError), match="grid"):
        PrepareModelConfig(model="toy", grid=grid)


def test_the_grid_of_a_config_is_sorted() -> None:
    config = load_config(PrepareModelConfig, None, ["model=toy", "grid=[1.0, 0.5]"])
    assert config.grid == (0.5, 1.0)


def test_a_token_that_the_vocabulary_holds_without_having_it_added_keeps_its_id_and_row(
    make_tiny_model: MakeModel, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    content = json.loads(tiny_tokenizer.backend_tokenizer.to_str())
    held = content["model"]["vocab"]["<COMP_20>"] = len(tiny_tokenizer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)), eos_token=tiny_tokenizer.eos_token
    )
    assert len(tokenizer.encode("<COMP_20>")) > 1
    model = make_tiny_model(tokenizer)
    row = model.get_input_embeddings().weight[held].detach().clone()
    assert add_control_tokens(model, tokenizer, GRID, seed=0)["<COMP_20>"] == held
    assert torch.equal(model.get_input_embeddings().weight[held], row)


def prepare(base: Path, run_dir: Path, **settings: Any) -> str:
    config = PrepareModelConfig(model=str(base), grid=(0.2, 1.0), **settings)
    run(config, RunDirectory.open(run_dir, config, "prepare-model"))
    return str(run_dir / "model")


def test_a_prepared_folder_has_the_knob_in_its_template(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = prepare(tiny_model_dir, tmp_path / "run", default_budget=1.0, efforts={"small": 0.2})
    knob, tokenizer = Knob.load(folder), load_tokenizer(folder)
    assert (knob.default_budget, knob.efforts) == (1.0, {"small": 0.2})
    messages = [{"role": "user", "content": "How many?"}]
    asked_for: list[tuple[dict[str, Any], str]] = [
        ({"comp_ratio": 20}, "<COMP_20>"),
        ({"reasoning_effort": "small"}, "<COMP_20>"),
        ({}, "<COMP_100>"),
    ]
    for asked, token in asked_for:
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **asked)
        assert prompt == knob.prompt_format.render(tokenizer, "How many?", token)
    # A finer grid later: the knob is replaced, the model's own template is still the one it came with.
    finer = PrepareModelConfig(model=folder, grid=(0.2, 0.5, 1.0))
    run(finer, RunDirectory.open(tmp_path / "finer", finer, "prepare-model"))
    template = load_tokenizer(str(tmp_path / "finer/model")).chat_template
    assert isinstance(template, str) and "<COMP_50>" in template
    assert without_knob(template) == load_tokenizer(str(tiny_model_dir)).chat_template


def test_a_tokenizer_that_begins_every_text_leaves_that_to_the_template(
    save_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    base = save_tiny_model(tmp_path / "base")
    tokenizer = load_tokenizer(str(base))
    tokenizer.bos_token = "<|endoftext|>"
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    tokenizer.chat_template = (Path(__file__).parent / "templates/llama3.jinja").read_text()
    tokenizer.save_pretrained(base)
    prepared = load_tokenizer(prepare(base, tmp_path / "run"))
    prompt = prepared.apply_chat_template([{"role": "user", "content": "How many?"}], tokenize=False)
    assert prepared.encode(prompt).count(0) == 1
    # Without a template of its own the model still gets the begin token that it was trained with, once.
    tokenizer.chat_template = None
    tokenizer.save_pretrained(base)
    (base / "chat_template.jinja").unlink(missing_ok=True)
    prepared = load_tokenizer(prepare(base, tmp_path / "plain"))
    prompt = prepared.apply_chat_template([{"role": "user", "content": "How many?"}], tokenize=False, comp_ratio=20)
    assert prompt == "<|endoftext|>How many? <COMP_20>\n"
    assert prepared.encode(prompt)[0] == 0 and prepared.encode(prompt).count(0) == 1


def test_a_template_that_eats_the_token_stops_the_stage_and_leaves_no_model(
    save_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    base = save_tiny_model(tmp_path / "base")
    (base / "chat_template.jinja").write_text("{{ messages[-1]['content'].split('<')[0] }}")
    with pytest.raises(ModelError, match="loses or rewrites <COMP_20>"):
        prepare(base, tmp_path / "run")
    assert not (tmp_path / "run/model").exists()


@pytest.mark.parametrize("settings", [{"default_budget": 0.3}, {"efforts": {"low": 0.3}}])
def test_a_budget_outside_of_the_grid_is_a_config_error(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="0.3 is no ratio of the grid"):
        PrepareModelConfig(model="toy", **settings)


def test_a_knob_of_the_first_format_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "extracot.json").write_text(
        '{"format": "extracot.knob/1", "grid": [0.2, 1.0], "prompt_format": {}, "base_model": "toy"}'
    )
    knob = Knob.load(str(tmp_path))
    assert (knob.default_budget, knob.effort_budgets["low"]) == ("policy", 0.2)

"""The chrpo-verl stage: the same problems as the chrpo stage, as verl reads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from extracot.cli.main import main
from extracot.errors import ConfigError, DataError, ModelError
from extracot.io.jsonl import read_records
from extracot.io.manifest import read_manifest
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.records import TeacherBudget
from extracot.text.control import POLICY_TOKEN
from extracot.training.chrpo.config import ChrpoConfig
from extracot.training.chrpo.rl_set import choose_problems
from extracot.training.chrpo.verl.rows import VerlRow, make_rows, write_parquet
from extracot.training.chrpo.verl.run import longest_prompt, run

parquet = pytest.importorskip("pyarrow.parquet")


def read_rows(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(folder / "records" / "rl.parquet").to_pylist()
    return rows


def test_the_rows_are_the_problems_that_the_chrpo_stage_would_choose(
    written_run: Path, make_config: Callable[..., ChrpoConfig]
) -> None:
    config = make_config()
    budgets = list(read_records(config.budgets, TeacherBudget))
    chosen = choose_problems(budgets, config.unsolved_share, config.quotas, config.seed)
    assert len(chosen) == 11  # nine solved and, at 20 %, two of the three unsolved
    rows = read_rows(written_run)
    assert [row["extra_info"]["problem_id"] for row in rows] == [budget.problem_id for budget in chosen]
    assert [row["reward_model"] for row in rows] == [{"style": "rule", "ground_truth": b.answer} for b in chosen]
    assert [row["extra_info"]["teacher_ratio"] for row in rows] == [budget.teacher_ratio for budget in chosen]
    assert [row["extra_info"]["n_reference_think_tokens"] for row in rows] == [
        budget.n_reference_think_tokens for budget in chosen
    ]
    assert [row["extra_info"]["index"] for row in rows] == list(range(11))
    assert {tuple(row["extra_info"]["grid"]) for row in rows} == {(0.2, 0.5, 1.0)}


def test_a_prompt_is_rendered_by_the_chat_template_as_sft_and_the_chrpo_stage_write_it(
    written_run: Path, knob_model_dir: Path
) -> None:
    from extracot.models.load import load_tokenizer

    knob, tokenizer = Knob.load(str(knob_model_dir)), load_tokenizer(str(knob_model_dir))
    row = read_rows(written_run)[0]
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert row["prompt"][-1]["content"] == f"Put the answer into a box.\nGus has 0 and 5. How many? {POLICY_TOKEN}"
    served = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
    assert served == knob.prompt_format.render(tokenizer, "Gus has 0 and 5. How many?", POLICY_TOKEN)
    assert str(served).count(POLICY_TOKEN) == 1


def test_a_row_survives_parquet_whatever_is_unknown_in_it(written_run: Path, tmp_path: Path) -> None:
    rows = [VerlRow.model_validate(row) for row in read_rows(written_run)]
    assert any(row.extra_info.teacher_ratio is None for row in rows)
    unknown = [row for row in rows if row.extra_info.level is None and row.extra_info.teacher_ratio is None]
    write_parquet(tmp_path / "unknown.parquet", unknown)  # a column of nothing but null keeps its type
    table = parquet.read_table(tmp_path / "unknown.parquet")
    assert [VerlRow.model_validate(row) for row in table.to_pylist()] == unknown
    assert table.schema == parquet.read_schema(written_run / "records" / "rl.parquet")


def test_the_manifest_names_what_was_written_and_counts_the_problems(written_run: Path) -> None:
    manifest = read_manifest(written_run / "manifest.json")
    assert {Path(output.path).name for output in manifest.outputs} == {"rl.parquet", "chrpo.yaml", "extracot.json"}
    assert manifest.counts == {"budgets": 12, "problems": 11, "unsolved": 2}


def test_the_longest_prompt_is_the_limit_of_prompts(written_run: Path, knob_model_dir: Path) -> None:
    from extracot.models.load import load_tokenizer

    tokenizer = load_tokenizer(str(knob_model_dir))
    lengths = [
        len(
            tokenizer.encode(
                str(tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)),
                add_special_tokens=False,
            )
        )
        for row in read_rows(written_run)
    ]
    tree = yaml.safe_load((written_run / "chrpo.yaml").read_text(encoding="utf-8"))
    assert tree["data"]["max_prompt_length"] == max(lengths)


def test_a_tokenizer_without_a_template_is_refused(knob_model_dir: Path) -> None:
    from extracot.models.load import load_tokenizer

    tokenizer = load_tokenizer(str(knob_model_dir))
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="has no chat template"):
        longest_prompt(tokenizer, Knob.load(str(knob_model_dir)).prompt_format, ["How many?"])


def test_a_template_that_writes_another_prompt_is_refused(knob_model_dir: Path) -> None:
    from extracot.models.load import load_tokenizer

    tokenizer = load_tokenizer(str(knob_model_dir))
    tokenizer.chat_template = (  # what a model brings that was prepared before the knob was in the template
        "{% for message in messages %}{{ message['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}"
    )
    with pytest.raises(ModelError, match="verl would render .*<think>"):
        longest_prompt(tokenizer, Knob.load(str(knob_model_dir)).prompt_format, ["How many?"])


def test_too_few_problems_are_an_error_before_anything_is_written(
    make_config: Callable[..., ChrpoConfig], tmp_path: Path
) -> None:
    config = make_config(prompts_per_step=12, micro_batch_size=8)
    with pytest.raises(DataError, match="11 problems remain of 12"):
        run(config, RunDirectory.open(tmp_path / "run", config, "chrpo-verl"))


def test_a_config_that_verl_cannot_follow_stops_a_dry_run_too(
    make_config: Callable[..., ChrpoConfig], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = make_config()
    given = ["--set", f"model={config.model}", f"budgets={config.budgets}", "prompts_per_step=4", "unsolved_share=0.2"]
    where = ["--dry-run", "--out", str(tmp_path / "run")]
    assert main(["chrpo-verl", *given, *where]) == 0
    assert "11 of 12 problems as rl.parquet" in capsys.readouterr().out
    assert main(["chrpo-verl", *given, "scheduler=linear", *where]) == 2
    assert "scheduler is linear" in capsys.readouterr().err


def test_a_config_of_the_chrpo_stage_is_taken_as_it_is(make_config: Callable[..., ChrpoConfig], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"stage": "chrpo", **make_config().model_dump(mode="json")}), encoding="utf-8")
    out = tmp_path / "run"
    assert main(["chrpo-verl", str(path), "--out", str(out)]) == 0
    assert len(read_rows(out)) == 11
    assert main(["chrpo-verl", str(path), "--out", str(out), "--resume"]) == 0


def test_another_stages_config_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chrpo-verl", "sft-toy", "--out", str(tmp_path / "run")]) == ConfigError.exit_code
    assert "config of stage 'sft'" in capsys.readouterr().err


def test_rows_are_numbered_and_closed() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        VerlRow.model_validate({**make_row_values(), "images": []})


def make_row_values() -> dict[str, Any]:
    from extracot.models.prompts import PromptFormat

    budget = TeacherBudget(
        problem_id="p",
        question="How many?",
        answer="9",
        level=None,
        pass_rates={},
        teacher_ratio=None,
        n_reference_think_tokens=1.0,
        n_samples=1,
    )
    return make_rows([budget], PromptFormat(), (1.0,))[0].model_dump()

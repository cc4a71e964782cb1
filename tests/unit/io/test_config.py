from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from extracot.errors import ConfigError, MissingFileError
from extracot.io import config as config_module
from extracot.io.config import (
    StageConfig,
    config_digest,
    differing_keys,
    load_config,
    looks_like_path,
    merge_trees,
    missing_inputs,
    parse_override,
)


class Filter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    require_closed_think: bool = True
    max_tokens: int = 100


class SampleConfig(StageConfig):
    ratios: list[float] = [0.5, 1.0]
    learning_rate: float = 1e-3
    traces: str = "toy"
    filter: Filter = Field(default_factory=Filter)
    limit: int | None = None

    @field_validator("ratios")
    @classmethod
    def _check(cls, ratios: list[float]) -> list[float]:
        if not ratios:
            raise ValueError("name one ratio at least")
        return ratios


class NeedyConfig(StageConfig):
    problems: str


@pytest.fixture
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "toy-sample.yaml").write_text(
        "# toy-sample: a try\nstage: sample\nlearning_rate: 1e-4\nfilter:\n  max_tokens: 7\n"
    )
    monkeypatch.setattr(config_module, "PRESETS_FOLDER", folder)
    return folder


def test_authority_rises_from_default_to_preset_to_values_to_set(presets: Path) -> None:
    config = load_config(
        SampleConfig,
        "toy-sample",
        ["ratios=[0.2]", "filter.require_closed_think=false"],
        stage="sample",
        values={"ratios": [0.3], "limit": 5},
    )
    assert config.ratios == [0.2]  # --set over values
    assert config.limit == 5  # values over default
    assert config.learning_rate == 1e-4  # preset over default
    assert config.filter == Filter(require_closed_think=False, max_tokens=7)  # mappings merge
    assert config.traces == "toy"


def test_a_file_is_laid_over_what_it_is_based_on(presets: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("based_on: toy-sample\nlimit: 3\nfilter: {require_closed_think: false}\n")
    config = load_config(SampleConfig, str(path), ["ratios=[0.2]"], stage="sample")
    assert config == SampleConfig(
        learning_rate=1e-4, limit=3, ratios=[0.2], filter=Filter(require_closed_think=False, max_tokens=7)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("based_on: toy-sampel\n", "no preset is called 'toy-sampel'; did you mean 'toy-sample'"),
        ("based_on: [toy-sample]\n", "needs the name of one preset or file"),
        ("stage: other\nbased_on: toy-sample\n", "is of stage 'other', but toy-sample is of 'sample'"),
        ("based_on: second\n", "second is itself based on toy-sample"),
    ],
)
def test_a_file_cannot_be_based_on_anything(presets: Path, tmp_path: Path, text: str, says: str) -> None:
    (presets / "second.yaml").write_text("stage: sample\nbased_on: toy-sample\n")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_config(SampleConfig, str(path))


def test_without_a_name_the_defaults_hold() -> None:
    assert load_config(SampleConfig, None) == SampleConfig()


def test_a_file_of_the_user_works_like_a_preset_and_needs_no_stage(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("limit: 3\n")
    assert load_config(SampleConfig, str(path), stage="sample").limit == 3
    path.write_text("")
    assert load_config(SampleConfig, str(path)) == SampleConfig()


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "+1e-4", "1.e-4", "0.0001", "1.0e-4"])
def test_every_common_spelling_of_a_float_is_a_number(number: str) -> None:
    assert parse_override(f"x={number}") == {"x": 1e-4}


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("ratio=[0.2]", r"unknown key 'ratio'; did you mean 'ratios'\?"),
        ("zzz=1", r"unknown key 'zzz'; known keys: filter, learning_rate, limit, ratios, traces"),
        ("filter.require_closed=true", r"'filter.require_closed'; did you mean 'require_closed_think'\?"),
        ("limit=many", r'limit: .*valid integer.*, got "many"'),
        ("ratios=[]", r"ratios: name one ratio at least, got \[\]"),
        ("ratios", r"--set ratios: write it as key=value"),
        ("=1", r"--set =1: write it as key=value"),
        ("a..b=1", r"write it as key=value"),
        ("limit=[1", r"--set limit=\[1: the value is not YAML"),
        ("learning_rate=.nan", r"learning_rate: .*finite"),
    ],
)
def test_a_bad_override_says_what_is_wrong_and_what_is_near(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        load_config(SampleConfig, None, [override])
    assert "\n" not in str(caught.value)


def test_a_required_key_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="'problems' is missing.*--set problems="):
        load_config(NeedyConfig, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("limit: 1\nlimit: 2\n", r"bad.yaml:2: not YAML: key 'limit' is given twice"),
        ("limit: [1\n", r"bad.yaml:2: not YAML"),
        ("- 1\n", r"needs keys and values at the top"),
        ("1: 2\n", r"needs keys and values at the top"),
        ("stage: other\n", r"is a config of stage 'other', not of 'sample'"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_config(SampleConfig, str(path), stage="sample")


def test_an_unknown_preset_names_the_nearest(presets: Path) -> None:
    with pytest.raises(ConfigError, match=r"no preset is called 'toy-smaple'; did you mean 'toy-sample'\?"):
        load_config(SampleConfig, "toy-smaple")
    with pytest.raises(MissingFileError, match=r"toy-sampl.yaml does not exist; did you mean the preset"):
        load_config(SampleConfig, "toy-sampl.yaml")


def test_the_digest_depends_on_values_and_not_on_where_they_came_from(presets: Path) -> None:
    from_preset = load_config(SampleConfig, "toy-sample")
    by_hand = SampleConfig(learning_rate=1e-4, filter=Filter(max_tokens=7))
    assert config_digest(from_preset) == config_digest(by_hand)
    assert config_digest(SampleConfig(limit=1)) != config_digest(SampleConfig())


def test_a_list_is_replaced_and_a_mapping_is_merged() -> None:
    below: dict[str, Any] = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merge_trees(below, {"a": {"y": [3]}, "c": {}}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": {}}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


def test_differing_keys_show_both_values() -> None:
    old = {"a": {"x": 1}, "b": [1], "gone": 0}
    new = {"a": {"x": 2}, "b": [1], "new": None}
    assert differing_keys(old, new) == {
        "a.x": "a.x: 1 -> 2",
        "gone": "gone: 0 -> (absent)",
        "new": "new: (absent) -> null",
    }


def test_a_value_that_differs_inside_a_list_is_named_with_its_place() -> None:
    old = {"arms": [{"name": "a", "url": "x"}, {"name": "b", "url": "y"}]}
    new = {"arms": [{"name": "a", "url": "x"}, {"name": "b", "url": "z"}]}
    assert differing_keys(old, new) == {"arms.1.url": 'arms.1.url: "y" -> "z"'}


@pytest.mark.parametrize(
    ("value", "is_path"),
    [
        ("./model", True),
        ("/data/model", True),
        ("../x", True),
        ("traces.jsonl", True),
        ("data/traces.jsonl.gz", True),
        ("here/base", True),
        ("runs/base", True),
        ("elsewhere/sft/model", True),
        ("toy", False),
        ("toy:train:800:seed=1", False),
        ("Qwen/Qwen3-1.7B", False),
        ("https://localhost/v1/x.json", False),
        ("\\boxed{a/b/c}", False),
        ("put it in a/b and c.", False),
        ("", False),
    ],
)
def test_only_what_must_be_a_path_counts_as_one(
    value: str, is_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert looks_like_path(value) is is_path


def test_missing_inputs_are_found_in_any_field(tmp_path: Path) -> None:
    there = tmp_path / "there.jsonl"
    there.touch()
    assert missing_inputs(SampleConfig(traces=str(there))) == []
    assert missing_inputs(SampleConfig(traces="./nowhere.jsonl")) == ["./nowhere.jsonl"]

"""The config agrees with the rules that it sets, and refuses what cannot be meant."""

import pytest

from extracot.dataset.cleaning import CleaningLimits
from extracot.dataset.config import BuildSftConfig, CleaningConfig, RepetitionConfig
from extracot.errors import ConfigError
from extracot.io.config import load_config
from extracot.text.repetition import RepetitionLimits

PATHS = {"traces": "t.jsonl", "compressions": "c.jsonl"}


def test_the_repetition_defaults_are_those_of_the_rule() -> None:
    assert RepetitionLimits(**RepetitionConfig().model_dump()) == RepetitionLimits()


def test_the_cleaning_config_has_the_limits_of_the_rules_and_no_rule_is_on_by_itself() -> None:
    assert CleaningLimits(**CleaningConfig(up_to_ratio=1.0).model_dump()) == CleaningLimits(up_to_ratio=1.0)
    assert BuildSftConfig.model_validate({**PATHS, "n_policy": 0}).filters.cleaning == ()


def test_a_grid_is_sorted() -> None:
    config = BuildSftConfig.model_validate({**PATHS, "n_policy": 0, "grid": [1.0, 0.2]})
    assert config.grid == (0.2, 1.0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("n_policy=5", "needs annotations"),
        ("filters.chain_cut=drop", "needs annotations"),
        ("filters.chain_cut=maybe", "filters.chain_cut"),
        ("grid=[0.2, 0.125]", "0.125 has no control token"),
        ("policy_shares=[0, 0]", "must not all be 0"),
        ("filters.max_think=3", "max_think_tokens"),
        ("policy_jitter=2", "policy_jitter"),
        ("length_bins=[9, 5]", "length_bins must ascend"),
        ("filters.cleaning=[{up_to_ratio: 0.4}, {up_to_ratio: 0.2}]", "ascending values of up_to_ratio"),
        ("filters.cleaning=[{up_to_ratio: 1, max_repeated_bigrams: 0.5}]", "one rule; give both or none"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(BuildSftConfig, None, [override], values={**PATHS, "n_policy": 0})

"""What an evaluation may be told, and the words it finds for what it may not."""

import pytest

from extracot.errors import ConfigError
from extracot.evaluation.config import EvaluateConfig
from extracot.io.config import load_config


def load(*overrides: str) -> EvaluateConfig:
    return load_config(EvaluateConfig, None, ["problems=toy:heldout:5", "base_model=toy", *overrides])


def test_decoding_is_greedy_unless_told_otherwise() -> None:
    assert load("sampling.max_new_tokens=64").sampling.temperature == 0


def test_modes_keep_their_kinds() -> None:
    config = load("arms=[{name: ours, model: toy, modes: [base, 0.2, 1, policy]}]")
    assert config.arms[0].modes == ("base", 0.2, 1.0, "policy")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("arms=[{name: base, model: toy}]", "taken by base_model"),
        ("arms=[{name: a, model: toy}, {name: a, model: toy}]", "two arms have one name"),
        ("arms=[{name: a, model: toy, modes: []}]", "modes"),
        ("arms=[{name: a, model: toy, modes: [0.2, 0.2]}]", "twice"),
        ("arms=[{name: a, model: toy, modes: [1.5]}]", "no control token"),
        ("arms=[{name: a, model: toy, modes: [auto]}]", "modes"),
        ("arms=[{name: a, modle: toy}]", "unknown key 'arms.0.modle'"),
        ("samples_per_problem=4", "sampling.temperature"),
        ("limit=0", "limit"),
    ],
)
def test_what_cannot_be_meant_is_refused(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(override)

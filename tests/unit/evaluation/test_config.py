"""What an evaluation may be told, and the words it finds for what it may not."""

import pytest

from extracot.errors import ConfigError
from extracot.evaluation.config import EvaluateConfig
from extracot.io.config import is_free_on_resume, load_config


def load(*overrides: str) -> EvaluateConfig:
    return load_config(EvaluateConfig, None, ["problems=toy:heldout:5", "base_model=toy", *overrides])


def test_decoding_is_greedy_unless_told_otherwise() -> None:
    assert load("sampling.max_new_tokens=64").sampling.temperature == 0


def test_modes_keep_their_kinds() -> None:
    config = load("arms=[{name: ours, model: toy, modes: [base, 0.2, 1, policy]}]")
    assert config.arms[0].modes == ("base", 0.2, 1.0, "policy")


def test_a_resume_may_correct_where_an_arm_is_served_but_not_what_latency_depends_on() -> None:
    config = load()
    assert is_free_on_resume("arms.0.server.base_url", config)
    assert is_free_on_resume("server.timeout_s", config)
    assert not is_free_on_resume("server.concurrency", config)
    assert not is_free_on_resume("batch_size", config)
    assert not is_free_on_resume("arms.0.server.model", config)


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

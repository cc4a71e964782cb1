"""What a config refuses, before anything is loaded."""

import pytest

from extracot.compressor.config import CompressConfig
from extracot.compressor.training.config import TrainCompressorConfig
from extracot.errors import ConfigError
from extracot.io.config import load_config


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["ratios=[0.2, 1.2]", "scorer=slice"], "ratio 1.2 is outside"),
        (["ratios=[]", "scorer=slice"], "ratios is empty"),
        (["scorer=slice", "compressor=somewhere"], "scorer slice uses no compressor"),
        (["scorer=slice", "ratio=0.2"], "did you mean 'ratios'"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(overrides: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(CompressConfig, None, ["traces=t.jsonl", *overrides])


@pytest.mark.parametrize(
    ("overrides", "scorer", "compressor"),
    [
        ([], "encoder", "default"),
        (["compressor=null"], "encoder", "default"),
        (["compressor=runs/mine"], "encoder", "runs/mine"),
        (["scorer=slice"], "slice", None),
    ],
)
def test_the_packaged_encoder_is_the_scorer_unless_another_is_named(
    overrides: list[str], scorer: str, compressor: str | None
) -> None:
    config = load_config(CompressConfig, None, ["traces=t.jsonl", *overrides])
    assert (config.scorer, config.compressor) == (scorer, compressor)
    assert load_config(CompressConfig, None, values=config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("tiers=[0, 0.5, 0.5]", "tiers"),
        ("tiers=[1]", "tiers"),
        ("n_heads=5", "multiple"),
        ("ratios=[0]", "ratio"),
    ],
)
def test_a_training_config_that_cannot_work_is_refused(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_config(TrainCompressorConfig, None, ["traces=t.jsonl", "annotations=a.jsonl", override])

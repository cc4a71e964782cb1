"""What the `compress` stage can be told."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from extracot.compressor.selection import check_ratios, check_threshold
from extracot.errors import ConfigError
from extracot.io.config import StageConfig
from extracot.models.load import DEFAULT_COMPRESSOR


class CompressConfig(StageConfig):
    """Traces in, every trace at every ratio out."""

    free_on_resume: ClassVar[frozenset[str]] = frozenset({"batch_size", "workers"})

    traces: str
    """A `.jsonl` or `.jsonl.gz` of traces, ours or plain `{question, cot, answer}` rows."""
    ratios: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    """Shares of tokens to keep, each in (0, 1]."""
    threshold: float | None = None
    """In [0, 1]: keep the units that score at least this, however many, instead of cutting to `ratios`, which are
    then not read. The unit with the answer stays whatever it scores."""
    scorer: Literal["encoder", "slice", "generic", "random"] = "encoder"
    """encoder: a trained compressor, which reads the question too. slice: dependencies of the answer, no model.
    generic: the baseline, surprise under a language model, not atomic, one pass per ratio. random: deletion of random
    units."""
    compressor: str | None = None
    """Folder or hub name of the trained compressor, for `scorer: encoder` only; null there becomes `default`, the
    packaged one."""
    language_model: str | None = None
    """Causal model for `scorer: generic`; null takes the one that `tokenizer` names."""
    tokenizer: str = DEFAULT_COMPRESSOR
    """The model whose tokens count, usually the one to be fine-tuned: a hub name, a folder, `toy`, or `default`, the
    packaged compressor's, which needs no download and splits text about as a full-size vocabulary does."""
    prose: Literal["word", "clause"] = "clause"
    """What a unit of prose is: words meet a ratio to the token, clauses leave text that can be read and
    learnt."""
    resolution: float = Field(default=0.05, ge=0)
    """Scores are rounded to multiples of this and ties go to the right, so that contiguous text is kept; 0 is
    off. Without effect on `random` and `generic`."""
    is_readable: bool = True
    """Clauses, list marks and headings go with what they lean on, and lines that would run together are kept apart.
    False takes the scores and the white space as they are, as `random` and `generic` always do."""
    is_exact: bool = True
    """Units come a little early to fill a budget, and the one clause at a cut may be parted between words, where the
    ratio would be missed by more than 0.2 points otherwise. False keeps to the order of the scores and clauses whole.
    Without effect on `generic`."""
    with_question: bool = True
    """False hides the question from the scorer, as an ablation; rows of the file then need none."""
    seed: int = 0
    """Of `scorer: random`; the others are deterministic."""
    limit: int | None = Field(default=None, ge=1)
    """Stop after this many traces; null takes all."""
    batch_size: int = Field(default=64, ge=1)
    """Traces that are scored together; changes speed and memory, not results."""
    workers: int = Field(default=1, ge=1)
    """Processes that compress, each with its own copy of the model. Records and their order are those of one worker;
    a model's scores may differ in the last bit where its threads add in another order."""
    scores: bool = False
    """True also writes records/unit-scores.jsonl, the score of every unit of every trace."""
    device: str | None = None
    """Torch device of the model; null takes the GPU where there is one."""

    @property
    def cut_ratios(self) -> tuple[float, ...]:
        """The ratios that are cut to: none where there is a threshold."""
        return self.ratios if self.threshold is None else ()

    @property
    def targets(self) -> list[tuple[float | None, float | None]]:
        """What every trace is cut to, as (ratio, None) or (None, threshold)."""
        ratios: list[tuple[float | None, float | None]] = [(ratio, None) for ratio in self.cut_ratios]
        return ratios if self.threshold is None else [(None, self.threshold)]

    @field_validator("ratios")
    @classmethod
    def _check_ratios(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        return check_ratios(ratios)

    @field_validator("threshold")
    @classmethod
    def _check_threshold(cls, threshold: float | None) -> float | None:
        return None if threshold is None else check_threshold(threshold)

    @model_validator(mode="after")
    def _check_units(self) -> Self:
        if self.scorer == "generic" and self.language_model is None and self.tokenizer == DEFAULT_COMPRESSOR:
            raise ConfigError(
                "scorer generic reads with a causal language model, and the packaged compressor is none; name one with "
                "--set language_model=NAME, a folder, a hub name or toy, or with --tokenizer NAME of the model to tune"
            )
        if self.scorer == "generic" and (self.scores or self.threshold is not None):
            raise ConfigError("scorer generic scores no units; drop threshold and scores, or take another scorer")
        return self

    @model_validator(mode="before")
    @classmethod
    def _take_the_packaged_compressor(cls, values: Any) -> Any:
        """So that the config of a run says which one it was."""
        if not isinstance(values, dict) or values.get("compressor") is not None:
            return values
        scorer = values.get("scorer", cls.model_fields["scorer"].default)
        return {**values, "compressor": DEFAULT_COMPRESSOR if scorer == "encoder" else None}

    @model_validator(mode="after")
    def _check_compressor(self) -> Self:
        if self.scorer != "encoder" and self.compressor is not None:
            raise ConfigError(f"scorer {self.scorer} uses no compressor; drop the key, or set scorer=encoder")
        return self

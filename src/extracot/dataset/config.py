"""What the `build-sft` stage can be told."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from extracot.io.config import StageConfig, looks_like_path, texts_in
from extracot.models.prompts import PromptFormat
from extracot.problems.spec import without_benchmark
from extracot.text.control import control_tokens

Action = Literal["drop", "keep"]
Share = Annotated[float, Field(ge=0, le=1)]


class RepetitionConfig(BaseModel):
    """When a chain of thought counts as degenerate; in words, see `text.repetition`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    max_loop_tokens: int = Field(default=60, ge=1)
    """Longest stretch that may repeat one block back to back."""
    min_loop_repeats: int = Field(default=4, ge=2)
    """Fewer repeats are no loop."""
    max_period: int = Field(default=40, ge=1)
    """Longest block that is looked for."""
    max_repeated_share: float = Field(default=0.80, ge=0, le=1)
    """Largest share of 3-gram positions whose 3-gram occurs elsewhere too."""
    min_tokens_for_share: int = Field(default=200, ge=0)
    """Shorter texts are not measured so."""


class CleaningConfig(BaseModel):
    """Signs that a rendering is no text to learn from, at ratios up to one; null switches a rule off.

    Tokens are formulas and between them words, numbers and single signs, but for `min_tokens`, which are the target
    model's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    up_to_ratio: float = Field(gt=0, le=1)
    """A rendering is judged by the first row of limits that reaches its target ratio."""
    min_tokens: int | None = Field(default=None, ge=1)
    """Fewer tokens: too_few_tokens."""
    max_repeated_bigrams: Share | None = None
    """Share of 2-gram positions whose 2-gram recurs; at this and the next limit: repeated_ngrams."""
    max_repeated_trigrams: Share | None = None
    """Share of 3-gram positions whose 3-gram recurs."""
    max_token_share: Share | None = None
    """Share of the commonest token, in texts of 50 tokens and more; above it: dominant_token."""
    max_token_run: int | None = Field(default=None, ge=1)
    """One token in a row; more: token_run."""
    max_bigram_run: int | None = Field(default=None, ge=1)
    """The same two tokens in a row, in pairs; more: token_run."""
    max_trigram_run: int | None = Field(default=None, ge=1)
    """The same three tokens in a row, in triples; more: token_run."""
    min_variety: Share | None = None
    """Different tokens over tokens, a mean over blocks of 200; less: low_variety."""
    max_punctuation_share: Share | None = None
    """Punctuation among the characters; more: punctuation_heavy."""
    max_character_run: int | None = Field(default=None, ge=1)
    """One character in a row; more: character_run."""
    min_anchors_kept: Share | None = None
    """Share of the whole's different numbers, LaTeX commands and signs of operation; less: anchors_lost."""
    max_risky_share: Share | None = None
    """The most of the renderings at a ratio that may go as riskiest; only suspicious ones do."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.max_repeated_bigrams is None) != (self.max_repeated_trigrams is None):
            raise ValueError("max_repeated_bigrams and max_repeated_trigrams are one rule; give both or none")
        return self


class FilterConfig(BaseModel):
    """Limits of the filters; tokens are counted in the target model's tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    min_think_tokens: int = Field(default=20, ge=1)
    """Shorter traces are dropped; low on purpose, since dropping short ones biases small ratios towards long
    questions (the release drops below 100 at ratio 0.2)."""
    max_think_tokens: int = Field(default=4070, ge=1)
    """Longer traces are dropped. 4070 as in the release."""
    max_prompt_tokens: int = Field(default=1024, ge=1)
    """Traces with a longer prompt are dropped."""
    max_row_tokens: int = Field(default=6144, ge=1)
    """Traces whose prompt, think block and visible answer together are longer are dropped. 6144 as training takes."""
    requires_box: bool = True
    """Drop traces whose answer is not in a box after the think block."""
    repetition: RepetitionConfig = RepetitionConfig()
    """What is degenerate."""
    ngram_words: int = Field(default=8, ge=1)
    """Words in the runs by which questions are compared; shorter questions are compared by spelling alone."""
    max_evaluation_overlap: Share | None = 0.5
    """Questions that share at least this much of their runs of words with an evaluation question are dropped;
    null drops only those of the same letters and digits. Switch it off where all questions are made of the same
    sentences."""
    max_seen_overlap: Share | None = None
    """Questions of whose runs of words earlier questions hold more are dropped; null keeps near-duplicates, which in
    mathematics are often the same sentence with other numbers."""
    ratio_tolerance: float = Field(default=0.05, ge=0)
    """Largest distance of a compression's actual ratio from its target. 0.05 as in the release."""
    formula_broken: Action = "drop"
    """Compressions that keep a part of a formula; `keep` only counts them."""
    answer_lost: Action = "drop"
    """Compressions that no longer state the answer that the whole states; `keep` only counts them."""
    chain_cut: Action = "keep"
    """Compressions that lack a needed formula; `drop` also takes their questions out of the fixed queue,
    which leaves the easy ones where the smallest ratio is extreme."""
    needed_importance: float = Field(default=1.0, gt=0, le=1)
    """Formulas of at least this importance are needed. 1.0 fits slicing and keep-or-drop teachers."""
    cleaning: tuple[CleaningConfig, ...] = ()
    """Limits on how renderings look, ascending in `up_to_ratio`; the untouched trace counts as ratio 1."""
    monotone_slack: int | None = Field(default=None, ge=0)
    """Renderings that pass one of their trace at a larger ratio by more tokens are dropped; null does not ask."""

    @field_validator("cleaning")
    @classmethod
    def _ascends(cls, cleaning: tuple[CleaningConfig, ...]) -> tuple[CleaningConfig, ...]:
        ratios = [row.up_to_ratio for row in cleaning]
        if ratios != sorted(set(ratios)):
            raise ValueError(f"cleaning needs ascending values of up_to_ratio, not {ratios}")
        return cleaning


class BuildSftConfig(StageConfig):
    """Traces, annotations and compressions in, the mixed-ratio SFT set out."""

    traces: str
    """A `.jsonl` or `.jsonl.gz` of traces; rows without an outcome are graded first."""
    compressions: str
    """The compressions of these traces, at every ratio of the grid below 1."""
    annotations: str | None = None
    """The annotations of these traces: for the policy queue's difficulty and for `chain_cut`."""
    model: str = "toy"
    """The model to be fine-tuned: its tokenizer, chat template and, when prepared, grid and prompt format."""
    prompt_format: PromptFormat | None = None
    """What stands around a question; None takes that of the prepared model, which it must equal if given."""
    grid: tuple[float, ...] | None = None
    """Target ratios of the set; None takes those of the prepared model."""
    evaluation_problems: tuple[str, ...] = ()
    """Problem files, `toy:` specs or benchmarks (`gsm8k`, `math500:FILE.jsonl`); their questions are not trained on."""
    filters: FilterConfig = FilterConfig()
    """What is good enough."""
    n_traces: Annotated[int, Field(ge=1)] | None = None
    """Traces that go on from the filters to the queues, spread evenly over `length_bins`; null takes all. The
    release has 15,000."""
    length_bins: tuple[Annotated[int, Field(ge=1)], ...] = (512, 1024, 2048, 3072)
    """Think tokens at which one bin of lengths ends and the next begins, ascending. The release's."""
    n_fixed_per_ratio: Annotated[int, Field(ge=1)] | None = None
    """Rows of the fixed queue per ratio; None takes all that every ratio has. The paper has 12,000."""
    min_ratios: Annotated[int, Field(ge=1)] | None = None
    """Ratios at which a question must be usable to enter the fixed queue; None: at all, so that the ratios
    share their questions."""
    max_cut_share: float = Field(default=1.0, ge=0, le=1)
    """The most of a ratio's fixed rows that may lack a needed formula. Such rows teach to guess; without any, the
    smallest ratio is learnt on easy questions alone."""
    n_policy: Annotated[int, Field(ge=0)] | None = None
    """Rows of the policy queue; None takes every trace of known difficulty, 0 leaves the queue out. The paper
    has 10,000."""
    policy_shares: tuple[Annotated[float, Field(ge=0)], ...] | None = None
    """How much of the policy queue each ratio of the grid gets, easiest questions first; None: equal shares.
    The release has 18, 24, 26, 22, 10 on its five ratios. `[1, 0, …]` gives each question the smallest ratio
    that keeps its chain."""
    policy_jitter: float = Field(default=0.0, ge=0, le=1)
    """Chance that a policy row moves to a neighbouring ratio."""
    policy_keeps_chain: bool = True
    """Move a policy row up to the next ratio at which no needed formula is missing."""
    seed: int = Field(default=0, ge=0)
    """Of the choice of rows, the jitter and the final order."""

    @field_validator("grid")
    @classmethod
    def _has_tokens(cls, grid: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if grid is None:
            return None
        control_tokens(grid)  # raises UsageError, a ValueError, for a grid without tokens
        return tuple(sorted(grid))

    @field_validator("length_bins")
    @classmethod
    def _ascends(cls, bounds: tuple[int, ...]) -> tuple[int, ...]:
        if list(bounds) != sorted(set(bounds)):
            raise ValueError(f"length_bins must ascend, not {list(bounds)}")
        return bounds

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.annotations is None and self.n_policy != 0:
            raise ValueError(
                "the policy queue needs annotations for its difficulties; "
                "give annotations=<run>/records/annotations.jsonl, or leave the queue out with n_policy=0"
            )
        if self.annotations is None and self.filters.chain_cut == "drop":
            raise ValueError("filters.chain_cut=drop needs annotations; give them, or set it to keep")
        if self.policy_shares is not None and sum(self.policy_shares) <= 0:
            raise ValueError("policy_shares must not all be 0")
        return self

    def input_paths(self) -> list[str]:
        """As `StageConfig.input_paths`; of `gsm8k:FILE.jsonl` the file."""
        texts = texts_in(self.model_dump(mode="json"))
        return [path for text in texts if looks_like_path(path := without_benchmark(text))]

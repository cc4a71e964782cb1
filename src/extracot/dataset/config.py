"""What the `build-sft` stage can be told."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from extracot.io.config import StageConfig
from extracot.models.prompts import PromptFormat
from extracot.text.control import control_tokens

Action = Literal["drop", "keep"]


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
    requires_box: bool = True
    """Drop traces whose answer is not in a box after the think block."""
    repetition: RepetitionConfig = RepetitionConfig()
    """What is degenerate."""
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
    """Problem files or `toy:` specs whose questions must not be trained on."""
    filters: FilterConfig = FilterConfig()
    """What is good enough."""
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

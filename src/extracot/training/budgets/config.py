"""What the `teacher-budgets` stage may be told."""

from typing import ClassVar, Literal

from pydantic import Field

from extracot.generate.backend import Sampling
from extracot.generate.backend_config import CompletionsConfig


class TeacherBudgetsConfig(CompletionsConfig):
    """Which model is measured on which problems, and when a budget counts as reliable."""

    free_on_resume: ClassVar[frozenset[str]] = CompletionsConfig.free_on_resume | {"chunk_size"}

    model: str
    """A fine-tuned model folder; its `extracot.json` gives the ratio grid. With a server, the folder that it serves."""
    problems: str
    """Problems file, `toy:train:800:seed=1`, or a benchmark as `gsm8k` (see `extracot config benchmarks`)."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first so many problems, for a smoke run."""
    n_samples: int = Field(default=3, ge=1)
    """Samples per ratio and problem; the paper draws 3."""
    pass_rate: float = Field(default=1.0, gt=0, le=1)
    """Share of correct samples from which a ratio counts as reliable. Ours; the paper asks for all of
    them."""
    max_overrun: float | None = Field(default=None, ge=0)
    """How far a sample's actual ratio may pass its target, as a share of the target, and still count as a success at
    it; None is no limit, as in the paper. With a model that overspends its smallest ratio, that ratio else looks
    reliable on questions that need more, and the policy learns to name it and not to keep it. The largest ratio has no
    limit."""
    sampling: Sampling = Sampling(temperature=0.7, top_p=0.95)
    """As the published roll-outs: temperature 0.7, top-p 0.95, 4096 new tokens."""
    batch_size: int = Field(default=128, ge=1)
    """Prompts decoded side by side in this process."""
    chunk_size: int = Field(default=32, ge=1)
    """Problems sampled, graded and written together; a kill loses at most one chunk. Changes no result.
    With a server, make it large enough to keep `server.concurrency` requests going."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the weights; bfloat16 is for GPUs."""
    keep_samples: bool = False
    """Also write every completion to `records/samples.jsonl`, graded."""

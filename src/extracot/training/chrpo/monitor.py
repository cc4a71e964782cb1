"""Watch the head: what it chooses, how spread out its choices are, whether it collapses or never chooses."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from extracot.errors import StageError


@dataclass(frozen=True, slots=True)
class HeadStats:
    """The choices of one step."""

    shares: Mapping[float, float]
    """Ratio -> share of all responses, every ratio of the grid, ascending."""
    no_choice_share: float
    """Share of responses whose first token is no ratio."""

    @property
    def entropy(self) -> float:
        """Nats, of the shares among the responses that chose; 0 when all chose one ratio, or none chose."""
        n_chose = sum(self.shares.values())
        return -sum(s / n_chose * math.log(s / n_chose) for s in self.shares.values() if s > 0) + 0.0


def head_stats(choices: Sequence[float | None], grid: Iterable[float]) -> HeadStats:
    """Count the choices of a batch; at least one.

    Args:
        choices: ratio per response, of the grid; None for a response without a choice.
        grid: every ratio that can be chosen.
    """
    counts = Counter(choices)
    return HeadStats(
        shares={ratio: counts[ratio] / len(choices) for ratio in sorted(grid)},
        no_choice_share=counts[None] / len(choices),
    )


@dataclass(slots=True)
class HeadWatch:
    """Turns a run of bad steps into one warning, or into an error when training is pointless."""

    collapse_share: float = 0.97
    """One ratio taking at least this share of the responses is a collapse."""
    patience: int = 5
    """Steps in a row before it is said."""
    needs_choice: bool = True
    """Whether a model that never names a ratio ends the run. A rival that pays nothing for the first token may leave it
    out, and that is a result; it is warned of."""
    _n_collapsed: int = field(default=0, init=False)
    _n_flat: int = field(default=0, init=False)
    _n_silent: int = field(default=0, init=False)

    def observe(self, stats: HeadStats, flat_group_share: float) -> list[str]:
        """Take in one step; returns the warnings that are due, each once per run of bad steps.

        Args:
            stats: the choices of the step.
            flat_group_share: share of groups whose total reward is the same for all completions: they teach
                nothing.

        Raises:
            StageError: for `patience` steps no response named a ratio, and one is needed.
        """
        self._n_silent = self._n_silent + 1 if stats.no_choice_share == 1 else 0
        warnings = []
        if self._n_silent == self.patience:
            silence = f"for {self.patience} steps no response started with a ratio token"
            if self.needs_choice:
                raise StageError(
                    f"{silence}; the model has not learnt the protocol: fine-tune it with extracot sft on a set with a "
                    "policy queue first"
                )
            warnings.append(f"warning: {silence}; no reward here pays for one")
        ratio, share = max(stats.shares.items(), key=lambda item: item[1])
        self._n_collapsed = self._n_collapsed + 1 if share >= self.collapse_share else 0
        if self._n_collapsed == self.patience:
            warnings.append(
                f"warning: the head has collapsed: {share:.0%} of the responses chose ratio {ratio:g} for "
                f"{self.patience} steps; lower head_coefficient or learning_rate, or warm up with more ratios"
            )
        self._n_flat = self._n_flat + 1 if flat_group_share == 1 else 0
        if self._n_flat == self.patience:
            warnings.append(
                f"warning: for {self.patience} steps all groups had equal rewards, which teach nothing; "
                "check the budgets, raise the temperature or the group size"
            )
        return warnings

"""What a run of `compress` comes to, in a few figures."""

from collections import Counter, defaultdict

from extracot.records.compression import Compression


class Tally:
    """Sums over records, so that a run of any size ends in a few figures without holding its records."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter(ok=0, failed=0)
        self._n: Counter[float] = Counter()
        self._ratio: defaultdict[float, float] = defaultdict(float)
        self._error: defaultdict[float, float] = defaultdict(float)
        self._formulas: Counter[float] = Counter()
        self._formulas_kept: Counter[float] = Counter()

    def add(self, record: Compression) -> None:
        """Count one record."""
        self.outcomes[record.outcome] += 1
        if record.outcome == "failed":
            return
        target = record.target_ratio
        self._n[target] += 1
        self._ratio[target] += record.actual_ratio
        self._error[target] += abs(record.actual_ratio - target)
        self._formulas[target] += record.n_formulas
        self._formulas_kept[target] += record.n_formulas_kept

    def summary(self) -> dict[str, float | None]:
        """Per target ratio: the mean actual ratio, its mean distance from the target, the share of formulas
        kept."""
        values: dict[str, float | None] = {}
        for target, n in sorted(self._n.items()):
            values[f"actual_ratio@{target:g}"] = round(self._ratio[target] / n, 4)
            values[f"ratio_error@{target:g}"] = round(self._error[target] / n, 4)
            formulas = self._formulas[target]
            values[f"formulas_kept@{target:g}"] = round(self._formulas_kept[target] / formulas, 4) if formulas else None
        return values

    def lines(self) -> list[str]:
        """The same for people."""
        values = self.summary()
        return [f"{self.outcomes['ok']} compressions, {self.outcomes['failed']} failed"] + [
            f"target {target:g}: actual {values[f'actual_ratio@{target:g}']}, "
            f"off by {values[f'ratio_error@{target:g}']}, formulas kept {values[f'formulas_kept@{target:g}']}"
            for target in sorted(self._n)
        ]

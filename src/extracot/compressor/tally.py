"""What a run of `compress` comes to, in a few figures."""

from collections import Counter, defaultdict

from extracot.records.compression import Compression


class Tally:
    """Sums over records, so that a run of any size ends in a few figures without holding its records."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter(ok=0, failed=0)
        self._n: Counter[_Target] = Counter()
        self._ratio: defaultdict[_Target, float] = defaultdict(float)
        self._error: defaultdict[_Target, float] = defaultdict(float)
        self._formulas: Counter[_Target] = Counter()
        self._formulas_kept: Counter[_Target] = Counter()
        self._failures: dict[str, str] = {}

    def add(self, record: Compression) -> None:
        """Count one record."""
        self.outcomes[record.outcome] += 1
        if record.outcome == "failed":
            if len(self._failures) < _N_REASONS:
                self._failures[record.trace_id] = record.error or ""
            return
        target = (record.target_ratio or 0.0, record.threshold)
        self._n[target] += 1
        self._ratio[target] += record.actual_ratio
        if record.target_ratio is not None:
            self._error[target] += abs(record.actual_ratio - record.target_ratio)
        self._formulas[target] += record.n_formulas
        self._formulas_kept[target] += record.n_formulas_kept

    def summary(self) -> dict[str, float | None]:
        """Per target ratio: the mean actual ratio, its mean distance from the target, the share of formulas
        kept. A threshold has no distance."""
        values: dict[str, float | None] = {}
        for target in self._targets():
            name, n = _name(target), self._n[target]
            values[f"actual_ratio@{name}"] = round(self._ratio[target] / n, 4)
            if target in self._error:
                values[f"ratio_error@{name}"] = round(self._error[target] / n, 4)
            formulas = self._formulas[target]
            values[f"formulas_kept@{name}"] = round(self._formulas_kept[target] / formulas, 4) if formulas else None
        return values

    def lines(self) -> list[str]:
        """The same for people, and why the first failures failed."""
        values = self.summary()
        lines = [f"{self.outcomes['ok']} compressions, {self.outcomes['failed']} failed"]
        for trace_id, error in self._failures.items():
            lines.append(f"failed: {error if error.startswith(f'{trace_id}: ') else f'{trace_id}: {error}'}")
        for target in self._targets():
            name = _name(target)
            off = f", off by {values[f'ratio_error@{name}']}" if f"ratio_error@{name}" in values else ""
            kept = values[f"formulas_kept@{name}"]
            formulas = "no formulas" if kept is None else f"{kept:.1%} of the formulas kept, none cut"
            lines.append(f"target {name}: actual {values[f'actual_ratio@{name}']}{off}, {formulas}")
        return lines

    def _targets(self) -> list["_Target"]:
        return sorted(self._n, key=lambda target: (target[0], target[1] or 0.0))


_N_REASONS = 3
"""Traces of which is said why they failed; the others' records say it."""

_Target = tuple[float, float | None]
"""Ratio, 0 where there is none, and threshold."""


def _name(target: _Target) -> str:
    ratio, threshold = target
    return f"{ratio:g}" if threshold is None else f"threshold {threshold:g}"

"""What the value of a `problems` key means, as far as that can be told without reading anything."""

from extracot.problems.benchmark import Benchmark
from extracot.problems.catalogue import BENCHMARKS
from extracot.toy.problems import TOY_PREFIX


def split_spec(spec: str) -> tuple[Benchmark | None, str | None]:
    """The benchmark and the file that a value names.

    `gsm8k` is a benchmark without a file, `gsm8k:test.jsonl` one with, `test.jsonl` a file alone, `toy:train:8`
    neither. Capitals, `-` and `_` of a name do not count.
    """
    if spec.startswith(TOY_PREFIX):
        return None, None
    name, _, path = spec.partition(":")
    benchmark = _BY_SPELLING.get(_spelling(name))
    return (None, spec) if benchmark is None else (benchmark, path or None)


def without_benchmark(value: str) -> str:
    """The file of a value such as `gsm8k:test.jsonl`; any other text as it is."""
    benchmark, path = split_spec(value)
    return value if benchmark is None or path is None else path


def _spelling(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


_BY_SPELLING = {_spelling(name): benchmark for name, benchmark in BENCHMARKS.items()}

"""What timed requests say: percentiles of latency, requests and tokens a second; and the table of it."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from extracot.evaluation.metrics import RowKey, quantile
from extracot.evaluation.table import NOTHING, align_columns, describe_mode, markdown_table
from extracot.records.load import Load

COLUMNS = (
    "arm", "asked", "at once", "requests/s", "tokens/s", "tokens", "p50 s", "p90 s", "p95 s", "p99 s", "failed", "n",
)  # fmt: skip

LEGEND = (
    "at once: requests under way. tokens: mean of a completion. p50 … p99: seconds from a request to its last token.\n"
    "A second is one of the whole measurement, from the first request to the last completion."
)


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """One measurement in a few numbers. Failed requests count in none of them but `n_failed`."""

    n_requests: int
    n_failed: int
    requests_per_s: float
    tokens_per_s: float
    mean_tokens: float | None
    """None, as are the latencies, where every request failed."""
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None
    p99_s: float | None


def load_figures(load: Load) -> LoadFigures:
    """The figures of one measurement."""
    done = [request for request in load.requests if request.latency_s is not None]
    latencies = [request.latency_s for request in done if request.latency_s is not None]
    n_tokens = sum(request.n_tokens for request in done)
    p50, p90, p95, p99 = (quantile(latencies, q) if latencies else None for q in (0.5, 0.9, 0.95, 0.99))
    duration_s = max(load.duration_s, 1e-9)
    return LoadFigures(
        n_requests=len(load.requests),
        n_failed=len(load.requests) - len(done),
        requests_per_s=len(done) / duration_s,
        tokens_per_s=n_tokens / duration_s,
        mean_tokens=n_tokens / len(done) if done else None,
        mean_s=sum(latencies) / len(done) if done else None,
        p50_s=p50,
        p90_s=p90,
        p95_s=p95,
        p99_s=p99,
    )


def render_plain(loads: Sequence[Load]) -> str:
    """Aligned columns and the legend; ends with a newline."""
    return f"{align_columns([COLUMNS, *map(_cells, loads)])}\n\n{LEGEND}\n"


def render_markdown(loads: Sequence[Load]) -> str:
    """The same as a GitHub table, with the load in words."""
    return f"{markdown_table([COLUMNS, *map(_cells, loads)])}\n\n{LEGEND}\n\n{describe_load(loads)}\n"


def render_csv(loads: Sequence[Load]) -> str:
    """One line per measurement, full precision; an absent number is empty."""
    rows = [
        {
            **load.model_dump(exclude={"format", "requests"}),
            **asdict(load_figures(load)),
        }
        for load in loads
    ]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def describe_load(loads: Sequence[Load]) -> str:
    """Who was asked, and how hard."""
    backends = " and ".join(dict.fromkeys(load.backend for load in loads))
    rates = {load.requests_per_minute for load in loads}
    paced = "".join(f", at most {rate:g} a minute" for rate in rates if rate is not None)
    return f"Asked {backends}{paced}; {loads[0].n_warmup} requests before each measurement do not count."


def _cells(load: Load) -> tuple[str, ...]:
    figures = load_figures(load)
    seconds = (figures.p50_s, figures.p90_s, figures.p95_s, figures.p99_s)
    return (
        load.arm,
        describe_mode(RowKey(load.arm, load.mode, load.target_ratio)),
        str(load.concurrency),
        f"{figures.requests_per_s:.2f}",
        f"{figures.tokens_per_s:.0f}",
        NOTHING if figures.mean_tokens is None else f"{figures.mean_tokens:.1f}",
        *(NOTHING if value is None else f"{value:.3f}" for value in seconds),
        str(figures.n_failed),
        str(figures.n_requests),
    )

"""How long an answer took, row by row."""

from extracot.evaluation.report.results import Results
from extracot.evaluation.report.sections.parts import describe_row, short_seconds
from extracot.text.markup import Markup, element, escape, text_element


def latency_figure(results: Results) -> Markup:
    """Median and 95th percentile of the latency of every row, as bars."""
    longest = max(row.metrics.latency.p95_s for row in results.rows) or 1.0
    cells = []
    for row in results.rows:
        latency, style = row.metrics.latency, results.styles[row.key.arm]
        name = element("span", element("span", class_=f"swatch {style}"), escape(describe_row(row)))
        track = element(
            "span",
            element("span", class_=f"tail {style}", style=f"width:{100 * latency.p95_s / longest:.1f}%"),
            element("span", class_=f"half {style}", style=f"width:{100 * latency.p50_s / longest:.1f}%"),
            class_="track",
        )
        words = f"{short_seconds(latency.p50_s)} s, p95 {short_seconds(latency.p95_s)} s"
        cells += [name, track, text_element("span", words, class_="after")]
    caption = (
        "Seconds from request to end: full bar to the median, faint bar to the 95th percentile; measured "
        "while the questions were answered, in batches, not under a stated load."
    )
    return element(
        "figure",
        element("div", *cells, class_="bars latency"),
        text_element("figcaption", caption),
    )

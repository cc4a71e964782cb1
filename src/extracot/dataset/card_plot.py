"""The data card's picture: what the filters took, how long the rows are, how well they keep their ratio."""

import io
from collections.abc import Mapping
from typing import Any

_COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#e8a317", "#c2410c", "#7f7f7f", "#a855f7", "#0ea5e9")


def draw_card(card: Mapping[str, Any]) -> str:
    """An SVG that needs nothing else, letters drawn as paths; the same card gives the same text.

    Args:
        card: as `card.build_card` makes it.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "extracot", "svg.fonttype": "path", "font.size": 9}):
        figure = Figure(figsize=(11, 7.5), layout="constrained")
        FigureCanvasSVG(figure)
        (traces, faults), (ratios, lengths) = figure.subplots(2, 2)
        _draw_traces(traces, card)
        _draw_faults(faults, card)
        _draw_ratios(ratios, card)
        _draw_lengths(lengths, card)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _draw_traces(axes: Any, card: Mapping[str, Any]) -> None:
    taken = {name: n for name, n in card["dropped_traces"].items() if n}
    names, counts = ["kept", *taken], [card["n_traces_kept"], *taken.values()]
    bars = axes.barh(names, counts, color=[_COLOURS[2]] + [_COLOURS[6]] * len(taken))
    axes.bar_label(bars, padding=2)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_title(f"{card['n_traces']} traces, by the first filter that took them")


def _draw_faults(axes: Any, card: Mapping[str, Any]) -> None:
    ratios = list(card["n_usable"])
    rows = {"usable": card["n_usable"]}
    rows |= {name: by_ratio for name, by_ratio in card["compression_faults"].items() if any(by_ratio.values())}
    height = 0.8 / len(ratios)
    for i, ratio in enumerate(ratios):
        places = [place + (i - (len(ratios) - 1) / 2) * height for place in range(len(rows))]
        axes.barh(places, [row[ratio] for row in rows.values()], height=height, color=_colour(i), label=ratio)
    counted = card["faults_only_counted"]
    axes.set_yticks(range(len(rows)), [f"{name} (only counted)" if name in counted else name for name in rows])
    axes.invert_yaxis()
    axes.legend(title="target ratio", fontsize=8)
    axes.set_title("Renderings of the kept traces, by fault")


def _draw_ratios(axes: Any, card: Mapping[str, Any]) -> None:
    histogram = card["actual_ratio_histogram"]
    width = histogram["bin_width"]
    for i, (ratio, counts) in enumerate(histogram["counts"].items()):
        edges = [float(edge) for edge in counts]
        axes.bar(edges, counts.values(), width=width, align="edge", color=_colour(i), alpha=0.7, label=ratio)
        axes.axvline(float(ratio), color=_colour(i), linestyle=":", linewidth=1)
    axes.set_xlabel("actual ratio; the dotted lines are the targets")
    axes.set_ylabel("rows")
    axes.set_title("Actual ratios")


def _draw_lengths(axes: Any, card: Mapping[str, Any]) -> None:
    histogram = card["think_tokens_histogram"]
    longest = max((int(edge) for counts in histogram["counts"].values() for edge in counts), default=0)
    edges = [edge for edge in histogram["edges"] if edge <= longest]
    for i, (ratio, counts) in enumerate(histogram["counts"].items()):
        values = [counts.get(str(edge), 0) for edge in edges]
        axes.plot(range(len(edges)), values, marker="o", color=_colour(i), label=ratio)
    ends = [f"{edge - 1}" for edge in histogram["edges"][1:]] + [""]
    labels = [f"{edge}–{end}" for edge, end in zip(edges, ends, strict=False)]
    axes.set_xticks(range(len(edges)), labels, rotation=45, ha="right")
    axes.set_xlabel("think tokens")
    axes.set_ylabel("rows")
    axes.set_title("Lengths of the think blocks")


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]

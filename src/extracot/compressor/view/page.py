"""Kept and dropped text as one HTML file that needs nothing else: no script, no network."""

from collections.abc import Sequence
from importlib.resources import files

from extracot.compressor.view.collect import ViewedTrace, describe_outcome, describe_target, stretches
from extracot.records.compression import Compression
from extracot.text.markup import NOTHING, Markup, document, element, escape, text_element


def render_page(title: str, views: Sequence[ViewedTrace]) -> str:
    """One self-contained document: every trace once, with a switch between its ratios.

    The switches are radio buttons and style rules. A trace's text is written once, cut wherever any ratio cuts it;
    each piece names the ratios that keep it.
    """
    n_switches = max(len(view.compressions) for view in views)
    style = files("extracot.compressor.view").joinpath("style.css").read_text(encoding="utf-8")
    rules = "\n".join(_rules(number) for number in range(n_switches))
    body = element(
        "main",
        text_element("h1", title),
        text_element("p", "Choose a ratio: of the whole text, what it keeps is marked and what it drops is faint."),
        *(_trace(view, number) for number, view in enumerate(views)),
        text_element("footer", "Written by extracot view."),
    )
    return document(title, Markup(f"{style}\n{rules}\n"), body)


def _rules(number: int) -> str:
    """What choosing the switch of this number changes in its trace; the inputs stand before all that they change."""
    chosen = f"input.r{number}:checked ~"
    return (
        f"{chosen} details .k{number} {{ background: var(--kept); color: var(--ink); }}\n"
        f"{chosen} .of-{number} {{ display: block; }}\n"
        f"{chosen} nav label.r{number} {{ background: var(--accent); color: var(--on-accent); }}\n"
        f"input.r{number}:focus-visible ~ nav label.r{number} {{ outline: 2px solid var(--ink); }}"
    )


def _trace(view: ViewedTrace, number: int) -> Markup:
    name = f"t{number}"
    records = view.compressions
    inputs = [
        element(
            "input",
            attributes={"checked": "" if index == 0 else None},
            type="radio",
            name=name,
            id=f"{name}-{index}",
            class_=f"r{index}",
        )
        for index in range(len(records))
    ]
    labels = [
        element("label", escape(describe_target(record)), for_=f"{name}-{index}", class_=f"r{index}")
        for index, record in enumerate(records)
    ]
    cot = view.trace.cot
    pieces = [
        text_element("span", cot[start:end], class_=" ".join(f"k{i}" for i, kept in enumerate(inside) if kept) or None)
        for start, end, inside in stretches(len(cot), [record.kept for record in records])
    ]
    answer = text_element("p", f"Answer: {view.trace.answer}", class_="answer") if view.trace.answer else NOTHING
    whole = element(
        "details", text_element("summary", "The whole text"), element("div", *pieces, class_="cot"), open=""
    )
    return element(
        "section",
        text_element("p", view.trace.id, class_="id"),
        text_element("h2", view.trace.question),
        answer,
        *inputs,
        element("nav", *labels),
        *(text_element("p", describe_outcome(record), class_=f"facts of-{i}") for i, record in enumerate(records)),
        *(_text_of(record, index) for index, record in enumerate(records) if record.outcome == "ok"),
        whole if cot.strip() else NOTHING,
    )


def _text_of(record: Compression, index: int) -> Markup:
    """The text as a model reads it, seams included."""
    return element(
        "details",
        text_element("summary", "What is left"),
        text_element("div", record.text, class_="left"),
        class_=f"left-of of-{index}",
        open="",
    )

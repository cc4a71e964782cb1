"""A few problems with all their completions side by side."""

from collections.abc import Sequence

from extracot.evaluation.report.results import Results, Row
from extracot.evaluation.report.sections.parts import describe_level
from extracot.evaluation.table import describe_mode
from extracot.records.outcome import Outcome
from extracot.records.score import Score
from extracot.text.markup import NOTHING, Markup, element, join, text_element
from extracot.text.think import split_response

_MAX_SHOWN_CHARACTERS = 20_000
"""Longer texts are cut in the examples, so that one run-away cannot fill the page."""

_OUTCOME_WORDS = {
    Outcome.CORRECT: "correct",
    Outcome.WRONG: "wrong",
    Outcome.NO_ANSWER: "no answer",
    Outcome.TRUNCATED: "truncated",
    Outcome.UNGRADED: "ungraded",
}

def examples(results: Results, problem_ids: Sequence[str]) -> Markup:
    """Each problem with its completions side by side: base and the main arm, the others behind a fold."""
    cards: list[Markup] = []
    for problem_id in problem_ids:
        found = [
            (row, score)
            for row in results.rows
            for score in row.scores
            if score.problem_id == problem_id and score.sample == 0
        ]
        if found:
            cards.append(_example(results, found, is_open=not cards))
    if not cards:
        return NOTHING
    note = "Picked by a hash of the problem, level by level, not by hand. Greedy or first sample."
    return join(text_element("h3", "Side by side"), text_element("p", note, class_="note"), *cards)


def _example(results: Results, found: Sequence[tuple[Row, Score]], is_open: bool) -> Markup:
    first = found[0][1]
    shown = [item for item in found if results.styles[item[0].key.arm] in ("base", "main")]
    others = [item for item in found if results.styles[item[0].key.arm] not in ("base", "main")]
    n_correct = sum(score.outcome is Outcome.CORRECT for _, score in found)
    brief = first.question if len(first.question) <= 110 else first.question[:107].rstrip() + "…"
    facts = f"{describe_level(first.level)} · {n_correct} of {len(found)} completions correct"
    body = [
        text_element("p", _cut(first.question), class_="question"),
        text_element("p", f"Gold answer: {first.answer}", class_="byline"),
        element("div", *[_completion(row, score) for row, score in shown], class_="completions"),
    ]
    if others:
        more = element("div", *[_completion(row, score) for row, score in others], class_="completions")
        body.append(element("details", text_element("summary", f"Other arms ({len(others)})"), more))
    summary = element(
        "summary", text_element("span", brief, class_="brief"), text_element("span", facts, class_="facts")
    )
    return element(
        "details",
        summary,
        element("div", *body, class_="body"),
        class_="example",
        open="open" if is_open else None,
    )


def _completion(row: Row, score: Score) -> Markup:
    split = split_response(score.completion)
    asked = describe_mode(row.key)
    if row.key.mode == "policy":
        asked = f"policy → {'no ratio' if score.chosen_ratio is None else f'{score.chosen_ratio:.2f}'}"
    tokens = f"{row.key.arm} · {score.n_think_tokens} think tokens"
    if score.n_reference_think_tokens is not None:
        tokens += f" · ratio {score.n_think_tokens / score.n_reference_think_tokens:.2f}"
    if not score.is_closed:
        tokens += " · never closed"
    outcome_class = "outcome" if score.outcome is Outcome.CORRECT else "outcome bad"
    return element(
        "article",
        element(
            "header",
            text_element("strong", asked),
            text_element("span", _OUTCOME_WORDS[score.outcome], class_=outcome_class),
            text_element("span", tokens, class_="facts"),
        ),
        text_element("div", _cut(split.cot), class_="cot"),
        text_element("div", _cut(split.visible.strip()), class_="visible"),
        class_=f"completion {row.key.mode}",
    )


def _cut(text: str) -> str:
    if len(text) <= _MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:_MAX_SHOWN_CHARACTERS]}… ({len(text) - _MAX_SHOWN_CHARACTERS} more characters)"

"""The gallery of one data set: every question with every completion, against the base model's thinking."""

from collections.abc import Mapping, Sequence

from extracot.evaluation.config import BASE_ARM
from extracot.evaluation.metrics import RowKey
from extracot.evaluation.report.examples.gallery import Gallery, GalleryItem, GalleryRow, Shown, in_turn
from extracot.evaluation.report.results import Results
from extracot.evaluation.table import describe_mode
from extracot.records.outcome import Outcome
from extracot.records.score import Score
from extracot.text.edits import Edit, cut_for_edits, edit_units
from extracot.text.think import split_response
from extracot.text.units import segment

_MAX_SHOWN_CHARACTERS = 20_000
"""Longer texts are cut, so that one run-away cannot fill the page."""

_OUTCOME_WORDS = {
    Outcome.CORRECT: "correct",
    Outcome.WRONG: "wrong",
    Outcome.NO_ANSWER: "no answer",
    Outcome.TRUNCATED: "truncated",
    Outcome.UNGRADED: "ungraded",
}


def gather_completions(results: Results, samples: Sequence[str]) -> Gallery:
    """Every question of a data set, levels in turn, with all its completions in the order of the table.

    Args:
        results: of the data set.
        samples: names of its samples, by their number.
    """
    by_problem: dict[str, list[tuple[int, Score]]] = {}
    for number, row in enumerate(results.rows):
        for score in row.scores:
            by_problem.setdefault(score.problem_id, []).append((number, score))
    order = in_turn({name: found[0][1].level for name, found in by_problem.items()})
    rows = [
        GalleryRow(arm=row.key.arm, asked=describe_mode(row.key), style=results.styles[row.key.arm])
        for row in results.rows
    ]
    note = (
        "Struck through: units of the base model's thinking that this one does not have (a longest common "
        "subsequence of units). Underlined: what it says instead."
        if results.base is not None
        else "There is no base model here to compare the thinking with."
    )
    items = (_item(by_problem[name]) for name in order)
    choice = "chosen by a hash, difficulties in turn, as far as examples and examples_mb allow"
    return Gallery("Questions", note, rows, list(samples), items, len(order), choice)


def _item(found: Sequence[tuple[int, Score]]) -> GalleryItem:
    """One question; its completions are compared with the first of the base model."""
    scores = [score for _, score in found]
    base = next((score for score in scores if score.arm == BASE_ARM), None)
    base_units = [] if base is None else _units(_thinking(base))
    others = dict.fromkeys(_thinking(score) for score in scores if score.arm != BASE_ARM)
    edits = [edit_units(base_units, _units(text)) for text in others] if base_units else []
    edited = cut_for_edits(base_units, edits)
    edits_of = dict(zip(others, edited.edits, strict=False))
    base_is_right = _right_by_sample(scores)
    return GalleryItem(
        question=_cut(scores[0].question),
        answer=scores[0].answer,
        level=scores[0].level,
        pieces=edited.pieces,
        shown=[_shown(number, score, edits_of, base_is_right) for number, score in found],
    )


def _shown(
    number: int,
    score: Score,
    edits_of: Mapping[str, list[Edit]],
    base_is_right: Mapping[int, bool],
) -> Shown:
    asked = describe_mode(RowKey(score.arm, score.mode, score.target_ratio))
    if score.mode == "policy":
        asked = f"policy → {'no ratio' if score.chosen_ratio is None else f'{score.chosen_ratio:.2f}'}"
    text = _thinking(score)
    return Shown(
        row=number,
        sample=score.sample,
        asked=asked,
        outcome=_OUTCOME_WORDS[score.outcome],
        versus=_versus(score, base_is_right),
        facts=_facts(score),
        text=text,
        visible=_cut(split_response(score.completion).visible.strip()),
        edits=None if score.arm == BASE_ARM else edits_of.get(text),
    )


def _facts(score: Score) -> str:
    facts = f"{score.n_think_tokens} think tokens"
    if score.n_reference_think_tokens is not None:
        facts += f" · ratio {score.n_think_tokens / score.n_reference_think_tokens:.2f}"
    return facts if score.is_closed else f"{facts} · never closed"


def _right_by_sample(scores: Sequence[Score]) -> dict[int, bool]:
    """Whether the base model's completion of each sample is right."""
    return {score.sample: score.outcome is Outcome.CORRECT for score in scores if score.arm == BASE_ARM}


def _versus(score: Score, base_is_right: Mapping[int, bool]) -> str:
    base = base_is_right.get(score.sample)
    is_right = score.outcome is Outcome.CORRECT
    if base is None or base is is_right or score.arm == BASE_ARM:
        return ""
    return "won" if is_right else "lost"


def _thinking(score: Score) -> str:
    return _cut(split_response(score.completion).cot)


def _units(text: str) -> list[str]:
    return [unit.of(text) for unit in segment(text)]


def _cut(text: str) -> str:
    if len(text) <= _MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:_MAX_SHOWN_CHARACTERS]}… ({len(text) - _MAX_SHOWN_CHARACTERS} more characters)"

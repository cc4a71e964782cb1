"""The table of tricky pairs, `answer_pairs.yaml`: every verdict, from both sides."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from extracot.grading import Grader, compare_answers
from extracot.records.outcome import Outcome

TABLE = yaml.safe_load((Path(__file__).parent / "answer_pairs.yaml").read_text(encoding="utf-8"))
OUTCOMES = {"same": Outcome.CORRECT, "different": Outcome.WRONG, "no answer": Outcome.NO_ANSWER}
ONE_SIDED = ("completions", "empty and malformed")
"""Kinds whose golds cannot change places with what is given."""
DISAGREEMENTS = "known disagreements"


class Pair(NamedTuple):
    """A row of the table."""

    kind: str
    gold: str
    given: str
    verdict: str
    note: str


PAIRS = [Pair(kind, *map(str, row[:3]), note=", ".join(row[3:])) for kind, rows in TABLE.items() for row in rows]
SETTLED = [pair for pair in PAIRS if pair.kind != DISAGREEMENTS]


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(timeout_s=60.0, n_workers=1) as grader:  # the machine may be busy
        yield grader


def outcome(grader: Grader, pair: Pair) -> Outcome:
    text = pair.given if pair.kind == "completions" else f"\\boxed{{{pair.given}}}"
    return grader.grade(pair.gold, text).outcome


@pytest.mark.parametrize("pair", SETTLED, ids=lambda pair: f"{pair.kind}: {pair.gold} | {pair.given}")
def test_a_pair_gets_its_verdict(grader: Grader, pair: Pair) -> None:
    assert outcome(grader, pair) is OUTCOMES[pair.verdict]


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, marks=pytest.mark.xfail(strict=True, reason=pair.note))
        for pair in PAIRS
        if pair.kind == DISAGREEMENTS
    ],
    ids=lambda pair: f"{pair.gold} | {pair.given}",
)
def test_a_known_disagreement_is_still_one(grader: Grader, pair: Pair) -> None:
    assert outcome(grader, pair) is OUTCOMES[pair.verdict]


@pytest.mark.parametrize(
    "pair",
    [pair for pair in PAIRS if pair.kind not in ONE_SIDED],
    ids=lambda pair: f"{pair.kind}: {pair.gold} | {pair.given}",
)
def test_rules_do_not_care_which_answer_is_gold(pair: Pair) -> None:
    assert compare_answers(pair.gold, pair.given) is compare_answers(pair.given, pair.gold)


@pytest.mark.parametrize("pair", [pair for pair in SETTLED if pair.kind != "completions"], ids=lambda pair: pair.gold)
def test_every_answer_is_equal_to_itself(pair: Pair) -> None:
    assert compare_answers(pair.gold, pair.gold) is True


def test_the_rules_decide_nearly_all_of_it() -> None:
    verdicts = [compare_answers(pair.gold, pair.given) for pair in SETTLED if pair.kind != "completions"]
    assert verdicts.count(None) < 0.08 * len(verdicts)


def test_the_table_is_large_and_no_pair_stands_in_it_twice() -> None:
    rows = [(pair.kind == "completions", pair.gold, pair.given) for pair in PAIRS]
    assert len(rows) >= 400
    assert not {row for row in rows if rows.count(row) > 1}
    assert {pair.verdict for pair in PAIRS} == set(OUTCOMES)
    assert all(pair.note for pair in PAIRS if pair.kind == DISAGREEMENTS)

"""What a teacher's reply is taken to say, and what is refused."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extracot.annotate.reply import read_reply
from extracot.records.teacher_call import CallOutcome

SHOWN = range(0, 10)


@pytest.mark.parametrize(
    "text",
    [
        '{"keep": [[0,3],[7,7]]}',
        '{"keep": [[7,7],[2,3],[0,2]]}',
        "[[0, 3], [7, 7]]",
        '```json\n{"keep": [[0, 3], [7, 7]]}\n```',
        'Here you are:\n```\n{"keep": [[0, 3], [7]]}\n```\nI hope it helps with {x}.',
        'The set \\{x\\} is needed: {"keep": [[0, 3], [7, 7]]}',
        '<think>Perhaps {"keep": []}?</think>\n{"keep": [[0, 3], [7, 7]]}',
        '{"keep": ["0-3", 7]}',
        '{"keep": "0-3, 7"}',
        "0-3, 7",
        "[0-3, 7]",
        "[0-3], [7]",
        "keep: 0-3, 7.",
        "**Keep:** 0–3 and 7",
        "keep: [[0, 3], [7, 7]]",
        "These are the ranges.\nkeep = 0 to 3; 7",
        "```\n0-3\n7\n```",
    ],
)
def test_every_usual_way_to_write_ranges_is_read(text: str) -> None:
    reading = read_reply(text, SHOWN)
    assert (reading.outcome, reading.keep) == (CallOutcome.OK, ((0, 4), (7, 8)))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", CallOutcome.EMPTY),
        (" \n", CallOutcome.EMPTY),
        ("<think>So</think>", CallOutcome.EMPTY),
        ('{"keep": []}', CallOutcome.KEEPS_NOTHING),
        ('{"keep": null}', CallOutcome.KEEPS_NOTHING),
        ("[]", CallOutcome.KEEPS_NOTHING),
        ("none", CallOutcome.KEEPS_NOTHING),
        ("Keep nothing.", CallOutcome.KEEPS_NOTHING),
        ('{"keep": [[0,3],[7', CallOutcome.CUT_OFF),
        ('```json\n{"keep": [[0, 3],', CallOutcome.CUT_OFF),
        ('{"keep": [[0, 1]]}\n{"keep": [[2', CallOutcome.CUT_OFF),
        ("[[0,3],[7", CallOutcome.CUT_OFF),
        ("<think>So 0-3", CallOutcome.CUT_OFF),
        ("0-3, 7-", CallOutcome.UNREADABLE),
        ("I would keep 3 of them", CallOutcome.UNREADABLE),
        ("The answer is\n7", CallOutcome.UNREADABLE),
        ("{}", CallOutcome.UNREADABLE),
        ('{"ranges": [[0, 3]]}', CallOutcome.UNREADABLE),
        ('{"keep": true}', CallOutcome.UNREADABLE),
        ('{"keep": [[0, 3.5]]}', CallOutcome.UNREADABLE),
        ('{"keep": [[true, 2]]}', CallOutcome.UNREADABLE),
        ('{"keep": [[3, 0]]}', CallOutcome.UNREADABLE),
        ('{"keep": [[0, 1, 2]]}', CallOutcome.UNREADABLE),
        # A range, or two units? Nobody knows.
        ('{"keep": [0, 3]}', CallOutcome.UNREADABLE),
        ('{"keep": [[0, 1]]} no, {"keep": [[0, 2]]}', CallOutcome.UNREADABLE),
        ('{"keep": [[10, 12]]}', CallOutcome.OUT_OF_RANGE),
        ("123456789", CallOutcome.OUT_OF_RANGE),
    ],
)
def test_what_is_not_clear_keeps_nothing_and_says_why(text: str, outcome: CallOutcome) -> None:
    reading = read_reply(text, SHOWN)
    assert reading.outcome is outcome
    assert reading.keep == () and reading.error


def test_what_lies_outside_the_chunk_is_dropped_and_counted() -> None:
    reading = read_reply('{"keep": [[3, 5], [18, 1000000000], [20, 21]]}', range(10, 20))
    assert (reading.outcome, reading.keep, reading.n_outside) == (CallOutcome.OK, ((18, 20),), 3)


@settings(max_examples=30)
@given(st.text(max_size=60), st.integers(0, 3))
def test_no_text_breaks_the_reader_or_leads_outside(text: str, start: int) -> None:
    reading = read_reply(text, range(start, start + 3))
    assert all(start <= first < end <= start + 3 for first, end in reading.keep)
    assert bool(reading.keep) == (reading.outcome is CallOutcome.OK) == (reading.error is None)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=1, max_size=4))
def test_a_whole_reply_is_read_and_none_of_its_beginnings_is(pairs: list[tuple[int, int]]) -> None:
    ranges = [[first, first + more] for first, more in pairs]
    text = json.dumps({"keep": ranges})
    reading = read_reply(text, range(0, 40))
    kept = {i for start, end in reading.keep for i in range(start, end)}
    assert kept == {i for first, last in ranges for i in range(first, last + 1)}
    assert all(read_reply(text[:n], range(0, 40)).outcome is not CallOutcome.OK for n in range(len(text)))

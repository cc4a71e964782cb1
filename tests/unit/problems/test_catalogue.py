"""Rows of benchmarks as the Hub has them and as files have them: the same problem either way."""

import pytest

from extracot.errors import DataError
from extracot.problems.benchmark import BenchmarkRow
from extracot.problems.catalogue import BENCHMARKS, plain_number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("18", "18"),
        (" 1,234 ", "1234"),
        ("027", "27"),
        ("27.0", "27"),
        ("-3", "-3"),
        ("0.50", "0.50"),  # a decimal is taken at its word
        ("\\frac{14}{3}", "\\frac{14}{3}"),
        ("1,2", "1,2"),  # two answers, no thousands
        ("1,234,567.50", "1234567.50"),
    ],
)
def test_a_number_has_one_spelling(text: str, expected: str) -> None:
    assert plain_number(text) == expected


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("gsm8k", {"question": "q ", "answer": "3 * 400 = <<3*400=1200>>1200\n#### 1,200"}, BenchmarkRow("q", "1200")),
        ("gsm8k", {"question": "q", "answer": "1200", "id": "gsm8k-1"}, BenchmarkRow("q", "1200")),
        (
            "math500",
            {"problem": "q", "answer": "\\frac{14}{3}", "level": 3, "subject": "Algebra", "unique_id": "test/1"},
            BenchmarkRow("q", "\\frac{14}{3}", 3, "Algebra"),
        ),
        ("math500", {"question": "q", "answer": "9", "level": "Level 5"}, BenchmarkRow("q", "9", 5)),
        ("amc23", {"question": "q", "answer": 27.0, "url": "https://"}, BenchmarkRow("q", "27")),
        ("aime24", {"problem": "q", "solution": "So \\boxed{025}."}, BenchmarkRow("q", "25")),
        ("aime24", {"question": "q", "answer": "25"}, BenchmarkRow("q", "25")),
        ("aime25", {"problem": "q", "answer": "336^\\circ"}, BenchmarkRow("q", "336")),
        (
            "mmlu-stem",
            {"question": "q", "subject": "anatomy", "choices": ["x", "y ", "z"], "answer": 1},
            BenchmarkRow("q\nA. x\nB. y\nC. z\nAnswer with the letter of the right option.", "B", None, "anatomy"),
        ),
        ("mmlu-stem", {"question": "q", "subject": "philosophy", "choices": ["x", "y"], "answer": 1}, None),
    ],
)
def test_a_row_becomes_a_question_with_a_gold_answer(
    name: str, row: dict[str, object], expected: BenchmarkRow | None
) -> None:
    assert BENCHMARKS[name].read_row(row, "here:1") == expected


@pytest.mark.parametrize(
    ("name", "row", "says"),
    [
        ("gsm8k", {"query": "q", "answer": "1"}, "here:1: needs a text under 'question'; found the keys: answer,"),
        ("aime24", {"problem": "q", "solution": "So 25."}, r"here:1: has no `answer`, and no .boxed"),
        ("mmlu-stem", {"question": "q", "choices": ["x"], "answer": 0}, "here:1: `choices` must be"),
        ("mmlu-stem", {"question": "q", "choices": ["x", "y"], "answer": 2}, "here:1: answer 2 is none of its 2"),
        ("mmlu-stem", {"question": "q", "choices": ["x", "y"], "answer": ""}, "here:1: answer '' is none of its 2"),
    ],
)
def test_a_row_that_cannot_be_asked_says_where_it_stands_and_what_it_lacks(
    name: str, row: dict[str, object], says: str
) -> None:
    with pytest.raises(DataError, match=says):
        BENCHMARKS[name].read_row(row, "here:1")


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=lambda benchmark: benchmark.name)
def test_a_benchmark_says_whose_it_is_and_is_pinned_to_a_commit(benchmark: object) -> None:
    assert benchmark.licence and benchmark.n_rows > 0 and benchmark.about  # type: ignore[attr-defined]
    assert len(benchmark.revision) == 40 and int(benchmark.revision, 16)  # type: ignore[attr-defined]

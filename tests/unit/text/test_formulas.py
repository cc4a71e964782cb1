"""Which spans are formulas, quantities and code: one spelling per case, most of them from real traces."""


import pytest

from extracot.text.formulas import SpanKind, atomic_spans, formula_spans


def spans_of(text: str, kind: SpanKind) -> list[str]:
    return [text[span.start : span.end] for span in atomic_spans(text) if span.kind is kind]


def formulas(text: str) -> list[str]:
    return [text[start:end] for start, end in formula_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so $ Ola = 4 + 5 = 9 $. Next", ["$ Ola = 4 + 5 = 9 $"]),
        (r"\[ a \] text \[ b \]", [r"\[ a \]", r"\[ b \]"]),
        (r"\( x \) and \(y = 3 \times 4\) = 12", [r"\( x \)", r"\(y = 3 \times 4\) = 12"]),
        ("$$\nx = 1\n\ny = 2\n$$ done", ["$$\nx = 1\n\ny = 2\n$$"]),
        (r"so \begin{align*} x &= 5 \\[2pt] y &= 6 \end{align*} then", [
            r"\begin{align*} x &= 5 \\[2pt] y &= 6 \end{align*}"
        ]),
        (r"is \boxed{\frac{1}{2}} indeed", [r"\boxed{\frac{1}{2}}"]),
        ("```math\nx = 1\n```\n", ["```math\nx = 1\n```"]),
        ("所以$x=3$为正数", ["$x=3$"]),
    ],
)  # fmt: skip
def test_delimited_formulas_are_found_whole(text: str, expected: list[str]) -> None:
    assert formulas(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("then 4 * 5 * 6 = 120, so", ["4 * 5 * 6 = 120"]),
        ("per day: 500 *24 = 12,000 minutes", ["500 *24 = 12,000 minutes"]),
        ("So 20,000 *1.2089≈24,178", ["20,000 *1.2089≈24,178"]),
        ("takes (4 + 5) *8 = 72", ["(4 + 5) *8 = 72"]),
        ("of 15 *8* are the best", []),
        ("x = -6 ± √109", ["x = -6 ± √109"]),
        ("3/4 of 20 is easy", ["3/4 of 20"]),
        ("360 divided by 6 is 60. That is", ["360 divided by 6 is 60"]),
        ("82 total teachers minus 13 sick teachers equals 69 there", [
            "82 total teachers minus 13 sick teachers equals 69"
        ]),
        ("Time = 360 pieces / 6 pieces per minute. Then", ["Time = 360 pieces / 6 pieces per minute"]),
        ("5 apples + 3 apples = 8 apples are", ["5 apples + 3 apples = 8 apples"]),
        ("So the total cost of apples = 5*3 = 15 dollars", ["total cost of apples = 5*3 = 15 dollars"]),
        ("Profit = Revenue - Cost.", ["Profit = Revenue - Cost"]),
        ("f(x) = 3x² − 2 and |x - 3| = 5", ["f(x) = 3x² − 2", "|x - 3| = 5"]),
        ("the pair (2, 3) and x ∈ [0, 1)", ["(2, 3)", "x ∈ [0, 1)"]),
        ("x² - (10 + A)x + 10*A = 0", ["x² - (10 + A)x + 10*A = 0"]),
        ("2^{10}=1024 and 8!/(2!6!)", ["2^{10}=1024", "8!/(2!6!)"]),
        (r"so 2 \pi r and \frac{1}{2} + 3", [r"2 \pi r", r"\frac{1}{2} + 3"]),
        ("t = 360 /6 = 60 minutes = 1 hour", ["t = 360 /6 = 60 minutes = 1 hour"]),
        ("**x = 5** and **Step 1: 5 + 3 = 8**", ["x = 5", "5 + 3 = 8"]),
        ("1. 5 + 3 = 8\n2. y = 1", ["5 + 3 = 8", "y = 1"]),
        ("5 → x = 8 ⇒ y = 9", ["x = 8", "y = 9"]),
    ],
)  # fmt: skip
def test_plain_maths_is_found_whole(text: str, expected: list[str]) -> None:
    assert formulas(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 for 3 pens and $7 for two.",
        "He paid $ 5 and $ 7 for it",
        "from $5 to $7, US$5 or 5$ and 7$ each",
        "$20 off, then $5",
        r"\$5 and \$7",
        "Let x be the number. For i in a list - which I like - choose A. Well-known, e.g. a 360-piece one",
        "unbalanced \\( here and \\[ there and $ this",
        "- 5 apples\n* 3 pears\n1. two",
    ],
)
def test_prose_and_prices_are_no_formulas(text: str) -> None:
    assert formulas(text) == []


def test_prices_combine_to_one_formula_and_never_pair() -> None:
    text = "It was $80,000 + $50,000 = $130,000, not $5."
    assert formulas(text) == ["$80,000 + $50,000 = $130,000"]
    assert spans_of(text, SpanKind.NUMBER) == ["$5"]


def test_quantities_keep_currency_units_percent_and_fraction() -> None:
    text = "5 km in 3 hours at 12 km/h, 150% of it, $1,234.50, 2/3 and 1 1/2 cups, ratio 2:3"
    assert spans_of(text, SpanKind.NUMBER) == [
        "5 km", "3 hours", "12 km/h", "150%", "$1,234.50", "2/3", "1 1/2 cups", "2:3",
    ]  # fmt: skip


def test_code_is_neither_formula_nor_prose() -> None:
    text = "run `a = 5` or\n```py\nx = 1\n```\nthen"
    assert spans_of(text, SpanKind.CODE) == ["`a = 5`", "```py\nx = 1\n```"]
    assert formulas(text) == []


def test_offsets_index_the_text_as_given() -> None:
    # NFKC would turn "…" into three characters and shift every later span by two.
    text = "… ½ ﬁ then 4 * 5 = 20"
    assert formulas(text) == ["4 * 5 = 20"]


def test_an_opener_is_shadowed_by_a_second_one() -> None:
    assert formulas(r"\( lost and \( x \) found") == [r"\( x \)"]


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "(1+",
        "$",
        "$1 ",
        "\\boxed{",
        "\\( ",
        "`a",
        "\\begin{align}",
        "|1",
        "f(",
        "√",
        "1 aa bb cc ",
        "2(x+",
    ],
)
def test_long_hostile_text_is_read_to_its_end(pattern: str) -> None:
    # Work that grew with the square of the length would not end within a test run.
    text = pattern * (40_000 // len(pattern))
    ends = [end for span in atomic_spans(text) for end in (span.start, span.end)]
    assert ends == sorted(ends)
    assert all(0 <= end <= len(text) for end in ends)

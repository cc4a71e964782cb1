from fractions import Fraction

import pytest

from extracot.text.equations import equation_sides, numbers_in, parse_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,200", 1200), ("-3/4", Fraction(-3, 4)), ("$5", 5), ("0.5", Fraction(1, 2)), ("12%", 12),
        ("80k", 80_000),
        (r"\frac{1}{2}", Fraction(1, 2)), (r"\dfrac{3}{4}", Fraction(3, 4)), ("9 shells", 9),
        (r"\$18.00", 18),
        ("3 1/2", Fraction(7, 2)), ("x", None), ("", None), ("3 + 4", None), ("360/6", None), ("1/0", None),
    ],
)  # fmt: skip
def test_a_value_is_one_number_whatever_its_spelling(text: str, expected: Fraction | int | None) -> None:
    assert parse_value(text) == expected


def test_numbers_in_prose() -> None:
    text = "has 5,000 and 4-5 or -3, $7.50, not x1"
    assert numbers_in(text) == [5000, 4, 5, -3, Fraction(15, 2)]


def test_a_fraction_in_prose_is_a_number_and_so_are_its_parts() -> None:
    # 16/36 is not in lowest terms: a computation, as for `parse_value`.
    assert numbers_in("16/36 makes 4/9.") == [16, 36, Fraction(4, 9), 4, 9]


@pytest.mark.parametrize(
    ("text", "defines", "operands", "values"),
    [
        ("$ Ola = 4 + 5 = 9 $.", ("Ola",), (4, 5), (9,)),
        ("$ Gus = 4 $", ("Gus",), (), (4,)),
        ("Time = 360 pieces / 6 pieces per minute", ("Time",), (360, 6), ()),
        ("360 divided by 6 is 60", (), (360, 6), (60,)),
        ("82 total teachers minus 13 sick teachers equals 69", (), (82, 13), (69,)),
        (r"\[ x = \frac{10}{4} = \frac{5}{2} \]", ("x",), (10, 4), (Fraction(5, 2),)),
        (r"\begin{align*} x &= 5 + 3 \\ &= 8 \end{align*}", ("x",), (5, 3), (8,)),
        (r"\[\text{Total teachers} = 82\]", ("Total teachers",), (), (82,)),
        ("$80k + $120k = $200k", (), (80_000, 120_000), (200_000,)),
        ("2^{10}=1024", (), (2,), (1024,)),
        ("t = 360 /6 = 60 minutes = 1 hour", ("t",), (360, 6), (60, 1)),
        ("3x + 2 = 11", (), (3, 2), (11,)),
    ],
)
def test_what_a_formula_reads_and_states(
    text: str, defines: tuple[str, ...], operands: tuple[int, ...], values: tuple[int, ...]
) -> None:
    equation = equation_sides(text)
    assert equation is not None
    assert (equation.defines, equation.operands, equation.values) == (defines, operands, values)


def test_names_inside_compound_sides_are_read() -> None:
    equation = equation_sides("Profit = Revenue - Cost")
    assert equation is not None
    assert equation.reads == {"Revenue", "Cost"}


def test_a_check_asserts_part_of_what_the_equation_asserted() -> None:
    equation, check = equation_sides("$ Ola = 4 + 5 = 9 $."), equation_sides("$ 9 = 4 + 5 $")
    assert equation is not None and check is not None
    assert check.facts < equation.facts


@pytest.mark.parametrize("text", ["$x$", r"\boxed{65}", "$5$"])
def test_a_single_name_or_number_asserts_nothing(text: str) -> None:
    equation = equation_sides(text)
    assert equation is not None
    assert equation.is_bare


def test_nothing_is_read_from_nothing() -> None:
    assert equation_sides("$ $") is None

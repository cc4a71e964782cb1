"""Work formulas out, exactly where they are rational and to 60 digits elsewhere, and tell whether two are equal.

Formulas with variables are compared at random rational points: two that agree at all of them to 25 digits are equal
(polynomials of the degrees that answers have cannot agree there by chance), two that differ at one are not. The points
are the same in every process. A point at which either leaves the real numbers is passed over, unless the formula is
about complex numbers.

Everything is bounded: numbers that get too large, or lose their digits, are an exception, never a long wait.
"""

import math
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from extracot.grading.expressions import Expression, Literal, Name, Operation, Unreadable, read_expression

N_DIGITS = 60
"""Digits that irrational numbers are worked out to."""
N_AGREEING_DIGITS = 25
"""Numbers that agree in so many are equal."""
MAX_EXACT_BITS = 8_000
"""Longer rational numbers are rounded."""
MAX_BITS = 10_000_000
"""Numbers above 2 to this power are too large; no answer comes near."""
MAX_FACTORIAL = 1_000_000
MAX_ANGLE = 10**15
"""Larger angles would lose the digits that decide."""
N_POINTS = 6
N_TRIES = 20

Value = Any
"""A Fraction, or a real or complex number of mpmath (which has no types)."""


class Undefined(ArithmeticError):
    """The formula has no value: a division by zero, a logarithm of 0, digits that cancelled."""


class LostDigits(Undefined):
    """The digits that decide cancelled, so whether there is a value is not known."""


class TooLarge(ArithmeticError):
    """A number on the way is too large to work out."""


class _NoValue(Exception):
    """A prediction without a value meets a gold answer with one."""


_local = threading.local()


def _reals() -> Any:
    """mpmath at our precision, one for each thread: its settings are not safe to share."""
    if not hasattr(_local, "context"):
        from mpmath.ctx_mp import MPContext

        _local.context = MPContext()
        _local.context.dps = N_DIGITS
    return _local.context


def equal_formulas(gold: str, predicted: str) -> bool | None:
    """Whether two formulas have the same value, whatever their variables are.

    `\\log` without a base may be decimal or natural, and `1/2x` may be (1/2)x or 1/(2x): it is enough that the formulas
    are equal under one reading.

    Returns:
        None where one cannot be read or worked out. A prediction that needs numbers too large to work out, against a
        gold answer that does not, is not equal.
    """
    verdicts = []
    for gold_tree in _readings(gold):
        for predicted_tree in _readings(predicted):
            for log_base in (10, None) if "log" in gold + predicted else (10,):
                verdict = _equal_trees(gold_tree, predicted_tree, log_base)
                if verdict:
                    return True
                verdicts.append(verdict)
    return False if verdicts and None not in verdicts else None


def constant_value(text: str) -> Value | None:
    """The value of a formula without variables; None where it has variables or cannot be read or worked out."""
    try:
        tree = read_expression(text)
        return None if variables(tree) else evaluate(tree, {})
    except (Unreadable, Undefined, TooLarge):
        return None


def constant_ratio(gold: Expression, predicted: Expression) -> Value | None:
    """The constant that one formula is the other times; 0 where there is none, None where that cannot be told."""
    ratio: Value | None = None
    try:
        for gold_value, predicted_value in _values_at_points(gold, predicted, 10):
            if _is_zero(gold_value) or _is_zero(predicted_value):
                return None if _is_zero(gold_value) == _is_zero(predicted_value) else Fraction(0)
            quotient = divide(predicted_value, gold_value)
            if ratio is not None and not equal_values(ratio, quotient):
                return Fraction(0)
            ratio = quotient
    except (TooLarge, _NoValue):
        return Fraction(0)
    return ratio


def variables(tree: Expression) -> frozenset[str]:
    """The names of the variables in a formula."""
    if isinstance(tree, Name):
        return frozenset((tree.name,))
    if isinstance(tree, Literal):
        return frozenset()
    return frozenset().union(*map(variables, tree.arguments))


def equal_values(a: Value, b: Value) -> bool:
    """Exact for two rational numbers, else to `N_AGREEING_DIGITS`."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    reals = _reals()
    a, b = inexact(a), inexact(b)
    if reals.isinf(a) or reals.isinf(b):
        return bool(a == b)
    scale = max(abs(a), abs(b))
    return bool(abs(a - b) <= scale * reals.mpf(10) ** -N_AGREEING_DIGITS or scale < reals.mpf(10) ** -35)


def is_real(value: Value) -> bool:
    """Whether a value has no imaginary part, up to rounding."""
    if isinstance(value, Fraction):
        return True
    reals = _reals()
    return not isinstance(value, reals.mpc) or abs(value.imag) <= abs(value.real) * reals.mpf(10) ** -35


def _readings(text: str) -> list[Expression]:
    """Both readings of a slash before a product; none for what cannot be read."""
    try:
        first = read_expression(text)
    except Unreadable:
        return []
    if "/" not in text:
        return [first]
    second = read_expression(text, is_product_first=True)
    return [first] if first == second else [first, second]


def _equal_trees(gold: Expression, predicted: Expression, log_base: int | None) -> bool | None:
    n_agreeing = 0
    try:
        for gold_value, predicted_value in _values_at_points(gold, predicted, log_base):
            if not equal_values(gold_value, predicted_value):
                return False
            n_agreeing += 1
    except (TooLarge, _NoValue):
        return False
    n_needed = N_POINTS if variables(gold) | variables(predicted) else 1
    return True if n_agreeing == n_needed else None


def _values_at_points(gold: Expression, predicted: Expression, log_base: int | None) -> Iterator[tuple[Value, Value]]:
    """The values of both at up to `N_POINTS` points where both have one; constants have one point.

    Raises:
        TooLarge: the prediction is, and the gold answer is not.
        _NoValue: the prediction is a constant that does not exist, as 1/0, and the gold answer has a value.
    """
    names = variables(gold) | variables(predicted)
    is_complex = not names or _mentions_i(gold) or _mentions_i(predicted)
    n_found = 0
    for point in _points(sorted(names)) if names else [{}]:
        try:
            gold_value = evaluate(gold, point, log_base)
        except (Undefined, TooLarge):
            continue
        try:
            predicted_value = evaluate(predicted, point, log_base)
        except Undefined as error:
            if not names and not isinstance(error, LostDigits):
                raise _NoValue from error
            continue
        if is_complex or (is_real(gold_value) and is_real(predicted_value)):
            yield gold_value, predicted_value
            n_found += 1
            if n_found == N_POINTS:
                return


def _points(names: list[str]) -> Iterator[dict[str, Fraction]]:
    """Points for the variables, between -2 and 4; the same in every process."""
    generator = random.Random(20_260)
    for _ in range(N_TRIES):
        yield {name: Fraction(generator.randint(-700, 1300), 331) for name in names}


def _mentions_i(tree: Expression) -> bool:
    if isinstance(tree, Operation):
        return tree.kind == "i" or any(map(_mentions_i, tree.arguments))
    return False


def evaluate(tree: Expression, point: Mapping[str, Fraction], log_base: int | None = 10) -> Value:
    """The value of a formula at a point.

    Args:
        tree: the formula.
        point: value of every variable.
        log_base: of `\\log` without a base; None for the natural one.

    Raises:
        Undefined, TooLarge: see there.
    """
    if isinstance(tree, Literal):
        return tree.value
    if isinstance(tree, Name):
        return point[tree.name]
    arguments = [evaluate(argument, point, log_base) for argument in tree.arguments]
    try:
        if tree.kind == "log":
            return _function("ln", arguments[0]) if log_base is None else _logarithm(arguments[0], log_base)
        rule = _RULES.get(tree.kind)
        return _bounded(rule(*arguments) if rule else _function(tree.kind, *arguments))
    except (ZeroDivisionError, ValueError) as error:
        raise Undefined(tree.kind) from error
    except OverflowError as error:
        raise TooLarge(tree.kind) from error


def _bounded(value: Value) -> Value:
    """Refuse what is too large; round rational numbers that are too long."""
    if isinstance(value, Fraction):
        n_bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        return value if n_bits <= MAX_EXACT_BITS else _bounded(inexact(value))
    reals = _reals()
    if reals.isnan(value):
        raise Undefined("not a number")
    if not reals.isinf(value) and value != 0 and abs(reals.mag(value)) > MAX_BITS:
        raise TooLarge("beyond any answer")
    return value


def inexact(value: Value) -> Value:
    """A number as one of mpmath's."""
    reals = _reals()
    if isinstance(value, Fraction):
        return reals.mpf(value.numerator) / value.denominator
    return value


def _is_zero(value: Value) -> bool:
    return equal_values(value, Fraction(0))


def _add(*terms: Value) -> Value:
    if all(isinstance(term, Fraction) for term in terms):
        return sum(terms, Fraction(0))
    numbers = [inexact(term) for term in terms]
    total = _reals().fsum(numbers)
    largest = max(map(abs, numbers))
    if largest > 10**20 and abs(total) < largest * _reals().mpf(10) ** -N_AGREEING_DIGITS:
        raise LostDigits("a sum")
    return total


def multiply(a: Value, b: Value) -> Value:
    """Exact for two rational numbers."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a * b
    return inexact(a) * inexact(b)


def divide(a: Value, b: Value) -> Value:
    """Raises: ZeroDivisionError: by zero, or by what is zero up to rounding."""
    if _is_zero(b):
        raise ZeroDivisionError
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a / b
    return inexact(a) / inexact(b)


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            return _integer_power(base, exponent.numerator)
        if exponent.denominator % 2 and is_real(base) and inexact(base).real < 0:
            # (-8)^{1/3} is -2, as in school, and not the principal complex value
            size = _power(-base, exponent)
            return -size if exponent.numerator % 2 else size
    if base == 0:
        return _power_of_zero(exponent)
    reals = _reals()
    base, exponent = inexact(base), inexact(exponent)
    if reals.mag(exponent) > 24:
        raise TooLarge("exponent")
    return reals.power(base, exponent)


def _integer_power(base: Value, exponent: int) -> Value:
    if base == 0:
        return _power_of_zero(exponent)
    if exponent.bit_length() > 34:
        if base in (1, -1) and isinstance(base, Fraction):
            return base if exponent % 2 else Fraction(1)
        raise TooLarge("exponent")
    if isinstance(base, Fraction):
        n_bits = max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent)
        if n_bits <= MAX_EXACT_BITS:
            return base**exponent
    base = inexact(base)
    if abs(_reals().mag(base)) * abs(exponent) > 2 * MAX_BITS:
        raise TooLarge("power")
    return base**exponent


def _power_of_zero(exponent: Value) -> Fraction:
    if not is_real(exponent) or inexact(exponent).real <= 0:
        raise Undefined("zero to a power that is not positive")
    return Fraction(0)


def _root(radicand: Value, index: Value) -> Value:
    if not isinstance(index, Fraction) or index.denominator != 1 or not 2 <= index <= 1000:
        raise Undefined("the index of a root")
    if isinstance(radicand, Fraction) and index == 2 and radicand >= 0:
        top, bottom = math.isqrt(radicand.numerator), math.isqrt(radicand.denominator)
        if Fraction(top, bottom) ** 2 == radicand:
            return Fraction(top, bottom)
    return _power(radicand, 1 / index)


def _factorial(n: Value) -> Value:
    """Of any real number, by the gamma function, so that `(n+1)!/n!` can be compared with `n+1`."""
    if not is_real(n):
        raise Undefined("factorial")
    if abs(n) > MAX_FACTORIAL:
        raise TooLarge("factorial")
    if isinstance(n, Fraction) and n.denominator == 1 and 0 <= n <= 1000:
        return Fraction(math.factorial(n.numerator))
    return _reals().gamma(inexact(n).real + 1)


def _binomial(n: Value, k: Value) -> Value:
    if isinstance(k, Fraction) and k.denominator == 1 and 0 <= k <= 50:
        return math.prod((divide(_add(n, Fraction(-j)), Fraction(j + 1)) for j in range(int(k))), start=Fraction(1))
    if not all(isinstance(value, Fraction) and value.denominator == 1 and value >= 0 for value in (n, k)):
        return divide(_factorial(n), multiply(_factorial(k), _factorial(_add(n, -k))))
    if n.numerator.bit_length() > 64 or min(k, n - k) > 1000:
        raise TooLarge("binomial coefficient")
    return Fraction(math.comb(n.numerator, k.numerator))


def _logarithm(argument: Value, base: int) -> Value:
    return _function("ln", argument) / _reals().ln(base)


def _absolute(value: Value) -> Value:
    return abs(value)


def _rounded(step: Callable[[Any], int]) -> Callable[[Value], Fraction]:
    def round_value(value: Value) -> Fraction:
        if not is_real(value):
            raise Undefined("rounding a complex number")
        if isinstance(value, Fraction):
            return Fraction(step(value))
        nearest = int(_reals().nint(value.real))
        if equal_values(value, Fraction(nearest)):  # a whole number, up to the digits that are known
            return Fraction(nearest)
        if abs(value.real) > 10**30:
            raise LostDigits("rounding")
        return Fraction(int(_reals().floor(value.real)) + (step is math.ceil))

    return round_value


_RULES: dict[str, Callable[..., Value]] = {
    "add": _add,
    "negate": lambda value: -value,
    "multiply": multiply,
    "divide": divide,
    "power": _power,
    "root": _root,
    "factorial": _factorial,
    "binomial": _binomial,
    "abs": _absolute,
    "floor": _rounded(math.floor),
    "ceil": _rounded(math.ceil),
    "degrees": lambda value: inexact(value) * _reals().pi / 180,
    "pi": lambda: +_reals().pi,
    "e": lambda: +_reals().e,
    "i": lambda: _reals().mpc(0, 1),
    "infinity": lambda: _reals().inf,
}
_OF_ANGLES = {"sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc"}
_INVERSE = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}


def _function(kind: str, argument: Value) -> Value:
    """A function of mpmath; those of its functions are used that do not change its precision meanwhile."""
    reals = _reals()
    value = inexact(argument)
    if kind in _INVERSE:
        return getattr(reals, _INVERSE[kind])(value)
    if kind == "ln":
        if _is_zero(value):
            raise Undefined("logarithm of 0")
        return reals.ln(value)
    if abs(value) > (MAX_ANGLE if kind in _OF_ANGLES else MAX_BITS):
        raise TooLarge(kind)
    if kind in ("cot", "sec", "csc", "tan"):
        sine, cosine = reals.sin(value), reals.cos(value)
        top, bottom = {"tan": (sine, cosine), "cot": (cosine, sine), "sec": (1, cosine), "csc": (1, sine)}[kind]
        return divide(reals.mpf(top), bottom) if top == 1 else divide(top, bottom)
    return getattr(reals, kind)(value)

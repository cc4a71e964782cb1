"""Comparing a model's answer with the gold answer: the one grader that RL rewards and evaluation share.

    from extracot import grade

    grade("So it is \\boxed{\\frac{2}{4}}.", "1/2").outcome  # Outcome.CORRECT

`grade` and `Grader` take whole completions and look for the last box after the think block. `compare_answers` compares
two bare answers by rules alone, without processes, and says None where the rules cannot tell.

Two answers are equal when they are the same mathematical object. Where that is a matter of convention, these hold, in
both directions:

Numbers
    - What is not worked out or not in lowest terms has its value: `2/4`, `\\sqrt{8}`, `2^3`, `5!`.
    - `3\\frac{1}{2}` is a mixed number. `1/2x` may be (1/2)x or 1/(2x), `\\log` decimal or natural: either will do.
    - A comma groups digits in threes and is never a decimal point: `1,234` is a number, `12, 345` a list, `(1,234)`
      either, and `0,5` is not one half.
    - A decimal is taken at its word: `0.333` is not 1/3. With six significant digits or more it stands for the number
      that it rounds, or that it was cut from; differences below one part in 10^9 are noise.
    - A number written with its base equals its value, and its digits without the base.
    - `(-8)^{1/3}` is the real root.

Units and the like, which answers leave out
    - A unit, currency sign, degree sign, modulus, base, or `p.m.` that only one answer has is not compared.
    - A percent sign that only one has may be compared or not: 50% equals both 0.5 and 50.
    - Units of one kind are converted (5 cm is 50 mm); of two kinds they make a difference (cm and cm^2). Units that are
      not in the table (shells) are not compared.
    - `90^\\circ` is also `\\pi/2`; a bare 90 is not.

Several parts
    - Order counts in tuples and vectors, and not in sets and bare lists. `\\pm 3` is the list 3, -3.
    - Brackets count: `(1,2)` is not `[1,2]`, `\\{1,2\\}` or `1,2`. But a bare list may be a set, a vector a tuple, and
      `[1,2,3]`, which is no interval, a tuple. A set holds an element once; a list may hold it twice.
    - An interval and the inequality that describes it are equal, whatever the name of the variable.

Equations
    - `x = 3` is the value 3, and so is `x = 1 + 2 = 3`; `x + 1 = 4` and `2x = 6` are not solved. Names count where both
      have one: `x = 3` is not `y = 3`.
    - `x = 1, y = 2` is the point (1, 2), in the order of the names.
    - Two equations are equal when one is the other times a constant.

Words
    - Case does not count, spelling does: `E` is not east. The only synonyms are those of "no solution" (the empty set)
      and of "undefined" ("does not exist").
    - An option is its letter: `C`, `(c)`, `C) 12`. A bare small letter is a variable.
    - `e`, `i` and `\\pi` are the constants.

What is no answer
    - Text outside of a box, and a box inside of the think block. Boxes are not merged: the last one counts.
    - An answer of more than 2,000 characters is equal only to itself. One of more than 400 that rules cannot decide is
      wrong, unless the gold answer is half as long; so is one that needs numbers too large to work out, unless the gold
      answer needs them too.
"""

from extracot.grading.compare import compare_answers
from extracot.grading.grader import Grade, GradeMethod, Grader, grade

__all__ = ["Grade", "GradeMethod", "Grader", "compare_answers", "grade"]

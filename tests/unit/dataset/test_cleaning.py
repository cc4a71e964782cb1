"""Each cleaning rule finds its own kind of rubbish, and a chain of sums is none."""

import pytest

from extracot.dataset.cleaning import CleaningFilter, CleaningLimits, Surface, cleaning_faults, limits_at, risk
from extracot.text.surface import anchors

STRICT = CleaningLimits(
    up_to_ratio=1.0,
    min_tokens=10,
    max_repeated_bigrams=0.68,
    max_repeated_trigrams=0.48,
    max_token_share=0.28,
    max_token_run=11,
    max_bigram_run=7,
    max_trigram_run=4,
    min_variety=0.25,
    max_punctuation_share=0.55,
    max_character_run=20,
    min_anchors_kept=0.5,
)
SUMS = "First 5 + 3 = 8, then 8 + 4 = 12, so 12 - 7 = 5 are left and 5 * 9 = 45 is what she pays in the end."


def surface(text: str, whole: str = "") -> Surface:
    return Surface(text, len(text.split()), anchors(whole or text))


def test_a_chain_of_sums_passes_every_rule() -> None:
    assert not cleaning_faults(surface(SUMS), STRICT)
    assert risk(surface(SUMS)) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Only nine words stand here and that is few.", CleaningFilter.TOO_FEW_TOKENS),
        (SUMS + " we then add it up again" * 20, CleaningFilter.REPEATED_NGRAMS),
        (" ".join(f"so {word} and" for word in "abcdefghijklmnopqrstuvwxyz"), CleaningFilter.DOMINANT_TOKEN),
        (SUMS + " so" * 12, CleaningFilter.TOKEN_RUN),
        (SUMS + " or not" * 8, CleaningFilter.TOKEN_RUN),
        (SUMS + " add it up" * 5, CleaningFilter.TOKEN_RUN),
        ("we then add it up again once more " * 30, CleaningFilter.LOW_VARIETY),
        ("a. b, c; d: e! f? g. h, i; j: k! l?...", CleaningFilter.PUNCTUATION_HEAVY),
        (SUMS + " " + "-" * 21, CleaningFilter.CHARACTER_RUN),
    ],
)
def test_each_rule_finds_its_fault(text: str, expected: CleaningFilter) -> None:
    found = cleaning_faults(surface(text), STRICT)
    assert expected in found and found[expected]


def test_what_lies_on_a_limit_passes() -> None:
    assert CleaningFilter.TOKEN_RUN not in cleaning_faults(surface(SUMS + " so" * 11), STRICT)
    assert CleaningFilter.CHARACTER_RUN not in cleaning_faults(surface(SUMS + " " + "-" * 20), STRICT)


def test_algebra_line_by_line_is_no_repetition_though_its_signs_recur() -> None:
    lines = "\n\n".join(f"${n}x - {2 * n}y + {n} = {n} - {2 * n}y$" for n in range(2, 40))
    assert not cleaning_faults(surface(lines), STRICT)
    assert CleaningFilter.REPEATED_NGRAMS in cleaning_faults(surface("$3x - 6y = 3$ so $x = 1 + 2y$ now " * 20), STRICT)


def test_lost_numbers_are_counted_against_the_whole() -> None:
    whole = "x = 3, y = 4, z = 5"  # the anchors are = 3 4 5
    assert cleaning_faults(surface("z = 5 " * 5, whole), CleaningLimits(up_to_ratio=1, min_anchors_kept=0.5)) == {}
    found = cleaning_faults(surface("z is 5", whole), CleaningLimits(up_to_ratio=1, min_anchors_kept=0.5))
    assert found == {CleaningFilter.ANCHORS_LOST: "0.25 of the numbers and signs are left, fewer than 0.5"}


def test_rules_without_a_limit_are_not_asked() -> None:
    assert not cleaning_faults(surface("so so so so"), CleaningLimits(up_to_ratio=1.0))


def test_the_first_limits_that_reach_a_ratio_count() -> None:
    rows = (CleaningLimits(up_to_ratio=0.2), CleaningLimits(up_to_ratio=0.6))
    assert limits_at(0.2, rows) is rows[0] and limits_at(0.4, rows) is rows[1]
    assert limits_at(1.0, rows) is None and limits_at(0.2, ()) is None


def test_a_runaway_text_is_risky_and_more_so_the_longer_it_runs() -> None:
    some, more = (risk(surface(SUMS + " add it up" * n)) for n in (12, 40))  # blocks of three tokens
    assert 0 < some < more

from collections.abc import Iterator, Sequence

import pytest

from extracot.grading.grader import Grader
from extracot.records.outcome import Outcome
from extracot.text.repetition import RepetitionLimits
from extracot.training.chrpo.rewards import (
    CalibrationShape,
    HeadShape,
    IntegrityShape,
    ModeShape,
    Violation,
)
from extracot.training.chrpo.rivals import RivalCase, RivalReward
from extracot.training.chrpo.scoring import (
    HEAD,
    MAIN_PARTS,
    BatchRewards,
    ResponseScorer,
    batch_metrics,
    rival_case,
)
from extracot.training.response_ids import ResponseTokens

GRID = (0.2, 1.0)
WORDS = {
    0: "<end>",
    1: "<COMP_20>",
    2: "<COMP_100>",
    3: "<COMP_POLICY>",
    4: "<think>",
    5: "</think>",
    8: "\n",
    9: " \\boxed{9}",
    10: " \\boxed{7}",
    11: " so",
}
TOKENS = ResponseTokens({1: 0.2, 2: 1.0}, policy_id=3, think_start_id=4, think_end_id=5, stop_ids=frozenset({0}))


def decode(ids: Sequence[int]) -> str:
    return "".join(WORDS.get(token, f" w{token}") for token in ids)


@pytest.fixture
def scorer() -> Iterator[ResponseScorer]:
    with Grader() as grader:
        yield ResponseScorer(
            TOKENS,
            decode,
            grader,
            CalibrationShape(),
            ModeShape(),
            IntegrityShape(),
            HeadShape(),
            RepetitionLimits(),
        )


def score(scorer: ResponseScorer, ids: Sequence[int], teacher: float | None = 0.2, n_reference: float = 10.0):
    return scorer.score([ids], ["9"], [teacher], [n_reference])[0]


THINK_2 = (8, 4, 8, 100, 101, 8, 5, 8)  # two think tokens


@pytest.mark.parametrize(
    ("asked", "calibrated", "head"),
    [
        (0.2, 0.0, 1.0),  # 2 of 10 think tokens, behind the token that was asked for
        (1.0, -0.6, -1.0),  # 0.8 off, of which 0.1 are free: 0.7 - 0.2/2; and another token
    ],
)
def test_a_prompt_that_asks_for_a_ratio_pays_for_keeping_it_and_for_no_saving(
    scorer: ResponseScorer, asked: float, calibrated: float, head: float
) -> None:
    [scored] = scorer.score([(1, *THINK_2, 9, 0)], ["9"], [1.0], [10.0], [asked])
    assert scored.rewards["calibration"] == pytest.approx(calibrated)
    assert scored.rewards["head"] == head
    assert scored.rewards["mode"] == 0.0  # though its teacher budget is 1.0
    assert scored.rewards["accuracy"] == 1.0 and scored.asked_ratio == asked


def test_lengths_and_choices_are_told_of_the_prompts_that_leave_the_choice(scorer: ResponseScorer) -> None:
    responses = [(1, *THINK_2, 9, 0), (2, *THINK_2, 9, 0)]
    mixed = batch_metrics(scorer.score(responses, ["9"] * 2, [0.2] * 2, [10.0, 20.0], [None, 1.0]), GRID)
    assert mixed["actual_ratio/mean"] == 0.2 and mixed["head/share_0.20"] == 1.0
    assert mixed["knob/error"] == pytest.approx(0.9)  # 2 of 20 where 1.0 was asked
    free = batch_metrics(scorer.score(responses, ["9"] * 2, [0.2] * 2, [10.0, 20.0]), GRID)
    assert "knob/error" not in free and free["head/share_1.00"] == 0.5


def test_a_sound_response_earns_every_part(scorer: ResponseScorer) -> None:
    scored = score(scorer, (1, *THINK_2, 9, 0))
    assert scored.outcome is Outcome.CORRECT
    assert scored.actual_ratio == 0.2  # 2 of 10
    assert scored.violations == frozenset()
    assert scored.rewards == {"accuracy": 1.0, "calibration": 0.0, "mode": 0.2, "integrity": 0.0, "head": 1.0}


def test_the_answer_is_read_behind_the_block_only(scorer: ResponseScorer) -> None:
    assert score(scorer, (1, 4, 9, 5, 10, 0)).outcome is Outcome.WRONG
    unclosed = score(scorer, (1, 4, 9, 0))
    assert unclosed.outcome is Outcome.NO_ANSWER
    assert unclosed.violations == {Violation.UNCLOSED_THINK, Violation.NO_ANSWER}


def test_a_response_that_the_limit_cut_is_truncated_even_with_an_answer(scorer: ResponseScorer) -> None:
    scored = score(scorer, (1, *THINK_2, 9))
    assert scored.outcome is Outcome.TRUNCATED
    assert scored.violations == {Violation.NO_ANSWER}
    assert scored.rewards["accuracy"] == 0.0


@pytest.mark.parametrize(
    ("ids", "violation"),
    [
        ((11, *THINK_2, 9, 0), Violation.NO_CHOICE),
        ((1, 8, 9, 0), Violation.NO_THINK),
        ((1, *THINK_2, 2, 9, 0), Violation.STRAY_CONTROL),
        ((1, *THINK_2, 11, 0), Violation.NO_ANSWER),
        ((1, 4, *([100, 101] * 40), 5, 9, 0), Violation.DEGENERATE),
    ],
)
def test_every_violation_is_found(scorer: ResponseScorer, ids: Sequence[int], violation: Violation) -> None:
    assert violation in score(scorer, ids).violations


def test_a_control_token_in_the_text_is_not_paid_as_a_choice(scorer: ResponseScorer) -> None:
    """The hole of a substring search: a dear response that mentions the cheap token."""
    scored = score(scorer, (2, *THINK_2, 1, 9, 0))
    assert scored.parsed.choice == 1.0
    assert scored.rewards["mode"] == pytest.approx(-0.5 * 0.8)


def test_an_undecided_grade_leaves_what_depends_on_it_unknown(scorer: ResponseScorer) -> None:
    scored = scorer.score([(1, *THINK_2, 9, 0)], [""], [0.2], [10.0])[0]  # no gold answer
    assert scored.outcome is Outcome.UNGRADED
    assert [scored.rewards[part] for part in (*MAIN_PARTS, HEAD)] == [None, 0.0, None, 0.0, None]


def test_the_functions_share_one_scoring_and_log_once(scorer: ResponseScorer) -> None:
    calls: list[int] = []

    class Counting(ResponseScorer):
        def score(self, completion_ids, *args):  # type: ignore[no-untyped-def]
            calls.append(len(completion_ids))
            return scorer.score(completion_ids, *args)

    logged: dict[str, float] = {}
    rewards = BatchRewards(Counting.__new__(Counting), GRID)
    batch = [(1, *THINK_2, 9, 0), (2, *THINK_2, 10, 0)]
    columns = {
        "answer": ["9", "9"],
        "teacher_ratio": [0.2, None],
        "n_reference_think_tokens": [10.0, 10.0],
        "asked_ratio": [None, None],
    }
    found = {
        function.__name__: function(
            completion_ids=batch, log_metric=logged.__setitem__, prompts=[], completions=[], **columns
        )
        for function in rewards.functions
    }
    assert list(found) == ["accuracy", "calibration", "mode", "integrity", "head"]
    assert found["accuracy"] == [1.0, 0.0]
    assert calls == [2]
    assert logged["accuracy"] == 0.5
    rewards.functions[0](completion_ids=list(batch), log_metric=logged.__setitem__, **columns)
    assert calls == [2, 2]  # another list is another batch


def test_a_rival_is_a_further_part_that_sees_the_asked_ratio(scorer: ResponseScorer) -> None:
    rewards = BatchRewards(scorer, GRID, RivalReward(kind="lcpo_exact", per_token=0.01), group_size=2)
    batch = [(1, *THINK_2, 9, 0), (2, *THINK_2, 10, 0)]
    found = {
        function.__name__: function(
            completion_ids=batch,
            answer=["9", "9"],
            teacher_ratio=[0.2, 0.2],
            n_reference_think_tokens=[10.0, 10.0],
            asked_ratio=[0.2, 1.0],
            log_metric=lambda name, value: None,
        )
        for function in rewards.functions
    }
    assert list(found) == ["accuracy", "calibration", "mode", "integrity", "rival", "head"]
    # Both think 2 tokens: right where 0.2 x 10 = 2 were asked, wrong where 10 were, 8 too few at 0.01 each.
    assert found["rival"] == [1.0, pytest.approx(-0.08)]


def test_the_length_that_a_rival_compares_is_the_whole_response(scorer: ResponseScorer) -> None:
    case = rival_case(score(scorer, (1, *THINK_2, 9, 0)), n_reference_think_tokens=10.0)
    # 1 choice, 8 of the think block, 1 answer, 1 stop
    assert case == RivalCase(True, 0.2, None, n_think_tokens=2, n_tokens=11, n_reference_think_tokens=10.0)
    assert rival_case(score(scorer, (1, 4, 100)), 10.0).is_correct is False  # truncated
    undecided = scorer.score([(1, *THINK_2, 9, 0)], [""], [0.2], [10.0])[0]
    assert rival_case(undecided, 10.0).is_correct is None


def test_the_metrics_are_means_over_the_batch(scorer: ResponseScorer) -> None:
    scored = [score(scorer, (1, *THINK_2, 9, 0)), score(scorer, (4, 100, 100, 100, 100, 5, 10, 0))]
    metrics = batch_metrics(scored, GRID)
    assert metrics["think_tokens/mean"] == 3  # 2 and 4
    assert metrics["actual_ratio/mean"] == pytest.approx(0.3)
    assert metrics["tokens/mean"] == 9.5  # 11 and 8
    assert metrics["head/share_0.20"] == 0.5 and metrics["head/share_1.00"] == 0
    assert metrics["head/no_choice"] == 0.5
    assert metrics["violation/no_choice"] == 0.5

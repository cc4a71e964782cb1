"""What the overhead benchmark feeds both arms: responses that the stage reads as it reads real ones."""

from pathlib import Path

import pytest

pytest.importorskip("torch")


def test_the_given_responses_keep_the_protocol_and_every_second_one_is_right(tmp_path: Path) -> None:
    from chrpo_overhead import make_responses
    from training_speed import build

    from extracot.grading.grader import Grader
    from extracot.records.outcome import Outcome
    from extracot.text.repetition import RepetitionLimits
    from extracot.training.chrpo.rewards import CalibrationShape, HeadShape, IntegrityShape, ModeShape
    from extracot.training.chrpo.scoring import ResponseScorer
    from extracot.training.response_ids import response_tokens

    _, tokenizer, knob = build("tiny", tmp_path)
    responses = make_responses(8, 80, tokenizer, knob)
    assert all(40 <= len(response) <= 80 for response in responses)
    with Grader() as grader:
        scorer = ResponseScorer(
            response_tokens(tokenizer, knob.grid, {tokenizer.eos_token_id}),
            tokenizer.decode,
            grader,
            CalibrationShape(),
            ModeShape(),
            IntegrityShape(),
            HeadShape(),
            RepetitionLimits(),
        )
        scored = scorer.score(responses, ["1"] * 8, [knob.grid[0]] * 8, [80.0] * 8)
    assert [s.outcome for s in scored] == [Outcome.CORRECT, Outcome.WRONG] * 4
    assert [s.parsed.choice for s in scored] == [knob.grid[place % len(knob.grid)] for place in range(8)]
    assert all(not s.violations for s in scored)

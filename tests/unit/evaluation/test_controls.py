"""Control arms in the loop, with a scripted model that needs some of its thinking to be right."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from extracot.errors import ConfigError
from extracot.evaluation.arms import Arm, ArmMode, CutThinking, resolve_arms
from extracot.evaluation.config import EvaluateConfig
from extracot.evaluation.loop import score_arms
from extracot.evaluation.metrics import RowKey, group_rows
from extracot.generate.backend import Sampling
from extracot.generate.scripted import ScriptedBackend
from extracot.io.jsonl import read_records
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.score import Score

PROBLEMS = [Problem(id=f"p-{n}", question=f"Say {n} .", answer=str(n), level=n, source="test") for n in range(1, 4)]
THOUGHT = "a b c d e f g h {number} j"
BASE = Arm("base", "m", PromptFormat(), [ArmMode(RowKey("base", "base", None), None)])
OURS = Arm("ours", "o", PromptFormat(), [ArmMode(RowKey("ours", "policy", None), "<COMP_POLICY>")])


class Thinker:
    """Thinks ten words, of which the ninth is the answer; given a closed block, it answers only what stands there."""

    def __init__(self) -> None:
        self.backend = ScriptedBackend(self._reply)
        self.prompts: list[str] = []

    def render(self, prompt_format: PromptFormat, question: str, control: str | None) -> str:
        return prompt_format.user_turn(question, control) + "\n"

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S+", text)]

    def _reply(self, prompt: str) -> str:
        self.prompts.append(prompt)
        number = prompt.split()[1]
        if "</think>" in prompt:
            block = prompt.partition("<think>")[2].partition("</think>")[0]
            return f"\\boxed{{{number}}}" if number in block.split() else "No idea."
        if "<COMP_" in prompt:  # as many words as the number says
            return f"<COMP_20>\n<think>\n{'so ' * int(number)}\n</think>\n\n\\boxed{{{number}}}"
        return f"<think>\n{THOUGHT.format(number=number)}\n</think>\n\n\\boxed{{{number}}}"


def control(kind: str, ratios: Sequence[float] = (), matches: str | None = None, limit: int | None = None) -> Arm:
    keys = [RowKey(kind, "fixed", ratio) for ratio in ratios] or [RowKey(kind, "policy", None)]
    cut = CutThinking(kind, matches, limit, seed=0)  # type: ignore[arg-type]
    return Arm(kind, "m", PromptFormat(), [ArmMode(key, None) for key in keys], cut=cut)


def run(path: Path, arms: Sequence[Arm], model: Thinker | None = None, n_samples: int = 1) -> list[Score]:
    sampling = Sampling(max_new_tokens=40, temperature=0.7)
    score_arms(arms, PROBLEMS, sampling, n_samples, None, path, lambda _: model or Thinker(), lambda _: None)
    return list(read_records(path, Score))


def test_the_kept_part_of_the_base_models_thinking_decides(tmp_path: Path) -> None:
    scores = run(tmp_path / "s.jsonl", [BASE, control("head", [0.5, 0.9]), control("tail", [0.5])])
    rows = {key: list(group) for key, group in group_rows(scores).items()}
    head, tail = [rows[RowKey("head", "fixed", ratio)] for ratio in (0.5, 0.9)], rows[RowKey("tail", "fixed", 0.5)]
    assert {score.outcome for score in head[0]} == {Outcome.NO_ANSWER}  # the answer is the ninth word of ten
    assert {score.outcome for score in head[1]} == {Outcome.CORRECT} == {score.outcome for score in tail}
    first = head[1][0]
    assert first.completion == "<think>\na b c d e f g h 1\n</think>\n\n\\boxed{1}"
    # Nine of ten words were kept; with the two tags and the answer, twelve tokens were spent.
    assert (first.n_think_tokens, first.n_reference_think_tokens, first.n_tokens) == (9, 10.0, 12)
    assert first.is_closed and first.mode == "fixed"


def test_a_control_spends_on_each_question_what_the_matched_arm_spent_there(tmp_path: Path) -> None:
    scores = run(tmp_path / "s.jsonl", [BASE, OURS, control("random", matches="ours"), control("head", matches="ours")])
    spent = {arm: [s.n_think_tokens for s in scores if s.arm == arm] for arm in ("ours", "random", "head")}
    assert spent == {"ours": [1, 2, 3], "random": [1, 2, 3], "head": [1, 2, 3]}


def test_every_sample_cuts_the_base_models_same_sample_and_resumes_to_the_same_records(tmp_path: Path) -> None:
    arms = [BASE, OURS, control("random", matches="ours"), control("tail", [0.3])]
    whole = tmp_path / "whole.jsonl"
    expected = run(whole, arms, n_samples=2)
    assert len(expected) == 4 * len(PROBLEMS) * 2
    lines = whole.read_text().splitlines(keepends=True)
    for n_kept in range(0, len(lines), 3):
        torn = tmp_path / f"torn-{n_kept}.jsonl"
        torn.write_text("".join(lines[:n_kept]) + lines[n_kept][:30])
        model = Thinker()
        assert run(torn, arms, model, n_samples=2) == expected
        assert len(model.prompts) == len(lines) - n_kept


def test_thinking_and_answer_together_are_held_to_everyones_limit(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    run(path, [BASE])
    sampling = Sampling(max_new_tokens=11, temperature=0)
    arm = control("head", [1.0, 0.2])
    score_arms([BASE, arm], PROBLEMS, sampling, 1, None, path, lambda _: Thinker(), lambda _: None)
    outcomes = {s.target_ratio: s.outcome for s in read_records(path, Score) if s.arm == "head"}
    # Ten words of thinking and two tags are more than eleven tokens; two words are not.
    assert outcomes == {1.0: Outcome.TRUNCATED, 0.2: Outcome.NO_ANSWER}


def test_a_model_is_loaded_once_for_neighbours_and_the_file_keeps_the_order_of_the_arms(tmp_path: Path) -> None:
    opened: list[str] = []

    def open_model(arm: Arm) -> Thinker:
        opened.append(arm.model)
        return Thinker()

    arms = [BASE, OURS, control("random", matches="ours"), control("head", [0.5]), control("tail", matches="ours")]
    path, sampling = tmp_path / "s.jsonl", Sampling(max_new_tokens=40)
    score_arms(arms, PROBLEMS, sampling, 1, None, path, open_model, lambda _: None)
    assert opened == ["m", "o", "m"]  # base and head, ours, random and tail
    assert [score.arm for score in read_records(path, Score)][::3] == ["base", "ours", "random", "head", "tail"]


def config(**changes: object) -> EvaluateConfig:
    return EvaluateConfig.model_validate({"problems": "toy:heldout:4", "base_model": "toy", **changes})


def test_controls_stand_behind_the_arms_in_rows_named_like_those_that_they_match() -> None:
    arms = resolve_arms(
        config(
            arms=[{"name": "again", "model": "toy"}],
            controls=[{"kind": "head", "ratios": [0.2, 0.4]}, {"kind": "tail", "matches": "again"}],
        )
    )
    assert [arm.name for arm in arms] == ["base", "again", "head only", "tail only"]
    assert [mode.key for mode in arms[2].modes] == [
        RowKey("head only", "fixed", 0.2),
        RowKey("head only", "fixed", 0.4),
    ]
    assert [mode.key for mode in arms[3].modes] == [RowKey("tail only", "base", None)]
    assert arms[2].model == "toy" and arms[2].cut is not None


@pytest.mark.parametrize(
    ("controls", "says"),
    [
        ([{"kind": "head"}], "'head only' needs either ratios or matches"),
        ([{"kind": "head", "ratios": [0.2], "matches": "x"}], "needs either ratios or matches"),
        ([{"kind": "tail", "matches": "x"}], "'tail only' matches 'x'; the arms are: none"),
        ([{"kind": "head", "ratios": [0.2, 0.2]}], "lists a ratio twice"),
        ([{"kind": "head", "ratios": [0.2]}] * 2, "two arms have one name"),
        ([{"kind": "head", "ratios": [1.5]}], "less than or equal to 1"),
    ],
)
def test_a_control_that_cannot_be_meant_is_refused(controls: list[dict[str, object]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        config(controls=controls)


def test_a_server_that_takes_messages_alone_is_refused_before_anything_is_asked() -> None:
    values = {
        "backend": "openai",
        "server": {"base_url": "http://127.0.0.1:1/v1", "kind": "generic"},
        "controls": [{"kind": "head", "ratios": [0.2]}],
    }
    with pytest.raises(ConfigError, match="controls put cut thinking behind the prompt.*set server.api=completions"):
        resolve_arms(config(**values))
    values["server"] = {"base_url": "http://127.0.0.1:1/v1", "kind": "vllm"}
    assert len(resolve_arms(config(**values))) == 2

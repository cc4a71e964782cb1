"""The generate stage, on a tiny random model and on a script."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from extracot.errors import ModelError
from extracot.generate import transformers_backend
from extracot.generate.backend import Generation, Sampling
from extracot.generate.config import GenerateConfig
from extracot.generate.decoding import DecodedRow, decode_batch
from extracot.generate.requests import trace_requests
from extracot.generate.run import make_trace, plan, run
from extracot.generate.scripted import ScriptedBackend
from extracot.grading.grader import Grader
from extracot.io.config import load_config
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.models.prompts import PromptFormat
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.trace import Trace


@pytest.fixture
def problems(tmp_path: Path) -> str:
    path = tmp_path / "problems.jsonl"
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1), "level": n} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def config(problems: str, tiny_model_dir: Path) -> GenerateConfig:
    return GenerateConfig(
        problems=problems,
        model=str(tiny_model_dir),
        samples_per_problem=2,
        sampling=Sampling(max_new_tokens=12, temperature=1.0, top_p=1.0, seed=1),
        batch_size=3,
    )


def traces_of(run_dir: RunDirectory) -> list[Trace]:
    return list(read_records(run_dir.records("traces.jsonl"), Trace))


def without_times(traces: list[Trace]) -> list[dict[str, Any]]:
    return [trace.model_dump(exclude={"latency_s"}) for trace in traces]


def test_every_problem_is_answered_as_often_as_asked(config: GenerateConfig, tmp_path: Path) -> None:
    run_dir = RunDirectory.open(tmp_path / "run", config, "generate")
    manifest = run(config, run_dir)
    traces = traces_of(run_dir)
    assert len(traces) == len({trace.id for trace in traces}) == 10
    assert sorted(trace.level for trace in traces) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert manifest.counts["traces"] == 10
    assert sum(manifest.counts[outcome.value] for outcome in Outcome) == 10
    assert all(0 < trace.n_tokens <= 12 for trace in traces if trace.n_tokens is not None)
    assert [item.path for item in manifest.outputs] == ["records/traces.jsonl"]
    assert len(manifest.inputs) == 2


def test_a_killed_run_resumes_to_the_same_records(
    config: GenerateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RunDirectory.open(tmp_path / "whole", config, "generate")
    run(config, whole)

    calls = 0

    def killed_in_the_third_batch(*arguments: Any) -> list[DecodedRow]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return decode_batch(*arguments)

    monkeypatch.setattr(transformers_backend, "decode_batch", killed_in_the_third_batch)
    killed = RunDirectory.open(tmp_path / "killed", config, "generate")
    with pytest.raises(KeyboardInterrupt):
        run(config, killed)
    path = killed.records("traces.jsonl")
    assert len(traces_of(killed)) == 6
    # The kill may also come inside a line, and inside a batch.
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:4]) + lines[4][:30])

    monkeypatch.setattr(transformers_backend, "decode_batch", decode_batch)
    resumed = RunDirectory.open(tmp_path / "killed", config, "generate", resume=True)
    manifest = run(config, resumed)
    assert without_times(traces_of(resumed)) == without_times(traces_of(whole))
    assert manifest.counts["traces"] == 10

    again = RunDirectory.open(tmp_path / "killed", config, "generate", resume=True)
    assert run(config, again) == manifest


def test_the_batch_size_does_not_change_the_traces(config: GenerateConfig, tmp_path: Path) -> None:
    texts = []
    for batch_size in (1, 10):
        same = config.model_copy(update={"batch_size": batch_size})
        run_dir = RunDirectory.open(tmp_path / str(batch_size), same, "generate")
        run(same, run_dir)
        texts.append(without_times(traces_of(run_dir)))
    assert texts[0] == texts[1]


def test_a_completion_becomes_a_graded_trace(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    problems = [
        Problem(id=name, question=name, answer="9", level=2, source="here")
        for name in ("right", "wrong", "silent", "cut", "open")
    ]
    script = {
        "right": "<think>\nGus has 4.\n</think>\n\nSo \\boxed{9}.",
        "wrong": "<think>\nGus has 4.\n</think>\n\nSo \\boxed{8}.",
        "silent": "<think>\nGus has 4.\n</think>\n\nI do not know.",
        "cut": "<think>\na\n</think>\n\n\\boxed{9} " + "and " * 20,
        "open": "<think>\nSo \\boxed{9}.",
    }
    requests = list(trace_requests(problems, str, "script", n_samples=1, seed=0))
    generations = ScriptedBackend(script).generate([r.prompt for r in requests], Sampling(max_new_tokens=15))
    with Grader() as grader:
        traces = [
            make_trace(request, generation, tiny_tokenizer, grader, "script")
            for request, generation in zip(requests, generations, strict=True)
        ]
    outcomes = {trace.question: trace.outcome for trace in traces}
    assert outcomes == {
        "right": Outcome.CORRECT,
        "wrong": Outcome.WRONG,
        "silent": Outcome.NO_ANSWER,
        "cut": Outcome.TRUNCATED,
        "open": Outcome.NO_ANSWER,
    }
    right, still_open = traces[0], traces[4]
    assert (right.cot, right.response) == ("Gus has 4.", "\n\nSo \\boxed{9}.")
    assert right.n_think_tokens == len(tiny_tokenizer.encode("Gus has 4."))
    assert (right.problem_id, right.answer, right.level, right.is_closed) == ("right", "9", 2, True)
    assert not still_open.is_closed and still_open.n_think_tokens


def test_a_run_away_in_a_block_that_the_prompt_opened_has_think_tokens(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    problem = Problem(id="p", question="q", answer="9", level=None, source="here")
    [request] = trace_requests([problem], lambda question: f"{question}<think>\n", "m", n_samples=1, seed=0)
    cut = Generation("so so so", token_ids=[1, 2, 3], is_truncated=True, latency_s=0.0)
    with Grader() as grader:
        trace = make_trace(request, cut, tiny_tokenizer, grader, "m")
    assert (trace.cot, trace.outcome, trace.is_closed) == ("so so so", Outcome.TRUNCATED, False)
    assert trace.n_think_tokens == len(tiny_tokenizer.encode("so so so"))


def test_a_trace_keeps_its_id_when_others_are_added() -> None:
    a, b = (Problem(id=name, question=name, answer="1", level=None, source="") for name in "ab")

    def ids(problems: list[Problem], n_samples: int, **changes: Any) -> set[str]:
        settings = {"render": str, "model": "m", "seed": 0, **changes}
        return {request.trace_id for request in trace_requests(problems, n_samples=n_samples, **settings)}

    assert ids([a], 1) < ids([b, a], 1) < ids([a, b], 3)
    assert len(ids([a, b], 3)) == 6
    for changes in ({"model": "n"}, {"seed": 1}, {"render": str.upper}):
        assert not ids([a], 1) & ids([a], 1, **changes)


def test_a_control_token_needs_a_prepared_model(config: GenerateConfig, tmp_path: Path) -> None:
    asking = config.model_copy(update={"control": 0.2})
    with pytest.raises(ModelError, match="extracot prepare-model"):
        run(asking, RunDirectory.open(tmp_path / "run", asking, "generate"))


def test_a_ratio_outside_the_model_s_grid_names_the_grid(
    config: GenerateConfig, save_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    folder = save_tiny_model(tmp_path / "model", 10)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<COMP_20>", "<COMP_50>", "<COMP_POLICY>"])
    tokenizer.save_pretrained(folder)
    Knob(grid=(0.5, 1.0), prompt_format=PromptFormat(instruction="Think."), base_model="b").save(folder)
    asking = config.model_copy(update={"model": str(folder), "control": 0.2})
    with pytest.raises(ModelError, match=r"not prepared for <COMP_20>; its ratios are 0\.5, 1\.0"):
        plan(asking)
    known = asking.model_copy(update={"control": "policy"})
    assert "control token <COMP_POLICY>; system prompt None, instruction 'Think.'" in plan(known)


def test_the_plan_counts_without_loading_weights(config: GenerateConfig) -> None:
    assert plan(config.model_copy(update={"limit": 3})).startswith("3 problems x 2 by ")


@pytest.mark.parametrize(
    ("value", "token"),
    [("null", None), ("0.2", "<COMP_20>"), ("1", "<COMP_100>"), ("policy", "<COMP_POLICY>")],
)
def test_a_control_is_a_ratio_or_policy_or_nothing(value: str, token: str | None) -> None:
    overrides = ["problems=p.jsonl", "model=toy", f"control={value}"]
    assert load_config(GenerateConfig, None, overrides).control_token == token


@pytest.mark.parametrize("value", ["0", "1.5", "0.123", "auto"])
def test_any_other_control_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="control"):
        load_config(GenerateConfig, None, ["problems=p.jsonl", "model=toy", f"control={value}"])

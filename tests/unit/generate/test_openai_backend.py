"""The stage against a server that stalls, fails, lies and breaks off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from extracot.errors import ConfigError, RunDirectoryError, StageError
from extracot.generate.backend import Sampling
from extracot.generate.config import GenerateConfig
from extracot.generate.factory import open_backend
from extracot.generate.run import plan, run
from extracot.io.config import load_config
from extracot.io.jsonl import read_jsonl, read_records
from extracot.io.manifest import Manifest
from extracot.io.run_directory import RunDirectory
from extracot.records.outcome import Outcome
from extracot.records.trace import Trace

KEY = "sk-secret-0123456789"

Build = Callable[..., GenerateConfig]
Answers = dict[str, Callable[..., Any]]


def generate(config: GenerateConfig, out: Path, resume: bool = False) -> Manifest:
    return run(config, RunDirectory.open(out, config, "generate", resume=resume))


def traces_in(out: Path) -> list[Trace]:
    return list(read_records(out / "records/traces.jsonl", Trace))


def failed_in(out: Path) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(out / "records/failed.jsonl")]


def test_a_completion_becomes_a_graded_trace_counted_by_the_local_tokenizer(
    tmp_path: Path, server: Any, server_config: Build, tiny_model_dir: Path
) -> None:
    manifest = generate(server_config(1), tmp_path / "run")
    (asked,) = server.asked
    assert asked.path == "/v1/completions"
    # The prompt is the rendered text, sampling is the standard's, and `n` is not there.
    assert asked.body.keys() == {"model", "prompt", "max_tokens", "temperature", "top_p", "seed"}
    assert asked.body["prompt"].startswith("<|im_start|>user\nWhat is 0 + 1?")
    assert asked.body["model"] == "scripted" and 0 <= asked.body["seed"] < 2**31
    (trace,) = traces_in(tmp_path / "run")
    assert (trace.outcome, trace.cot, trace.response) == (Outcome.CORRECT, "0 + 1 = 1", "\n\nIt is \\boxed{1}.")
    assert trace.model == "scripted" and trace.is_closed and (trace.latency_s or 0) > 0
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    text = "<think>\n0 + 1 = 1\n</think>\n\nIt is \\boxed{1}."
    assert trace.n_tokens == len(tokenizer.encode(text)) + 1  # and the end of sequence
    assert trace.n_think_tokens == len(tokenizer.encode(trace.cot))
    assert manifest.summary["tokens_counted_by"] == "the tokenizer"
    assert manifest.counts["correct"] == 1 and manifest.counts["failed"] == 0


def test_a_reply_of_vllm_is_counted_by_its_ids_and_asked_in_full(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers, tiny_model_dir: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    ids = [*tokenizer.encode("<think>\n1\n</think>\n\n\\boxed{1}"), tokenizer.eos_token_id]
    server.script = lambda asked, _: answers["completion"]("as a parser left it", token_ids=ids)
    manifest = generate(server_config(1, kind="vllm"), tmp_path / "run")
    (asked,) = server.asked
    assert tokenizer.decode(asked.body["prompt"]).startswith("<|im_start|>user\nWhat is 0 + 1?")
    assert asked.body["return_token_ids"] is True and asked.body["skip_special_tokens"] is False
    # What the model's generation config would fill in otherwise.
    assert (asked.body["top_k"], asked.body["min_p"], asked.body["repetition_penalty"]) == (-1, 0.0, 1.0)
    (trace,) = traces_in(tmp_path / "run")
    assert (trace.n_tokens, trace.cot, trace.response) == (len(ids), "1", "\n\n\\boxed{1}")
    assert manifest.summary["tokens_counted_by"] == "ids"


def test_vllm_without_token_ids_is_refused_rather_than_miscounted(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers
) -> None:
    server.script = lambda asked, _: answers["completion"]("<think>")
    with pytest.raises(StageError, match="gave no token ids.*server.kind=generic"):
        generate(server_config(1, kind="vllm"), tmp_path / "run")


def test_transformers_serve_is_told_to_sample_by_a_whole_generation_config(
    tmp_path: Path, server: Any, server_config: Build
) -> None:
    config = server_config(1, kind="transformers-serve")
    generate(config, tmp_path / "run")
    (asked,) = server.asked
    assert asked.body.keys() == {"model", "prompt", "max_tokens", "generation_config"}
    sent = json.loads(asked.body["generation_config"])
    tokenizer = AutoTokenizer.from_pretrained(config.model)
    assert sent == {
        "max_new_tokens": 40, "do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0,
        "eos_token_id": [tokenizer.eos_token_id], "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip


def test_greedy_sends_neither_top_p_nor_seed(tmp_path: Path, server: Any, server_config: Build) -> None:
    config = server_config(1).model_copy(update={"sampling": Sampling(max_new_tokens=40, temperature=0)})
    generate(config, tmp_path / "run")
    assert server.asked[0].body.keys() == {"model", "prompt", "max_tokens", "temperature"}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_think_block_in_a_field_of_its_own_is_put_back(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers, field: str
) -> None:
    server.script = lambda asked, _: answers["chat"]("It is \\boxed{1}.", **{field: "\n0 + 1 = 1\n"})
    generate(server_config(1, api="chat"), tmp_path / "run")
    assert server.asked[0].path == "/v1/chat/completions"
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "What is 0 + 1?"}]
    (trace,) = traces_in(tmp_path / "run")
    assert (trace.cot, trace.response, trace.outcome) == ("0 + 1 = 1", "\n\nIt is \\boxed{1}.", Outcome.CORRECT)


def test_the_token_limit_is_an_outcome(tmp_path: Path, server: Any, server_config: Build, answers: Answers) -> None:
    server.script = lambda asked, _: answers["completion"]("<think>\nSo \\boxed{1} and", finish="length")
    manifest = generate(server_config(2), tmp_path / "run")
    assert {trace.outcome for trace in traces_in(tmp_path / "run")} == {Outcome.TRUNCATED}
    assert manifest.counts["truncated"] == 2 and manifest.summary["share_truncated"] == 1.0
    assert not any(trace.is_closed for trace in traces_in(tmp_path / "run"))


BROKEN: dict[str, Callable[[Answers], Any]] = {
    "stall": lambda give: give["raw"](b"{}", delay_s=3.0),
    "too many requests": lambda give: give["failure"](429, "slow down", Retry_After="0.01"),
    "server error": lambda give: give["failure"](500, "out of memory"),
    "garbage": lambda give: give["raw"](b"<html>proxy</html>"),
    "truncated JSON": lambda give: give["raw"](b'{"choices": [{"text": "<think>'),
    "dropped mid-answer": lambda give: give["raw"](b'{"choices": [{"te', length=500, is_dropped=True),
    "shorter than said": lambda give: give["raw"](b'{"choices": [{"te', length=500),
    "no choices": lambda give: give["raw"](b'{"choices": []}'),
    "aborted": lambda give: give["completion"]("<think>\nso", finish="abort"),
    "no finish": lambda give: give["completion"]("<think>\nso", finish=None),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_may_pass_is_asked_again(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers, name: str
) -> None:
    # Every second prompt meets it at its first request.
    def script(asked: Any, n_before: int) -> Any:
        is_broken = n_before == 0 and ("0 + 1" in asked.prompt or "2 + 1" in asked.prompt)
        return BROKEN[name](answers) if is_broken else answers["completion"](answers["think"](asked))

    server.script = script
    manifest = generate(server_config(4, timeout_s=1.0), tmp_path / "run")
    assert manifest.counts["correct"] == 4 and manifest.counts["failed"] == 0
    assert len(server.asked) == 6
    assert failed_in(tmp_path / "run") == []


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "stall"])
def test_a_prompt_that_is_never_answered_stops_the_run_and_a_resume_asks_for_it_alone(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers, name: str
) -> None:
    server.script = lambda asked, _: (
        BROKEN[name](answers) if "2 + 1" in asked.prompt else answers["completion"](answers["think"](asked))
    )
    config = server_config(4)
    with pytest.raises(StageError, match=r"1 of 4 completions did not come.*--resume"):
        generate(config, tmp_path / "run")
    assert len(traces_in(tmp_path / "run")) == 3
    (failed,) = failed_in(tmp_path / "run")
    assert failed["is_refusal"] is False and "(3 requests)" in failed["error"]
    n_asked = len(server.asked)
    server.script = lambda asked, _: answers["completion"](answers["think"](asked))
    manifest = generate(config, tmp_path / "run", resume=True)
    assert manifest.counts["correct"] == 4 and manifest.n_attempts == 2
    assert len(server.asked) == n_asked + 1
    assert failed_in(tmp_path / "run") == []


def test_a_prompt_that_is_refused_for_good_is_counted_and_the_run_goes_on(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers
) -> None:
    server.script = lambda asked, _: (
        answers["failure"](400, "prompt too long")
        if "2 + 1" in asked.prompt
        else answers["completion"](answers["think"](asked))
    )
    manifest = generate(server_config(4), tmp_path / "run")
    assert manifest.counts["traces"] == 3 and manifest.counts["failed"] == 1
    (failed,) = failed_in(tmp_path / "run")
    assert failed["is_refusal"] is True and failed["error"] == "HTTP 400: prompt too long (1 request)"
    assert [item.path for item in manifest.outputs] == ["records/traces.jsonl", "records/failed.jsonl"]


def test_a_server_that_refuses_everything_stops_the_run_soon(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers
) -> None:
    server.script = lambda asked, _: answers["failure"](422, "Unexpected fields: top_p")
    with pytest.raises(StageError, match=r"failed 3 completions in a row.*Unexpected fields: top_p.*--resume"):
        generate(server_config(20, stop_after_failures=3, concurrency=1), tmp_path / "run")
    assert len(server.asked) == 3


def test_a_server_that_goes_down_keeps_what_came_and_a_resume_completes_it(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers
) -> None:
    def dies_after_three(asked: Any, _: int) -> Any:
        if len(server.asked) > 3:
            return answers["failure"](503, "shutting down")
        return answers["completion"](answers["think"](asked))

    server.script = dies_after_three
    config = server_config(8, stop_after_failures=2, concurrency=1)
    with pytest.raises(StageError, match=r"failed 2 completions in a row, the last with: HTTP 503"):
        generate(config, tmp_path / "run")
    kept = traces_in(tmp_path / "run")
    assert len(kept) == 3
    server.script = lambda asked, _: answers["completion"](answers["think"](asked))
    generate(config, tmp_path / "run", resume=True)
    assert traces_in(tmp_path / "run")[:3] == kept
    assert len({trace.id for trace in traces_in(tmp_path / "run")}) == 8


def test_no_server_is_one_error_at_once(tmp_path: Path, server: Any, server_config: Build) -> None:
    config = server_config(50)
    server.close()
    with pytest.raises(StageError, match=r"no server at http://127.0.0.1:\d+/v1: .*start it, or correct"):
        generate(config, tmp_path / "run")


def test_a_wrong_address_is_corrected_by_a_resume_and_a_wrong_model_is_not(
    tmp_path: Path, server: Any, server_config: Build
) -> None:
    wrong = server_config(2, base_url="http://127.0.0.1:9/v1", max_attempts=1)
    run_dir = RunDirectory.open(tmp_path / "run", wrong, "generate")
    with pytest.raises(StageError, match="http://127.0.0.1:9/v1"):
        run(wrong, run_dir)
    right = server_config(2, concurrency=1)
    assert run(right, RunDirectory.open(run_dir.path, right, "generate", resume=True)).counts["traces"] == 2
    other = server_config(2, model="other")
    with pytest.raises(RunDirectoryError, match=r'server.model: "scripted" -> "other"'):
        RunDirectory.open(run_dir.path, other, "generate", resume=True)


def test_a_wrong_model_name_names_those_that_are_there(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers
) -> None:
    server.models = ["Qwen3-1.7B", "other"]
    with pytest.raises(StageError, match=r"has no model Qwen3-1.7b.*it serves Qwen3-1.7B, other; correct server.model"):
        generate(server_config(3, kind="vllm", model="Qwen3-1.7b"), tmp_path / "vllm")
    assert server.asked == []
    server.script = lambda asked, _: answers["failure"](404, "The model does not exist")
    with pytest.raises(StageError, match=r"has no model scripted: HTTP 404.*it serves Qwen3-1.7B, other"):
        generate(server_config(3), tmp_path / "generic")


def test_a_refused_key_stops_the_run_and_is_written_nowhere(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    server.script = lambda asked, _: answers["failure"](401, f"bad key {KEY}")
    with pytest.raises(StageError, match=r"refuses the key: HTTP 401: bad key \*\*\*; put a valid one into SOME_KEY"):
        generate(server_config(1, api_key_env="SOME_KEY"), tmp_path / "run")
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    written = [path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not any(KEY.encode() in content for content in written)


def test_a_key_that_is_not_set_is_named_before_anything_is_asked(
    tmp_path: Path, server: Any, server_config: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ConfigError, match="server.api_key_env names SOME_KEY, which is not set"):
        generate(server_config(1, api_key_env="SOME_KEY"), tmp_path / "run")
    assert server.asked == []


def test_as_many_requests_are_open_as_the_config_says_and_records_do_not_depend_on_it(
    tmp_path: Path, server: Any, server_config: Build, answers: Answers
) -> None:
    def slowly(asked: Any, _: int) -> Any:
        answer = answers["completion"](answers["think"](asked))
        answer.delay_s = 0.05
        return answer

    server.script = slowly
    found = []
    for concurrency in (1, 4):
        server.n_most_open = 0
        out = tmp_path / str(concurrency)
        generate(server_config(8, concurrency=concurrency), out)
        assert server.n_most_open == concurrency
        rows = [trace.model_dump(exclude={"latency_s"}) for trace in traces_in(out)]
        found.append(sorted(rows, key=lambda row: str(row["id"])))
    assert found[0] == found[1]


def test_every_sample_of_a_problem_has_a_seed_of_its_own_that_a_resume_keeps(
    tmp_path: Path, server: Any, server_config: Build
) -> None:
    for name in ("first", "second"):
        config = server_config(2).model_copy(update={"samples_per_problem": 3})
        generate(config, tmp_path / name)
    seeds = [asked.body["seed"] for asked in server.asked]
    assert len(set(seeds[:6])) == 6 and sorted(seeds[:6]) == sorted(seeds[6:])


def test_extra_fields_are_laid_over_and_null_takes_one_out(tmp_path: Path, server: Any, server_config: Build) -> None:
    extra = {"max_tokens": None, "max_completion_tokens": 40, "seed": None}
    generate(server_config(1, extra_body=extra), tmp_path / "run")
    assert server.asked[0].body.keys() == {"model", "prompt", "temperature", "top_p", "max_completion_tokens"}


def test_without_anybody_to_tell_a_failed_prompt_is_an_error(
    server: Any, server_config: Build, answers: Answers
) -> None:
    config = server_config(1)
    server.script = lambda asked, _: answers["failure"](400, "too long")
    tokenizer = AutoTokenizer.from_pretrained(config.model)
    backend = open_backend(config, str(config.model), tokenizer, dtype="float32", batch_size=1)
    with pytest.raises(StageError, match="gave no completion: HTTP 400: too long"):
        backend.generate(["What is 0 + 1?"], Sampling())


def test_the_plan_names_the_server(server_config: Build, server: Any) -> None:
    assert f"3 at once from {server.base_url} as scripted" in plan(server_config(2))
    assert server.asked == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["backend=openai"], "needs a server; give one with --set server.base_url="),
        (["server.base_url=http://h/v1"], "asks no server; drop server, or set backend=openai"),
        (["vllm.seed=1"], "takes no arguments of vLLM"),
        (["backend=openai", "server.base_url=h/v1"], "server.base_url must look like https://host/v1"),
        (["backend=openai", "server.base_url=http://h/v1/completions"], "ends too late"),
        (["backend=openai", "server.base_url=http://h/v1", "server.api_key_env=sk-123"], "NAME of an environment"),
        (["backend=opneai"], "backend"),
    ],
)
def test_a_backend_that_cannot_be_meant_is_refused(settings: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(GenerateConfig, None, ["problems=p.jsonl", "model=toy", *settings])

"""The stage behind a real server: `transformers serve` with a tiny random model that says noise."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from extracot.errors import StageError
from extracot.generate.backend import Sampling
from extracot.generate.config import GenerateConfig
from extracot.generate.run import run
from extracot.io.jsonl import read_records
from extracot.io.run_directory import RunDirectory
from extracot.records.trace import Trace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served_model(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_model_dir: Path,
    serve_with_transformers: Callable[[Path, Path], AbstractContextManager[str]],
) -> Iterator[str]:
    """Base URL of a server that has the tiny model."""
    with serve_with_transformers(tiny_model_dir, tmp_path_factory.mktemp("serve")) as base_url:
        yield base_url


def config_for(base_url: str, folder: Path, problems: str, temperature: float, **server: Any) -> GenerateConfig:
    return GenerateConfig.model_validate(
        {
            "problems": problems,
            "model": str(folder),
            "samples_per_problem": 2 if temperature else 1,
            "sampling": {"max_new_tokens": 16, "temperature": temperature},
            "backend": "openai",
            "server": {"base_url": base_url, "kind": "transformers-serve", "concurrency": 2, **server},
        }
    )


def generate(config: GenerateConfig, out: Path) -> list[Trace]:
    run_dir = RunDirectory.open(out, config, "generate")
    run(config, run_dir)
    return list(read_records(run_dir.records("traces.jsonl"), Trace))


def test_greedy_traces_are_those_of_the_model_in_this_process(
    tmp_path: Path, served_model: str, tiny_model_dir: Path, write_problems: Callable[[int], str]
) -> None:
    problems = write_problems(3)
    served = generate(config_for(served_model, tiny_model_dir, problems, temperature=0), tmp_path / "served")
    local_config = GenerateConfig(
        problems=problems, model=str(tiny_model_dir), sampling=Sampling(max_new_tokens=16, temperature=0)
    )
    local = generate(local_config, tmp_path / "local")

    def shown(traces: list[Trace]) -> list[tuple[str, str, str, str]]:
        return sorted((t.question, t.cot, t.response, t.outcome.value) for t in traces)

    assert shown(served) == shown(local)
    assert all((trace.latency_s or 0) > 0 for trace in served)


def test_a_temperature_is_obeyed_though_the_folder_does_not_ask_for_sampling(
    tmp_path: Path, served_model: str, tiny_model_dir: Path, write_problems: Callable[[int], str]
) -> None:
    traces = generate(config_for(served_model, tiny_model_dir, write_problems(3), temperature=1.5), tmp_path / "run")
    assert len(traces) == 6
    by_question = {trace.question: set[str]() for trace in traces}
    for trace in traces:
        by_question[trace.question].add(trace.cot + trace.response)
    # Noise of 16 tokens does not come twice.
    assert all(len(texts) == 2 for texts in by_question.values())


def test_a_chat_is_rendered_by_the_server_as_it_is_here(
    tmp_path: Path, served_model: str, tiny_model_dir: Path, write_problems: Callable[[int], str]
) -> None:
    problems = write_problems(2)
    texts = []
    for api in ("completions", "chat"):
        config = config_for(served_model, tiny_model_dir, problems, temperature=0, api=api)
        # The server strips what a chat says.
        texts.append(sorted((trace.cot + trace.response).strip() for trace in generate(config, tmp_path / api)))
    assert texts[0] == texts[1]


def test_a_wrong_model_is_one_clear_error(
    tmp_path: Path, served_model: str, tiny_model_dir: Path, write_problems: Callable[[int], str]
) -> None:
    config = config_for(
        served_model, tiny_model_dir, write_problems(5), temperature=0, model="other", stop_after_failures=2
    )
    with pytest.raises(StageError, match=r"in a row.*pinned to.*requested 'other'"):
        generate(config, tmp_path / "run")


def test_what_vllm_serves_is_what_the_model_says_in_this_process(
    tmp_path: Path,
    tiny_model_dir: Path,
    serve_with_vllm: Callable[[Path, Path], AbstractContextManager[str]],
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from extracot.generate.factory import open_backend
    from extracot.generate.transformers_backend import TransformersBackend

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    local = TransformersBackend(AutoModelForCausalLM.from_pretrained(tiny_model_dir), tokenizer)
    prompts = ["Gus has 4 shells.", "How many shells does Ola have?", "First"]
    greedy = Sampling(max_new_tokens=24, temperature=0)
    drawn = Sampling(max_new_tokens=60, temperature=1.5, top_p=1.0, seed=1)
    with serve_with_vllm(tiny_model_dir, tmp_path) as base_url:
        config = config_for(base_url, tiny_model_dir, "none.jsonl", temperature=0, kind="vllm", concurrency=8)
        backend = open_backend(config, str(tiny_model_dir), tokenizer, dtype="float32", batch_size=1)
        for ours, theirs in zip(backend.generate(prompts, greedy), local.generate(prompts, greedy), strict=True):
            assert (ours.text, ours.token_ids, ours.is_truncated) == (
                theirs.text, theirs.token_ids, theirs.is_truncated,
            )  # fmt: skip
        first, again = (backend.generate(["First"] * 24, drawn) for _ in range(2))
        assert [one.token_ids for one in first] == [one.token_ids for one in again]
        assert len({tuple(one.token_ids) for one in first}) == 24
        ended = [one for one in first if not one.is_truncated]
        assert ended and all(one.token_ids[-1] == tokenizer.eos_token_id for one in ended)
        wrong = config_for(base_url, tiny_model_dir, "none.jsonl", temperature=0, kind="vllm", model="other")
        with pytest.raises(StageError, match=f"has no model other.*it serves {tiny_model_dir}"):
            open_backend(wrong, str(tiny_model_dir), tokenizer, dtype="float32", batch_size=1).generate(["a"], greedy)

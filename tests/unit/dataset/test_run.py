"""The stage as a whole, on toy problems whose compressions are cut by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from extracot.dataset.config import BuildSftConfig
from extracot.dataset.run import plan, run
from extracot.errors import ConfigError, DataError, StageError
from extracot.io.jsonl import JsonlWriter, read_records
from extracot.io.run_directory import RunDirectory
from extracot.models.knob import Knob
from extracot.models.load import load_tokenizer
from extracot.models.prompts import PromptFormat, count_tokens
from extracot.records.annotation import Annotation
from extracot.records.chat_example import ChatExample
from extracot.records.compression import Compression
from extracot.records.outcome import Outcome
from extracot.records.problem import Problem
from extracot.records.rejection import Rejection
from extracot.records.sft_example import SftExample
from extracot.records.trace import Trace
from extracot.text.control import POLICY_TOKEN, control_token
from extracot.text.think import split_response
from extracot.text.units import UnitKind, segment
from extracot.toy.world import ToyProblem, sample_problems

GRID = (0.1, 0.5, 1.0)
N_PROBLEMS = 24
FILTERS: dict[str, Any] = {"ratio_tolerance": 0.1, "max_evaluation_overlap": None}
"""Every toy question is made of the same sentences."""


def make_trace(number: int, problem: ToyProblem) -> Trace:
    return Trace(
        id=f"t-{number}",
        problem_id=f"p-{number}",
        question=problem.question,
        answer=str(problem.answer),
        level=problem.level,
        cot=problem.chain_of_thought(),
        response=problem.response(),
        model="toy",
        outcome=Outcome.CORRECT,
        is_closed=True,
        n_think_tokens=None,
        n_tokens=None,
        latency_s=None,
    )


def annotate(trace: Trace, problem: ToyProblem) -> Annotation:
    """1 for the first statement of each needed equation, 0 for everything else."""
    needed = [trace.cot.index(problem.facts[i].equation) for i in problem.needed]
    units = segment(trace.cot, prose="clause")
    importance = [
        1.0 if unit.kind is UnitKind.FORMULA and any(unit.start <= n < unit.end for n in needed) else 0.0
        for unit in units
    ]
    spans = [(unit.start, unit.end) for unit in units]
    return Annotation(
        trace_id=trace.id, annotator="test", spans=spans, importance=importance, outcome="ok", error=None
    )


def compress(trace: Trace, annotation: Annotation, ratio: float, tokenizer: Any) -> Compression:
    """Needed units first, then the rest in order, up to the ratio."""
    n_all = count_tokens(tokenizer, trace.cot)
    ranked = sorted(range(len(annotation.spans)), key=lambda i: (-annotation.importance[i], i))
    kept: list[tuple[int, int]] = []
    n = 0
    for i in ranked:
        start, end = annotation.spans[i]
        cost = count_tokens(tokenizer, trace.cot[start:end])
        if n + cost / 2 > ratio * n_all:
            break
        n += cost
        kept.append((start, end))
    kept.sort()
    text = "".join(trace.cot[start:end] for start, end in kept).strip()
    n = count_tokens(tokenizer, text)
    return Compression(
        trace_id=trace.id,
        problem_id=trace.problem_id,
        scorer="test",
        target_ratio=ratio,
        actual_ratio=n / n_all,
        n_tokens=n,
        n_original_tokens=n_all,
        text=text,
        kept=kept,
        n_formulas=0,
        n_formulas_kept=0,
        keeps_answer=None,
        outcome="ok",
        error=None,
    )


class Inputs:
    """Files of a small, clean data set, one folder per test."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        tokenizer = load_tokenizer(str(model))
        source = sample_problems("train", seed=5)
        problems = [next(source) for _ in range(N_PROBLEMS)]
        self.traces = [make_trace(i, problem) for i, problem in enumerate(problems)]
        self.annotations = [annotate(t, p) for t, p in zip(self.traces, problems, strict=True)]
        self.compressions = [
            compress(t, a, ratio, tokenizer)
            for t, a in zip(self.traces, self.annotations, strict=True)
            for ratio in GRID
        ]
        self.values: dict[str, Any] = {
            "model": str(model),
            "filters": dict(FILTERS),
            "seed": 1,
        }

    def config(self, **changes: Any) -> BuildSftConfig:
        for name in ("traces", "annotations", "compressions"):
            path = self.folder / f"{name}.jsonl"
            with JsonlWriter(path, append=False) as writer:
                for record in getattr(self, name):
                    writer.write(record)
            self.values.setdefault(name, str(path))
        return BuildSftConfig.model_validate(self.values | changes)

    def build(self, run_name: str = "run", **changes: Any) -> tuple[list[SftExample], dict[str, Any]]:
        config = self.config(**changes)
        run_dir = RunDirectory.open(self.folder / run_name, config, "build-sft")
        run(config, run_dir)
        rows = list(read_records(run_dir.records("sft.jsonl"), SftExample))
        return rows, json.loads(run_dir.records("card.json").read_text())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> Path:
    """A prepared model as far as this stage looks: a tokenizer, a config and a knob."""
    folder = tmp_path_factory.mktemp("prepared")
    load_tokenizer(str(tiny_model_dir)).save_pretrained(folder)
    (folder / "config.json").write_text((tiny_model_dir / "config.json").read_text())
    Knob(grid=GRID, prompt_format=PromptFormat(instruction="Think."), base_model="tiny").save(folder)
    return folder


@pytest.fixture
def inputs(tmp_path: Path, model: Path) -> Inputs:
    return Inputs(tmp_path, model)


def test_both_queues_are_built_in_the_protocol(inputs: Inputs) -> None:
    rows, card = inputs.build()
    fixed = [row for row in rows if row.queue == "fixed"]
    policy = [row for row in rows if row.queue == "policy"]
    questions = [{row.problem_id for row in fixed if row.target_ratio == ratio} for ratio in GRID]
    assert questions[0] == questions[1] == questions[2] != set()
    assert policy
    for row in rows:
        split = split_response(row.completion)
        asked = control_token(row.target_ratio) if row.queue == "fixed" else POLICY_TOKEN
        assert split.control == control_token(row.target_ratio)
        assert row.prompt.endswith(f" {asked}<|im_end|>\n<|im_start|>assistant\n")
        assert row.prompt.count("<COMP_") == 1 and row.completion.count("<COMP_") == 1
    assert len({row.id for row in rows}) == len(rows) == card["n_rows"]
    assert sum(card["fixed"][key]["n"] for key in ("0.10", "0.50", "1.00")) == len(fixed)
    assert sum(sum(counts.values()) for counts in card["actual_ratio_histogram"]["counts"].values()) == len(
        rows
    )
    assert card["n_traces"] == card["n_traces_kept"] == N_PROBLEMS


def test_easier_questions_choose_smaller_ratios_and_no_chosen_ratio_cuts_the_chain(inputs: Inputs) -> None:
    rows, card = inputs.build(policy_shares=[1, 0, 0])
    levels = {trace.problem_id: trace.level or 0 for trace in inputs.traces}
    by_ratio: dict[float, list[int]] = {ratio: [] for ratio in GRID}
    for row in rows:
        if row.queue == "policy":
            by_ratio[row.target_ratio].append(levels[row.problem_id])
            trace = next(trace for trace in inputs.traces if trace.problem_id == row.problem_id)
            annotation = next(a for a in inputs.annotations if a.trace_id == trace.id)
            for (start, end), importance in zip(annotation.spans, annotation.importance, strict=True):
                assert importance < 1 or trace.cot[start:end].strip() in row.completion
    assert by_ratio[0.1] and by_ratio[0.5]
    mean = {ratio: sum(levels) / len(levels) for ratio, levels in by_ratio.items() if levels}
    assert mean[0.1] < mean[0.5]
    assert card["policy"]["0.10"]["difficulty"] < card["policy"]["0.50"]["difficulty"]


def test_the_same_seed_gives_the_same_file_and_another_seed_another_order(inputs: Inputs) -> None:
    first, _ = inputs.build("a")
    again, _ = inputs.build("b")
    other, _ = inputs.build("c", seed=2)
    assert first == again
    assert [row.id for row in first] != [row.id for row in other]


def test_compressions_counted_by_another_tokenizer_are_told_with_what_to_do(
    inputs: Inputs, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs.build("same")
    assert "another tokenizer" not in capsys.readouterr().err
    first = inputs.compressions[0]
    inputs.compressions[0] = first.model_copy(update={"n_original_tokens": first.n_original_tokens + 1})
    inputs.build("other")
    said = capsys.readouterr().err
    # Every problem at 0.1 and 0.5; 1.0 is the untouched trace.
    assert f"warning: 1 of {2 * N_PROBLEMS} compressions were cut to tokens of another tokenizer" in said
    assert f"--tokenizer {model}" in said


def test_queue_sizes_are_kept(inputs: Inputs) -> None:
    rows, card = inputs.build(n_fixed_per_ratio=3, n_policy=4)
    assert [card["fixed"][key]["n"] for key in ("0.10", "0.50", "1.00")] == [3, 3, 3]
    assert sum(row.queue == "policy" for row in rows) == 4


def test_every_drop_is_on_the_card_and_in_the_manifest(inputs: Inputs, tmp_path: Path) -> None:
    traces = inputs.traces
    traces[0] = traces[0].model_copy(update={"outcome": Outcome.WRONG})
    traces[1] = traces[1].model_copy(update={"question": traces[2].question})
    inputs.compressions[9] = inputs.compressions[9].model_copy(update={"actual_ratio": 0.9})  # trace 3 at 0.1
    leaked = traces[4]
    evaluation = tmp_path / "evaluation.jsonl"
    with JsonlWriter(evaluation) as writer:
        question = leaked.question.upper()
        writer.write(
            Problem(id="p", question=question, answer=leaked.answer, level=None, source="evaluation")
        )
    config = inputs.config(evaluation_problems=[str(evaluation), "toy:heldout:5"])
    run_dir = RunDirectory.open(tmp_path / "run", config, "build-sft")
    manifest = run(config, run_dir)
    assert manifest.counts["trace/not_correct"] == 1
    assert manifest.counts["trace/duplicate_question"] == 1
    assert manifest.counts["trace/in_evaluation_set"] == 1
    assert manifest.counts["trace/degenerate_repetition"] == 0
    assert manifest.counts["compression/ratio_off_target@0.10"] >= 1
    assert str(evaluation) in [digest.path for digest in manifest.inputs] or any(
        digest.path.endswith("evaluation.jsonl") for digest in manifest.inputs
    )
    used = {row.problem_id for row in read_records(run_dir.records("sft.jsonl"), SftExample)}
    assert used.isdisjoint({traces[0].problem_id, leaked.problem_id})
    card = run_dir.records("card.md").read_text()
    assert "| not_correct | 1 |" in card and "## One question at every ratio" in card
    assert f"- {leaked.id}: the question of {evaluation}: p" in card
    rejections = list(read_records(run_dir.records("rejections.jsonl"), Rejection))
    assert {row.trace_id: row.filter for row in rejections if row.target_ratio is None} == {
        "t-0": "not_correct",
        "t-2": "duplicate_question",
        leaked.id: "in_evaluation_set",
    }
    dropped = [row for row in rejections if row.target_ratio is not None and row.filter == "ratio_off_target"]
    assert len(dropped) == sum(manifest.counts[f"compression/ratio_off_target@{key}"] for key in ("0.10", "0.50"))
    assert run(config, run_dir) == manifest  # a finished run is left alone


def test_rows_that_nobody_graded_are_graded(inputs: Inputs) -> None:
    inputs.traces[0] = inputs.traces[0].model_copy(
        update={"outcome": Outcome.UNGRADED, "response": "\n\n\\boxed{-1}"}
    )
    for i in range(1, N_PROBLEMS):
        inputs.traces[i] = inputs.traces[i].model_copy(update={"outcome": Outcome.UNGRADED})
    _, card = inputs.build()
    assert card["n_traces_kept"] == N_PROBLEMS - 1


def test_without_annotations_there_is_a_fixed_queue_only(inputs: Inputs) -> None:
    rows, card = inputs.build(annotations=None, n_policy=0)
    assert {row.queue for row in rows} == {"fixed"}
    assert card["compression_faults"]["chain_cut"] == {"0.10": 0, "0.50": 0, "1.00": 0}
    with pytest.raises(ValueError, match="n_policy=0"):
        inputs.config(annotations=None)


def test_dropping_cut_chains_leaves_the_questions_that_fit(inputs: Inputs) -> None:
    rows, _ = inputs.build(filters={**FILTERS, "chain_cut": "drop"})
    kept, all_rows = {row.problem_id for row in rows if row.queue == "fixed"}, inputs.build("b")[0]
    assert kept < {row.problem_id for row in all_rows if row.queue == "fixed"}


def test_contradictions_with_the_model_are_refused(inputs: Inputs, tiny_model_dir: Path) -> None:
    with pytest.raises(ConfigError, match="lacks"):
        inputs.build("a", grid=[0.3, 1.0])
    with pytest.raises(ConfigError, match="prompt_format differs"):
        inputs.build("b", prompt_format={"instruction": "Other."})
    with pytest.raises(ConfigError, match="policy_shares has 2"):
        inputs.build("c", policy_shares=[1, 1])
    with pytest.raises(ConfigError, match="needs a grid"):
        inputs.build("d", model=str(tiny_model_dir))


def test_a_set_that_cannot_be_built_says_which_filter_took_it(inputs: Inputs) -> None:
    with pytest.raises(StageError, match="ratio 0.1 has 0 traces: ratio_off_target took 24"):
        inputs.build("a", filters={"ratio_tolerance": 0.0})
    with pytest.raises(StageError, match=r"of 24: too_short took 24 \(lower filters.min_think_tokens\)"):
        inputs.build("b", filters={"min_think_tokens": 4000})


def test_annotations_of_other_traces_are_refused(inputs: Inputs) -> None:
    inputs.annotations = [a.model_copy(update={"trace_id": f"x-{a.trace_id}"}) for a in inputs.annotations]
    with pytest.raises(DataError, match="no annotation of these traces"):
        inputs.build()


def test_the_plan_names_inputs_and_grid(inputs: Inputs) -> None:
    text = plan(inputs.config(n_policy=7))
    assert "compressions.jsonl" in text and "0.1, 0.5, 1" in text and "policy queue of 7 rows" in text


def test_the_order_mixes_the_queues(inputs: Inputs) -> None:
    rows, _ = inputs.build()
    queues = [row.queue for row in rows]
    assert queues not in (sorted(queues), sorted(queues, reverse=True))


def test_all_filters_that_took_a_set_are_named_with_what_helps(inputs: Inputs) -> None:
    inputs.traces[0] = inputs.traces[0].model_copy(update={"outcome": Outcome.WRONG})
    with pytest.raises(StageError, match=r"too_short took 23 \(.*\); not_correct took 1 \(give correct traces"):
        inputs.build(filters={"min_think_tokens": 4000})


def test_traces_are_chosen_evenly_over_lengths(inputs: Inputs) -> None:
    tokenizer = load_tokenizer(inputs.values["model"])
    lengths = sorted(count_tokens(tokenizer, trace.cot) for trace in inputs.traces)
    bound = lengths[18]  # 18 are shorter
    _, card = inputs.build(n_traces=8, length_bins=[bound])
    assert card["n_traces_kept"] == 8 and card["dropped_traces"]["beyond_length_quota"] == 16
    rejections = list(read_records(inputs.folder / "run/records/rejections.jsonl", Rejection))
    gone = {row.trace_id for row in rejections if row.filter == "beyond_length_quota"}
    left = [trace for trace in inputs.traces if trace.id not in gone]
    assert sum(count_tokens(tokenizer, trace.cot) >= bound for trace in left) == 4


def test_the_turns_are_the_rows_in_the_same_order_in_both_files(inputs: Inputs) -> None:
    import pyarrow.parquet as pq

    rows, card = inputs.build()
    chats = list(read_records(inputs.folder / "run/records/chat.jsonl", ChatExample))
    assert [chat.id for chat in chats] == [row.id for row in rows]
    assert pq.read_table(inputs.folder / "run/records/chat.parquet").to_pylist() == [c.model_dump() for c in chats]
    assert [chat.completion[0].content for chat in chats] == [row.completion for row in rows]
    assert card["chat_renders_alike"]


def test_nothing_but_the_records_is_left_behind(inputs: Inputs) -> None:
    inputs.build()
    names = {path.name for path in (inputs.folder / "run/records").iterdir()}
    assert names == {
        "sft.jsonl", "chat.jsonl", "chat.parquet", "rejections.jsonl", "card.json", "card.md", "card.svg",
    }  # fmt: skip

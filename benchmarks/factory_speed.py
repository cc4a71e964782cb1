"""How fast the data factory is on real traces, what memory it takes as its input grows, and what it rejects.

    python benchmarks/factory_speed.py --traces traces.jsonl.gz --evaluation math500.jsonl gsm8k.jsonl

Everything is made from the given files, so nothing is downloaded: a byte-level BPE of `--vocabulary` tokens (or as many
as the text has) learnt on the traces and on `--texts`, a tiny Qwen3 around it, prepared by `prepare-model`; labels and
compressions by the `slice` scorer. Then `build-sft` runs by itself in a process of its own, once with the preset as it
is (the table of rejections) and once for each of `--scales`: the same traces so many times, every copy with an id and a
question of its own, near-duplicates allowed, since the copies are some.

Throughput is traces a second of `build-sft` from its start to its manifest, grading not included where the
traces say that they are correct. Memory is the largest resident set of that process, Python and libraries included.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tables import markdown_table, write_json

from extracot.io.jsonl import JsonlWriter, read_jsonl
from extracot.records.trace import iterate_traces

END, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPLIT = r"\p{N}|[^\s\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""Single digits, words with what stands before them, runs of signs, white space."""


def texts_of(paths: Sequence[str]) -> Iterator[str]:
    """Every text of every row."""
    for path in paths:
        for _, row in read_jsonl(path):
            yield from (value for value in row.values() if isinstance(value, str))


def make_model(folder: Path, texts: Iterator[str], vocabulary: int, grid: Sequence[float]) -> tuple[Path, int]:
    """A prepared tiny model with a vocabulary learnt on the texts; its folder and the tokens it has."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AddedToken, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[END, TURN_START, TURN_END],
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=END,
        eos_token=TURN_END,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ("<think>", "</think>")])
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=1,
            num_key_value_heads=1,
            head_dim=32,
            intermediate_size=32,
            tie_word_embeddings=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    base = folder / "base"
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    run_stage("prepare-model", "--set", f"model={base}", f"grid={json.dumps(list(grid))}", "--out", folder / "prepared")
    return folder / "prepared" / "model", len(tokenizer)


def run_stage(*arguments: str | Path) -> tuple[float, float, float]:
    """Run one command of extracot in a process of its own: wall seconds, CPU seconds, peak resident MiB.

    Raises:
        SystemExit: the command failed; it has said why.
    """
    started_s = time.perf_counter()
    command = [sys.executable, "-m", "extracot", *map(str, arguments)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, 1)])
    _, status, usage = os.wait4(pid, 0)
    os.close(nowhere)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - started_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def merge(paths: Sequence[str], target: Path) -> int:
    """All traces as records in one plain file; how many."""
    n = 0
    with JsonlWriter(target, append=False) as writer:
        for path in paths:
            for trace in iterate_traces(path):
                writer.write(trace)
                n += 1
    return n


def multiply(source: Path, target: Path, times: int, keys: Sequence[str]) -> None:
    """The rows so many times; from the second time on the values of `keys` end in the number of the copy."""
    with open(target, "w", encoding="utf-8") as out:
        for copy in range(times):
            for _, row in read_jsonl(source):
                for key in keys if copy else ():
                    row[key] = f"{row[key]} copy {copy + 1}"
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def build(folder: Path, name: str, inputs: Path, options: argparse.Namespace, *sets: str) -> dict[str, Any]:
    """One run of build-sft and what it took."""
    out = folder / name
    wall_s, cpu_s, peak_mib = run_stage(
        "build-sft",
        options.preset,
        "--set",
        *(f"{kind}={inputs / kind}.jsonl" for kind in ("traces", "annotations", "compressions")),
        f"model={folder / 'prepared' / 'model'}",
        f"evaluation_problems={json.dumps(options.evaluation)}",
        *sets,
        *options.set,
        "--out",
        out,
        "--overwrite",
    )
    manifest = json.loads((out / "manifest.json").read_text())
    card = json.loads((out / "records" / "card.json").read_text())
    return {
        "traces": card["n_traces"],
        "rows": card["n_rows"],
        "wall, s": wall_s,
        "stage, s": manifest["duration_s"],
        "CPU, s": cpu_s,
        "traces/s": card["n_traces"] / manifest["duration_s"],
        "traces/CPU s": card["n_traces"] / cpu_s,
        "peak MiB": peak_mib,
        "card": card,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="speed, memory and rejections of build-sft on real traces")
    parser.add_argument("--traces", nargs="+", required=True, help="`.jsonl` or `.jsonl.gz` with question, cot, answer")
    parser.add_argument("--evaluation", nargs="*", default=[], help="problem files for the leak check")
    parser.add_argument("--texts", nargs="*", default=[], help="further files that the vocabulary is learnt on")
    parser.add_argument("--vocabulary", type=int, default=150_000, help="tokens at most (default: 150000)")
    parser.add_argument("--scales", nargs="+", type=int, default=[1, 2, 4], help="times the input (default: 1 2 4)")
    parser.add_argument("--preset", default="build-sft-cot", help="preset or file (default: build-sft-cot)")
    parser.add_argument("--set", nargs="*", default=[], help="further key=value of build-sft")
    parser.add_argument("--folder", help="keep everything here, and take from here what an earlier call made")
    parser.add_argument("--json", help="write all figures here too")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(options.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        measure(options, folder)


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Make the inputs, run, print the tables."""
    once = folder / "x1"
    once.mkdir(parents=True, exist_ok=True)
    if not (folder / "ready.json").exists():
        n = merge(options.traces, once / "traces.jsonl")
        texts = texts_of([*options.traces, *options.texts])
        model, n_tokens = make_model(folder, texts, options.vocabulary, [0.2, 0.4, 0.6, 0.8, 1.0])
        traces = f"traces={once / 'traces.jsonl'}"
        run_stage("annotate", "--set", traces, "annotator=slice", "--out", folder / "annotate")
        compress_s = run_stage(
            *("compress", "--set", traces, "scorer=slice", "ratios=[0.2, 0.4, 0.6, 0.8]", f"tokenizer={model}"),
            *("--out", folder / "compress"),
        )[0]
        for stage, name in (("annotate", "annotations"), ("compress", "compressions")):
            (once / f"{name}.jsonl").write_bytes((folder / stage / "records" / f"{name}.jsonl").read_bytes())
        (folder / "ready.json").write_text(json.dumps({"traces": n, "tokens": n_tokens, "compress_s": compress_s}))
    ready = json.loads((folder / "ready.json").read_text())
    print(f"{ready['traces']} traces, vocabulary of {ready['tokens']} tokens\n")

    table = build(folder, "table", once, options)
    print(rejections(table["card"]), end="\n\n")
    runs = []
    for scale in options.scales:
        inputs = folder / f"x{scale}"
        if scale != 1:
            inputs.mkdir(exist_ok=True)
            multiply(once / "traces.jsonl", inputs / "traces.jsonl", scale, ["id", "problem_id", "question"])
            multiply(once / "annotations.jsonl", inputs / "annotations.jsonl", scale, ["trace_id"])
            multiply(once / "compressions.jsonl", inputs / "compressions.jsonl", scale, ["trace_id", "problem_id"])
        runs.append(build(folder, f"run-x{scale}", inputs, options, "filters.max_seen_overlap=null"))
    columns = ["traces", "rows", "stage, s", "CPU, s", "traces/s", "traces/CPU s", "peak MiB"]
    named = dict(zip([f"{scale}x" for scale in options.scales], runs, strict=True))
    print(markdown_table(["input", *columns], [[name, *map(run.get, columns)] for name, run in named.items()]))
    write_json(options.json, {**ready, "table": table, "runs": named})


def rejections(card: dict[str, Any]) -> str:
    """What every filter took, of traces and of renderings at each ratio."""
    traces = markdown_table(
        ["traces", "n"],
        [["read", card["n_traces"]]]
        + [[f"– {name}", n] for name, n in card["dropped_traces"].items() if n]
        + [["kept", card["n_traces_kept"]]],
    )
    ratios = list(card["n_usable"])
    faults = markdown_table(
        ["renderings", *ratios],
        [
            [f"– {name}", *(by_ratio[ratio] for ratio in ratios)]
            for name, by_ratio in card["compression_faults"].items()
            if any(by_ratio.values())
        ]
        + [["usable", *(card["n_usable"][ratio] for ratio in ratios)]],
    )
    return f"{traces}\n\n{faults}"


if __name__ == "__main__":
    main()

"""How fast chains of thought are cut: `make bench`.

Without options it cuts toy chains of thought with the model-free scorer, so it measures our own code (segmenting,
ranking, cutting, counting tokens) and no neural network.

With traces it measures the encoder against LLMLingua-2 (`pip install -e '.[bench]'`), both on one untrained model:

    python benchmarks/compression_speed.py --traces traces.jsonl.gz --size tiny --n 48 --json speed.json

There every repeat runs all programs one after the other on one thread, and figures are medians over the repeats:
CPU-seconds of the process, so that other load on the machine hardly counts, and wall seconds. LLMLingua-2 is measured
as users call it, one text at a time, and with the whole list in one call. Ours reads the question before every window
and windows overlap by a quarter; LLMLingua-2 does neither. Columns: "fed / tokens" is what the encoder was fed, padding
included, over the tokens of the traces; "CPU / ours" the median over the repeats of CPU-seconds over ours; "whole /
forward" our whole call over the forward passes of the encoder in that same call.

With --long it cuts texts of up to a megabyte on one line, by slicing or by --compressor.

With traces and a device it measures our encoder alone there (LLMLingua-2 is not needed), on untrained models and on a
trained one:

    python benchmarks/compression_speed.py --traces traces.jsonl.gz --device cuda --size base --compressor default

Wall seconds of a whole call that nothing disturbs, and of one in which the device is waited for before and after every
forward pass; "outside %" is the share of the latter that no forward pass takes.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from random_encoder import SIZES, build_random_encoder
from tables import Cell, markdown_table, write_json

from extracot import Compressor, Passage, SliceScorer
from extracot.models.load import load_tokenizer
from extracot.records.trace import iterate_traces
from extracot.text.units import segment
from extracot.toy.world import sample_problems

TOY_RATIOS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
N_TEXTS_FOR_TOKENIZER = 200
LONG_CHARS = (20_000, 40_000, 80_000)
LONGEST_CHARS = 1_000_000


class Spent(NamedTuple):
    """What one run took."""

    cpu_s: float
    wall_s: float


def measure(work: Callable[[], object]) -> Spent:
    """Run it once."""
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    work()
    return Spent(time.process_time() - cpu_s, time.perf_counter() - wall_s)


def one_by_one(compress: Callable[[str, float], str], texts: Sequence[str], ratios: Sequence[float]) -> None:
    """Every text at every ratio, one call each."""
    for text in texts:
        for ratio in ratios:
            compress(text, ratio)


def one_ratio_a_call(
    compress: Callable[[Sequence[str], float], list[str]], texts: Sequence[str], ratios: Sequence[float]
) -> None:
    """All texts in one call, at one ratio after the other."""
    for ratio in ratios:
        compress(texts, ratio)


def median_ratio(first: Sequence[Spent], second: Sequence[Spent]) -> float:
    """Median over the repeats of CPU-seconds of the first over those of the second, repeat by repeat."""
    return statistics.median(a.cpu_s / b.cpu_s for a, b in zip(first, second, strict=True))


def wait_for_nothing() -> None:
    """A forward pass on the CPU is over when it returns."""


class ForwardClock:
    """Adds up the seconds that a model's forward passes take, and the tokens fed to them."""

    def __init__(self, model: Any, wait: Callable[[], object] = wait_for_nothing) -> None:
        """Start from nothing; `wait` returns when the model's device has done all that it was asked for."""
        self.cpu_s = 0.0
        self.wall_s = 0.0
        self.n_tokens = 0
        self.wait = wait
        self._forward = model.forward
        model.forward = self._timed

    def _timed(self, *args: Any, **kwargs: Any) -> Any:
        self.wait()
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        output = self._forward(*args, **kwargs)
        self.wait()
        self.cpu_s += time.process_time() - cpu_s
        self.wall_s += time.perf_counter() - wall_s
        self.n_tokens += kwargs["input_ids"].numel()
        return output

    def reset(self) -> None:
        """Start from nothing."""
        self.cpu_s, self.wall_s, self.n_tokens = 0.0, 0.0, 0


class Sample(NamedTuple):
    """Traces drawn from a file."""

    passages: list[Passage]
    texts_for_tokenizer: list[str]
    """What the tokenizer of an untrained encoder is learnt from."""


def read_sample(options: argparse.Namespace) -> Sample:
    """Traces of the lengths asked for, spread over the file."""
    traces = [
        trace for trace in iterate_traces(options.traces) if options.min_chars <= len(trace.cot) <= options.max_chars
    ]
    if len(traces) < options.n:
        raise SystemExit(f"{options.traces}: {len(traces)} traces of that length; ask for fewer with --n")
    step = len(traces) // options.n
    passages = [Passage(trace.question, trace.cot, trace.answer or None) for trace in traces[::step][: options.n]]
    return Sample(passages, [trace.cot for trace in traces[:N_TEXTS_FOR_TOKENIZER]])


def compare(options: argparse.Namespace) -> None:
    """Ours against LLMLingua-2 on one untrained encoder."""
    import torch
    from llmlingua_peer import LLMLingua2

    from extracot.compressor.scorers.encoder import EncoderScorer

    torch.set_num_threads(1)
    passages, texts_for_tokenizer = read_sample(options)
    texts = [passage.cot for passage in passages]
    report: dict[str, Any] = {"options": vars(options), "sizes": {}}
    rows: list[list[Cell]] = []
    for size in options.size:
        with tempfile.TemporaryDirectory() as parent:
            folder = build_random_encoder(Path(parent) / "xlm-roberta-large", size, texts_for_tokenizer)
            tokenizer = load_tokenizer(str(folder))
            scorer = EncoderScorer.from_pretrained(folder, device="cpu")
            peer = LLMLingua2(folder, tokenizer)
        ours = Compressor(scorer)
        clocks = {"ours": ForwardClock(scorer.model), "LLMLingua-2": ForwardClock(peer.compressor.model)}
        n_tokens = sum(len(ids) for ids in tokenizer(texts, verbose=False)["input_ids"])
        peer.compress(texts[0], 0.5)  # both warm
        ours.compress_many(passages[:1], [0.5], tokenizer)
        for ratios in (options.ratios, options.ratios[-1:]):
            programs: dict[str, Callable[[], object]] = {
                "ours": partial(ours.compress_many, passages, ratios, tokenizer),
                "LLMLingua-2, one by one": partial(one_by_one, peer.compress, texts, ratios),
            }
            if not options.skip_list:
                programs["LLMLingua-2, list"] = partial(one_ratio_a_call, peer.compress_list, texts, ratios)
            spent: dict[str, list[Spent]] = {name: [] for name in programs}
            shares: list[float] = []
            for _ in range(options.repeats):
                for name, work in programs.items():  # interleaved, so that load on the machine meets them alike
                    clock = clocks[name.partition(",")[0]]
                    clock.reset()
                    spent[name].append(measure(work))
                    if name == "ours":
                        shares.append(spent[name][-1].cpu_s / clock.cpu_s)
            figures: dict[str, Any] = {"whole_over_forward": statistics.median(shares), "n_tokens": n_tokens}
            figures["tokens_fed"] = {name: clock.n_tokens for name, clock in clocks.items()}
            for name, runs in spent.items():
                cpu_s = statistics.median(run.cpu_s for run in runs)
                times = median_ratio(runs, spent["ours"])
                figures[name] = {"runs": [run._asdict() for run in runs], "cpu_s": cpu_s, "times_ours": times}
                wall_s = statistics.median(run.wall_s for run in runs)
                fed = clocks[name.partition(",")[0]].n_tokens / n_tokens
                share = statistics.median(shares) if name == "ours" else None
                rows.append([size, len(ratios), name, cpu_s, wall_s, round(n_tokens / cpu_s), fed, times, share])
            report["sizes"].setdefault(size, {})[f"{len(ratios)} ratios"] = figures
    print(f"{len(texts)} traces, {n_tokens} tokens, medians of {options.repeats} interleaved repeats, one thread\n")
    header = [
        "size",
        "ratios",
        "program",
        "CPU s",
        "wall s",
        "tokens / CPU s",
        "fed / tokens",
        "CPU / ours",
        "whole / forward",
    ]
    print(markdown_table(header, rows, digits=2))
    write_json(options.json, report)


def time_on_device(options: argparse.Namespace) -> None:
    """Our encoder alone on one device: tokens a second, and the share of the time that no forward pass takes."""
    import torch

    from extracot.compressor.scorers.encoder import EncoderScorer

    passages, texts_for_tokenizer = read_sample(options)
    device = torch.device(options.device)
    is_gpu = device.type == "cuda"
    wait = partial(torch.cuda.synchronize, device) if is_gpu else wait_for_nothing
    scorers: dict[str, EncoderScorer] = {}
    with tempfile.TemporaryDirectory() as parent:
        for size in options.size:
            folder = build_random_encoder(Path(parent) / size, size, texts_for_tokenizer)
            scorers[f"{size}, untrained"] = EncoderScorer.from_pretrained(folder, device=options.device)
    if options.compressor:
        scorers[options.compressor] = EncoderScorer.from_pretrained(options.compressor, device=options.device)
    rows: list[list[Cell]] = []
    report: dict[str, Any] = {"options": vars(options), "models": {}}
    report["device"] = torch.cuda.get_device_name(device) if is_gpu else str(device)
    for name, scorer in scorers.items():
        n_tokens = sum(len(ids) for ids in scorer.tokenizer([p.cot for p in passages], verbose=False)["input_ids"])
        work = partial(Compressor(scorer).compress_many, passages, options.ratios, scorer.tokenizer)
        work()  # the first call chooses kernels and fills caches
        wait()
        whole_s = [measure(work).wall_s for _ in range(options.repeats)]  # ends with scores on the CPU: no wait
        clock = ForwardClock(scorer.model, wait)
        shares, forward_s = [], []
        for _ in range(options.repeats):
            clock.reset()
            waited_s = measure(work).wall_s
            forward_s.append(clock.wall_s)
            shares.append(100 * (1 - clock.wall_s / waited_s))
        tokens_per_s = round(n_tokens / statistics.median(whole_s))
        fed, share = clock.n_tokens / n_tokens, statistics.median(shares)
        rows.append([name, statistics.median(whole_s), statistics.median(forward_s), tokens_per_s, fed, share])
        report["models"][name] = {
            "n_tokens": n_tokens,
            "whole_s": whole_s,
            "forward_s": forward_s,
            "tokens_per_s": tokens_per_s,
            "fed_over_tokens": fed,
            "outside_percent": shares,
        }
    print(
        f"{len(passages)} traces at {len(options.ratios)} ratios on {report['device']}, torch {torch.__version__}, "
        f"medians of {options.repeats} repeats\n"
    )
    header = ["model", "whole call s", "forward s", "tokens / s", "fed / tokens", "outside %"]
    print(markdown_table(header, rows, digits=2))
    write_json(options.json, report)


def time_own_code(options: argparse.Namespace) -> None:
    """One ratio and all ratios of toy chains of thought, one passage at a time and all in one call."""
    passages = [
        Passage(problem.question, problem.chain_of_thought(), str(problem.answer))
        for problem in islice(sample_problems("train", 0), options.n)
    ]
    tokenizer = load_tokenizer("toy")
    n_tokens = sum(len(ids) for ids in tokenizer([passage.cot for passage in passages])["input_ids"])
    compressor = Compressor(SliceScorer())
    rows: list[list[Cell]] = []
    for ratios in (TOY_RATIOS[:1], TOY_RATIOS):
        for is_batched in (False, True):
            seconds = []
            for _ in range(options.repeats):
                started = time.perf_counter()
                if is_batched:
                    compressor.compress_many(passages, ratios, tokenizer)
                else:
                    for passage in passages:
                        compressor.compress_many([passage], ratios, tokenizer)
                seconds.append(time.perf_counter() - started)
            best_s = min(seconds)
            rows.append(
                [len(ratios), "one call" if is_batched else "one by one", best_s, options.n / best_s, n_tokens / best_s]
            )
    print(f"{options.n} toy chains of thought, {n_tokens} tokens, best of {options.repeats}\n")
    print(markdown_table(["ratios", "how", "seconds", "CoTs / s", "tokens / s"], rows, digits=2))
    write_json(options.json, {"options": vars(options), "rows": rows})


def long_texts() -> dict[str, str]:
    """Toy chains of thought one after the other: as long as long reasoning gets, and far longer on a single line."""
    some = "\n".join(problem.chain_of_thought() for problem in islice(sample_problems("train", 0), 50))
    text = "\n".join([some] * (LONGEST_CHARS // len(some) + 1))
    texts = {f"{n_chars:,} characters": text[:n_chars] for n_chars in LONG_CHARS}
    return texts | {f"{LONGEST_CHARS:,} on one line": " ".join(text.split())[:LONGEST_CHARS]}


def time_long_texts(options: argparse.Namespace) -> None:
    """Segmenting alone, and a whole call, on texts of growing length: time should grow as they do."""
    tokenizer = load_tokenizer("toy")
    compressor = Compressor(SliceScorer())
    if options.compressor:
        compressor = Compressor.from_pretrained(options.compressor, device=options.device or "cpu")
    rows: list[list[Cell]] = []
    for name, text in long_texts().items():
        passage = Passage("How many shells?", text, None)
        segment_s = min(measure(partial(segment, text, "clause")).cpu_s for _ in range(options.repeats))
        whole_s = min(
            measure(partial(compressor.compress_many, [passage], TOY_RATIOS, tokenizer)).cpu_s
            for _ in range(options.repeats)
        )
        rows.append([name, segment_s, whole_s, round(len(text) / segment_s), round(len(text) / whole_s)])
    print(f"scorer {compressor.scorer.name}, {len(TOY_RATIOS)} ratios, CPU-seconds, best of {options.repeats}\n")
    print(markdown_table(["text", "segmenting s", "whole call s", "characters / s", "whole / s"], rows, digits=2))
    write_json(options.json, {"options": vars(options), "rows": rows})


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", help="a .jsonl or .jsonl.gz of traces: measure the encoder against LLMLingua-2")
    parser.add_argument("--n", type=int, help="chains of thought (default: 500 toy ones, 48 traces)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each program (default: 3)")
    parser.add_argument("--size", nargs="+", choices=list(SIZES), default=["tiny"], help="of the encoder")
    parser.add_argument("--ratios", nargs="+", type=float, default=[0.8, 0.6, 0.4, 0.2], help="all of them, then one")
    parser.add_argument("--min-chars", type=int, default=500, help="of a trace (default: 500)")
    parser.add_argument("--max-chars", type=int, default=4000, help="of a trace (default: 4000)")
    parser.add_argument("--skip-list", action="store_true", help="without LLMLingua-2 on the whole list")
    parser.add_argument("--device", help="torch device (cuda, cpu): measure our encoder alone there; needs --traces")
    parser.add_argument("--compressor", help="with --device or --long: a trained compressor (a folder, or default)")
    parser.add_argument("--long", action="store_true", help="long texts instead: segmenting, and a whole call")
    parser.add_argument("--json", help="write all figures here too")
    options = parser.parse_args()
    if options.device and not options.traces and not options.long:
        parser.error("--device measures on real text: give --traces FILE")
    if options.compressor and not options.device and not options.long:
        parser.error("--compressor is measured by itself: give --device too")
    options.n = options.n or (48 if options.traces else 500)
    if options.long:
        time_long_texts(options)
    elif options.device:
        time_on_device(options)
    elif options.traces:
        compare(options)
    else:
        time_own_code(options)


if __name__ == "__main__":
    main()

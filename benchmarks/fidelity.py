"""What is lost when chains of thought are cut: formulas, the answer, the way to it, and the ratio asked for.

    python benchmarks/fidelity.py --traces traces.jsonl.gz --solutions problems.jsonl --n 200

    pip install -e '.[bench]'     # for --llmlingua
    python benchmarks/fidelity.py --traces traces.jsonl.gz --compressor runs/compressor/model --llmlingua --json f.json

All programs cut the same traces in one run; tokens are those of --tokenizer for all of them. Rows:

- slice, encoder: our compressor with these scorers. Both are told the gold answer, as users tell them: the unit that
  states it stays, and slice starts there.
- random units: the same compressor, units in random order.
- head tokens, tail tokens: the first or last share of the tokens, decoded, as a token limit does it.
- LLMLingua-2: the published procedure on the encoder of --compressor, see llmlingua_peer.py.

Columns, per ratio:

- broken: formulas of which a part is left, in % of those of which anything is left. `units` are the formulas that our
  segmentation finds. `plain` are found by a pattern of this file, which shares nothing with it: LaTeX between
  delimiters, boxes, and arithmetic up to its result. Which characters are left is what each program says (kept spans,
  tokens, words); it is believed where these characters, but for white space, are the text that came out, and else
  words and signs of the output are aligned to the source with difflib.
- answer lost: outputs that do not give the gold answer, in % of the traces that do: those whose last box is the gold
  answer, or that state it where there is no box or text rules cannot tell (`E` for east). A trace that boxes another
  answer has none of ours to lose.
- invalid: outputs with a replacement character, half a surrogate pair, or a sign that the source does not have, %.
- off: mean distance of the actual from the asked ratio, in points. beyond a unit: traces off by more tokens than
  their longest unit has, %.
- way kept: formulas and values on the way to the answer that are left whole, in % of all of them. Where the way goes
  is what `slice` says, so for the row `slice` THIS IS CIRCULAR: it shows what a budget has room for, not how good slice
  is; for an encoder that was trained on labels of slice it is nearly so.
- solution kept: intermediate results: numbers that a human's solution (--solutions) computes and the trace states, but
  for those of the question and the answer: how many of them the output still states, %. No program of ours has a part
  in these labels.

CPU-seconds are for all ratios together.
"""

import argparse
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from tables import Cell, markdown_table, write_json

from extracot import Compressor, Passage, SliceScorer
from extracot.compressor.alignment import Span
from extracot.compressor.answer_unit import gives_answer
from extracot.compressor.costs import token_offsets, unit_costs
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.tokens import count_tokens
from extracot.io.jsonl import read_jsonl
from extracot.models.load import load_tokenizer
from extracot.text.formulas import formula_spans
from extracot.text.slicing import needed_units
from extracot.text.units import UnitKind, segment

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_WHOLE_NUMBER = re.compile(rf"(?<![\w.])(?:{_NUMBER})(?!\w|\.\d)")
_RESULT = re.compile(rf"=\s*[\\$€£]*\s*(-?(?:{_NUMBER}))(?![\w^]|\.\d)")
_OPERAND = rf"[$€£]?(?:{_NUMBER})%?"
_PLAIN_FORMULA = re.compile(
    r"\\\((?:(?!\n\s*\n).){1,400}?\\\)"
    r"|\\\[(?:.){1,2000}?\\\]"
    r"|\$\$(?:.){1,2000}?\$\$"
    # No amount of money, and nothing that looks like prose between two of them.
    r"|(?<![\\$\w])\$(?![\s\d])[^$\n]{1,200}?(?<!\s)\$(?![\d\w])"
    r"|\\boxed\{(?:[^{}]|\{[^{}]*\})*\}"
    rf"|{_OPERAND}(?:\s?[-+*/×÷]\s?{_OPERAND})+(?:\s?=\s?{_OPERAND}(?![\w]))?",
    re.DOTALL,
)
_PIECE = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Case:
    """One trace, and what is to be found again in its outputs."""

    passage: Passage
    n_tokens: int
    longest_unit: int
    """Tokens of it."""
    units: list[Span]
    """Formulas of our segmentation."""
    plain: list[Span]
    """Formulas of the pattern in this file."""
    way: list[Span]
    """Formulas and values on the way to the answer."""
    results: frozenset[str]
    """Numbers that the human solution computes and the trace states."""
    gives_answer: bool


class Cut(NamedTuple):
    """One output."""

    text: str
    kept: list[Span]
    """Characters of the source that it is made of, as its program says."""


Program = Callable[[Sequence[Case], Sequence[float]], list[list[Cut]]]
"""[N] cases and [R] ratios to [N][R] outputs."""


@dataclass(slots=True)
class Counts:
    """Sums over the traces at one ratio."""

    n: int = 0
    broken: dict[str, int] = field(default_factory=lambda: {"units": 0, "plain": 0})
    left: dict[str, int] = field(default_factory=lambda: {"units": 0, "plain": 0})
    n_giving: int = 0
    n_lost: int = 0
    n_invalid: int = 0
    off: float = 0.0
    n_beyond: int = 0
    n_way: int = 0
    n_way_kept: int = 0
    n_results: int = 0
    n_results_kept: int = 0
    n_realigned: int = 0
    """Outputs that are not what their program said, aligned with difflib."""

    def add(self, case: Case, cut: Cut, n_tokens: int, ratio: float) -> None:
        """Count one output."""
        source = case.passage.cot
        kept = cut.kept
        if not agrees(source, cut):
            kept = align(source, cut.text)
            self.n_realigned += 1
        covered = cover(len(source), kept)
        self.n += 1
        for name, formulas in (("units", case.units), ("plain", case.plain)):
            for span in formulas:
                share = share_left(source, span, covered)
                self.left[name] += share > 0
                self.broken[name] += 0 < share < 1
        if case.gives_answer:
            self.n_giving += 1
            self.n_lost += not gives_answer(cut.text, case.passage.answer or "")
        self.n_invalid += has_invalid_characters(source, cut.text)
        missed = abs(n_tokens - ratio * case.n_tokens)
        self.off += missed / case.n_tokens
        self.n_beyond += missed > case.longest_unit
        self.n_way += len(case.way)
        self.n_way_kept += sum(share_left(source, span, covered) == 1 for span in case.way)
        self.n_results += len(case.results)
        self.n_results_kept += len(case.results & whole_numbers(cut.text))

    def figures(self) -> dict[str, float | None]:
        """What the table shows."""
        return {
            "broken, units %": _percent(self.broken["units"], self.left["units"]),
            "broken, plain %": _percent(self.broken["plain"], self.left["plain"]),
            "answer lost %": _percent(self.n_lost, self.n_giving),
            "invalid %": _percent(self.n_invalid, self.n),
            "off, points": 100 * self.off / self.n,
            "beyond a unit %": _percent(self.n_beyond, self.n),
            "way kept %": _percent(self.n_way_kept, self.n_way),
            "solution kept %": _percent(self.n_results_kept, self.n_results),
        }


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def plain_formulas(text: str) -> list[Span]:
    """Formulas that a simple pattern finds; it knows nothing of our segmentation and misses much."""
    return [match.span() for match in _PLAIN_FORMULA.finditer(text)]


def whole_numbers(text: str) -> set[str]:
    """The numbers that a text states, without thousands commas and trailing zeros of decimals."""
    return {_plain_number(match.group()) for match in _WHOLE_NUMBER.finditer(text)}


def _plain_number(number: str) -> str:
    plain = number.replace(",", "").lstrip("-")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def computed_numbers(solution: str, calculations: Sequence[str] = ()) -> set[str]:
    """What a human's solution computes: the last side of each calculation, else what stands behind its `=` signs."""
    found = [text for calculation in calculations for text in _RESULT.findall(calculation)[-1:]]
    return {_plain_number(number) for number in (found or _RESULT.findall(solution))}


def has_invalid_characters(source: str, text: str) -> bool:
    """Whether the text has a replacement character, half a surrogate pair, or a sign that the source does not have."""
    new = {character for character in set(text) - set(source) if not character.isspace()}
    return bool(new) or "\ufffd" in text or any("\ud800" <= character <= "\udfff" for character in text)


def cover(length: int, kept: Sequence[Span]) -> bytearray:
    """One flag per character: whether it lies in a kept span."""
    covered = bytearray(length)
    for start, end in kept:
        covered[start:end] = b"\x01" * (end - start)
    return covered


def share_left(source: str, span: Span, covered: bytearray) -> float:
    """How much of a span is left, white space aside."""
    flags = [covered[index] for index in range(*span) if not source[index].isspace()]
    return sum(flags) / len(flags) if flags else 0.0


def agrees(source: str, cut: Cut) -> bool:
    """Whether the kept characters are the output, white space and case aside."""
    said = "".join(source[start:end] for start, end in cut.kept)
    return "".join(said.split()).casefold() == "".join(cut.text.split()).casefold()


def align(source: str, text: str) -> list[Span]:
    """Which characters of the source a text consists of, by the longest common runs of words and signs."""
    pieces = list(_PIECE.finditer(source))
    matcher = SequenceMatcher(
        None, [piece.group().casefold() for piece in pieces], [word.casefold() for word in _PIECE.findall(text)], False
    )
    return [
        pieces[index].span()
        for block in matcher.get_matching_blocks()
        for index in range(block.a, block.a + block.size)
    ]


def read_cases(options: argparse.Namespace, tokenizer: "PreTrainedTokenizerBase") -> list[Case]:
    """A sample of the traces, prepared."""
    solutions: dict[str, Mapping[str, Any]] = {}
    for path in options.solutions:
        solutions.update({str(row["id"]): row for _, row in read_jsonl(path) if row.get("id") and row.get("solution")})
    rows = [row for _, row in read_jsonl(options.traces) if row.get("cot") and len(row["cot"]) <= options.max_chars]
    if not rows:
        raise SystemExit(f"{options.traces}: no traces of at most {options.max_chars} characters; raise --max-chars")
    rows = random.Random(options.seed).sample(rows, min(options.n, len(rows)))
    cases = []
    for row, offsets in zip(rows, token_offsets(tokenizer, [row["cot"] for row in rows]), strict=True):
        question, cot, answer = str(row["question"]), str(row["cot"]), str(row.get("answer") or "")
        clauses = [(unit.start, unit.end) for unit in segment(cot, "clause")]
        words = segment(cot, "word")
        way = needed_units(question, cot, answer, words)
        problem = solutions.get(str(row.get("bench_id")))
        results: set[str] = set()
        if problem is not None:
            results = computed_numbers(str(problem["solution"]), problem.get("calc_annotations") or ())
            results = (results & whole_numbers(cot)) - whole_numbers(question) - whole_numbers(answer)
        cases.append(
            Case(
                passage=Passage(question, cot, answer or None),
                n_tokens=len(offsets),
                longest_unit=max(unit_costs(offsets, clauses)),
                units=formula_spans(cot),
                plain=plain_formulas(cot),
                way=[
                    (words[index].start, words[index].end)
                    for index in sorted(way)
                    if words[index].kind is UnitKind.FORMULA or any(c.isdigit() for c in words[index].of(cot))
                ],
                results=frozenset(results),
                gives_answer=bool(answer) and gives_answer(cot, answer),
            )
        )
    return cases


def ours(compressor: Compressor, tokenizer: "PreTrainedTokenizerBase") -> Program:
    """Our compressor; all ratios from one scoring."""

    def run(cases: Sequence[Case], ratios: Sequence[float]) -> list[list[Cut]]:
        results = compressor.compress_many([case.passage for case in cases], ratios, tokenizer)
        return [[Cut(cut.text, list(cut.kept)) for cut in row] for row in results]

    return run


def truncation(tokenizer: "PreTrainedTokenizerBase", is_head: bool) -> Program:
    """The first or the last tokens, decoded."""

    def run(cases: Sequence[Case], ratios: Sequence[float]) -> list[list[Cut]]:
        results = []
        for case in cases:
            encoded = tokenizer(case.passage.cot, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
            row = []
            for ratio in ratios:
                n_kept = max(1, round(ratio * len(ids)))
                own = slice(None, n_kept) if is_head else slice(len(ids) - n_kept, None)
                text = tokenizer.decode(ids[own], clean_up_tokenization_spaces=False)
                row.append(Cut(str(text), [tuple(span) for span in offsets[own]]))
            results.append(row)
        return results

    return run


def llmlingua(folder: str, tokenizer: "PreTrainedTokenizerBase") -> Program:
    """The published compressor, one pass per ratio."""
    from llmlingua_peer import LLMLingua2

    peer = LLMLingua2(folder, tokenizer)

    def run(cases: Sequence[Case], ratios: Sequence[float]) -> list[list[Cut]]:
        results = []
        for case in cases:
            cuts = [peer.shorten(case.passage.cot, ratio) for ratio in ratios]
            results.append([Cut(cut.text, cut.kept) for cut in cuts])
        return results

    return run


def programs(options: argparse.Namespace, tokenizer: "PreTrainedTokenizerBase") -> Iterator[tuple[str, Program]]:
    """The rows, in order."""
    yield "slice", ours(Compressor(SliceScorer(), prose=options.prose), tokenizer)
    if options.compressor:
        encoder = Compressor.from_pretrained(options.compressor, prose=options.prose, device="cpu")
        yield "encoder", ours(encoder, tokenizer)
    yield (
        "random units",
        ours(Compressor(RandomScorer(options.seed), prose=options.prose, resolution=0), tokenizer),
    )
    yield "head tokens", truncation(tokenizer, is_head=True)
    yield "tail tokens", truncation(tokenizer, is_head=False)
    if options.llmlingua:
        yield "LLMLingua-2", llmlingua(options.compressor, tokenizer)


def main() -> None:
    """Read the options, cut, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", required=True, help="a .jsonl or .jsonl.gz of traces")
    parser.add_argument(
        "--solutions", nargs="+", default=[], help="problems with a `solution`; a trace's `bench_id` is their `id`"
    )
    parser.add_argument("--n", type=int, default=200, help="traces, drawn at random (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of that draw and of the random units")
    parser.add_argument("--max-chars", type=int, default=20000, help="leave longer traces out (default: 20000)")
    parser.add_argument("--ratios", nargs="+", type=float, default=[0.1, 0.2, 0.4, 0.6, 0.8])
    parser.add_argument("--tokenizer", default="toy", help="whose tokens count (default: toy)")
    parser.add_argument("--prose", choices=["word", "clause"], default="clause", help="our units of prose")
    parser.add_argument("--compressor", help="folder of a trained compressor: adds the row encoder")
    parser.add_argument("--llmlingua", action="store_true", help="adds LLMLingua-2 on the same folder")
    parser.add_argument("--json", help="write all figures here too")
    options = parser.parse_args()
    if options.llmlingua and not options.compressor:
        parser.error("--llmlingua needs the folder of an encoder: --compressor FOLDER")
    import torch

    torch.set_num_threads(1)
    tokenizer = load_tokenizer(options.tokenizer)
    cases = read_cases(options, tokenizer)
    rows: list[list[Cell]] = []
    times: list[list[Cell]] = []
    report: dict[str, Any] = {"options": vars(options), "n_traces": len(cases), "rows": {}}
    header: list[str] = []
    for name, run in programs(options, tokenizer):
        started_s = time.process_time()
        outputs = run(cases, options.ratios)
        cpu_s = time.process_time() - started_s
        label = f"{name} (*)" if name == "slice" else name
        times.append([name, cpu_s, 1000 * cpu_s / len(cases)])
        by_ratio: dict[str, Any] = {}
        for place, ratio in enumerate(options.ratios):
            counts = Counts()
            texts = [row[place].text for row in outputs]
            for case, row, n_tokens in zip(cases, outputs, count_tokens(tokenizer, texts), strict=True):
                counts.add(case, row[place], n_tokens, ratio)
            figures = counts.figures()
            header = list(figures)
            rows.append([ratio, label, *figures.values()])
            by_ratio[f"{ratio:g}"] = figures | {"n_realigned": counts.n_realigned}
        report["rows"][name] = {"cpu_s": cpu_s, "ratios": by_ratio}
    n_joined = sum(bool(case.results) for case in cases)
    print(
        f"{len(cases)} traces, {sum(case.n_tokens for case in cases)} tokens; {sum(len(case.units) for case in cases)} "
        f"formulas, {sum(len(case.plain) for case in cases)} by the plain pattern; {n_joined} traces with a solution\n"
    )
    rows.sort(key=lambda row: float(row[0] or 0))
    print(markdown_table(["ratio", "program", *header], rows))
    print("\n(*) `way kept` is circular here: slice made the labels.\n")
    print(markdown_table(["program", "CPU s, all ratios", "CPU ms a trace"], times))
    write_json(options.json, report)


if __name__ == "__main__":
    main()

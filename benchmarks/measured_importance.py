"""Whether scores agree with importance that was measured by resampling chains of thought.

    python benchmarks/measured_importance.py --anchors anchors.jsonl.gz --compressor runs/compressor/model

Takes rows of `question, cot, response, chunks` where every chunk is a sentence of the `cot` with the importances that
"Thought Anchors" (arXiv 2506.19143) measured: the trace is written anew from that sentence, many times, and the final
answers are compared with those that follow when the sentence stays. Nothing here trains; the anchors only measure.

Scores of units are pooled to sentences (mean over the characters without white space, or the maximum: --pool), ranked
within each trace and correlated (Spearman, ties share their rank) with

- counterfactual KL: divergence of the answers after sentences of another meaning from those after this one;
- resampling KL: the same, whatever the new sentence means;
- |accuracy|, of both: absolute difference of the share of right answers.

Absolute, as in the analysis scripts of that project: the signed difference says whether a sentence led to the gold
answer or away from it, while a compressor has to keep what led to the answer that the trace gives. KL is that without a
sign and sees changes among wrong answers too: it is what to look at first. A trace where a scorer has one and the same
score for all sentences counts as no correlation; "flat" says how many those are.

Where a sentence stands says most about what was measured: early ones decide how a trace goes, and once its answer is
settled nothing changes it any more, the sentence that computes it least of all. So the two columns "at equal position"
give the partial rank correlation with KL, the sentence's number held fixed.

The mean over traces comes with a 95 % interval from drawing questions with replacement: the traces of one question are
not independent. slice is told the answer that the trace itself gives, also where that is wrong, as no gold answer may
help. Rows: slice, the encoder, LLMLingua-2's word probabilities under that encoder (`pip install -e '.[bench]'`),
random units, sentences nearer to the head or the tail, and longer ones.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas
from tables import Cell, markdown_table, write_json

from extracot import Passage, SliceScorer
from extracot.compressor.alignment import Span
from extracot.compressor.scorers.random import RandomScorer
from extracot.compressor.scorers.scorer import Scorer
from extracot.io.jsonl import read_jsonl
from extracot.text.answers import last_boxed
from extracot.text.units import segment

IMPORTANCES = {
    "counterfactual KL": "counterfactual_importance_kl",
    "resampling KL": "resampling_importance_kl",
    "|counterfactual accuracy|": "counterfactual_importance_accuracy",
    "|resampling accuracy|": "resampling_importance_accuracy",
}
AT_EQUAL_POSITION = ("counterfactual KL", "resampling KL")
Pool = Literal["mean", "max"]


@dataclass(frozen=True, slots=True)
class Anchored:
    """A trace with measured sentences."""

    id: str
    passage: Passage
    sentences: list[Span]
    importances: dict[str, list[float]]
    """By column, one per sentence."""


Row = Callable[[Anchored], list[float]]
"""A score per sentence."""


def sentence_spans(text: str, sentences: Sequence[str]) -> list[Span]:
    """Where the sentences stand in the text that they make up, white space aside.

    Raises:
        ValueError: they do not make up the text.
    """
    places = [index for index, character in enumerate(text) if not character.isspace()]
    spans = []
    n_read = 0
    for sentence in sentences:
        plain = "".join(sentence.split())
        own = places[n_read : n_read + len(plain)]
        if not plain or "".join(text[index] for index in own) != plain:
            raise ValueError(f"sentence {len(spans)} is not what the text goes on with: {sentence[:60]!r}")
        spans.append((own[0], own[-1] + 1))
        n_read += len(plain)
    return spans


def pool(text: str, pieces: Sequence[tuple[Span, float]], sentences: Sequence[Span], how: Pool) -> list[float]:
    """Scores of pieces as scores of sentences.

    Args:
        text: what the spans index.
        pieces: ascending, without overlap, each with its score; what lies between them has none.
        sentences: ascending, without overlap.
        how: mean over the characters that are no white space, or the best piece.

    Returns:
        One per sentence; one without any piece takes the lowest score of all.
    """
    lowest = min((score for _, score in pieces), default=0.0)
    pooled = []
    first = 0
    for start, end in sentences:
        while first < len(pieces) and pieces[first][0][1] <= start:
            first += 1
        shares: list[tuple[float, int]] = []
        index = first
        while index < len(pieces) and pieces[index][0][0] < end:
            (piece_start, piece_end), score = pieces[index]
            n_chars = len("".join(text[max(start, piece_start) : min(end, piece_end)].split()))
            if n_chars:
                shares.append((score, n_chars))
            index += 1
        if not shares:
            pooled.append(lowest)
        elif how == "max":
            pooled.append(max(score for score, _ in shares))
        else:
            pooled.append(sum(score * n for score, n in shares) / sum(n for _, n in shares))
    return pooled


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's, ties sharing their mean rank; None where one side is all the same."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    ranks = [pandas.Series(list(values)).rank().tolist() for values in (first, second)]
    return statistics.correlation(*ranks)


def correlation_at_equal_position(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Partial Spearman's, the place in the list held fixed; None where a side is all the same or is the place."""
    place = list(range(len(first)))
    both = rank_correlation(first, second)
    first_place, second_place = rank_correlation(first, place), rank_correlation(second, place)
    if both is None or first_place is None or second_place is None:
        return None
    free = (1 - first_place**2) * (1 - second_place**2)
    return (both - first_place * second_place) / free**0.5 if free > 1e-9 else None


def interval(groups: Sequence[Sequence[float]], seed: int, n_draws: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of all values, drawing whole groups."""
    generator = random.Random(seed)
    means = sorted(
        statistics.fmean(value for group in generator.choices(groups, k=len(groups)) for value in group)
        for _ in range(n_draws)
    )
    return means[round(0.025 * (n_draws - 1))], means[round(0.975 * (n_draws - 1))]


def read_anchors(path: str) -> list[Anchored]:
    """All rows of a file."""
    anchored = []
    for number, row in read_jsonl(path):
        chunks = row.get("chunks")
        if not chunks:
            raise SystemExit(f"{path}:{number}: has no `chunks`; this benchmark needs measured sentences")
        try:
            spans = sentence_spans(row["cot"], [chunk["text"] for chunk in chunks])
        except ValueError as error:
            raise SystemExit(f"{path}:{number}: {error}") from error
        given = last_boxed(row.get("response") or "") or last_boxed(row["cot"])
        anchored.append(
            Anchored(
                id=row["id"],
                passage=Passage(row["question"], row["cot"], given),
                sentences=spans,
                importances={
                    name: [abs(float(chunk.get(key) or 0)) for chunk in chunks] for name, key in IMPORTANCES.items()
                },
            )
        )
    return anchored


def of_scorer(scorer: Scorer, prose: Literal["word", "clause"], how: Pool) -> Row:
    """Scores of units, pooled."""

    def score(item: Anchored) -> list[float]:
        units = segment(item.passage.cot, prose)
        [scores] = scorer.score([item.passage], [units])
        pieces = [((unit.start, unit.end), value) for unit, value in zip(units, scores, strict=True)]
        return pool(item.passage.cot, pieces, item.sentences, how)

    return score


def rows_of(options: argparse.Namespace) -> Iterator[tuple[str, Row]]:
    """What is compared, in order."""
    yield "slice", of_scorer(SliceScorer(), options.prose, options.pool)
    if options.compressor:
        from extracot.compressor.scorers.encoder import EncoderScorer

        encoder = EncoderScorer.from_pretrained(options.compressor, device="cpu")
        yield "encoder", of_scorer(encoder, options.prose, options.pool)
    if options.llmlingua:
        from llmlingua_peer import LLMLingua2

        peer = LLMLingua2(options.compressor, encoder.tokenizer)
        yield (
            "LLMLingua-2's words",
            lambda item: pool(
                item.passage.cot, peer.word_probabilities(item.passage.cot), item.sentences, options.pool
            ),
        )
    yield "random units", of_scorer(RandomScorer(options.seed), options.prose, options.pool)
    yield "nearer to the head", lambda item: [-float(index) for index in range(len(item.sentences))]
    yield "nearer to the tail", lambda item: [float(index) for index in range(len(item.sentences))]
    yield "longer sentences", lambda item: [float(end - start) for start, end in item.sentences]


def main() -> None:
    """Read the options, score, correlate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anchors", required=True, help="a .jsonl or .jsonl.gz of traces with measured sentences")
    parser.add_argument("--compressor", help="folder of a trained compressor: adds the row encoder")
    parser.add_argument("--llmlingua", action="store_true", help="adds LLMLingua-2 on the same folder")
    parser.add_argument("--pool", choices=["mean", "max"], default="mean", help="units to sentences (default: mean)")
    parser.add_argument("--prose", choices=["word", "clause"], default="clause", help="our units of prose")
    parser.add_argument("--seed", type=int, default=0, help="of random units and of the intervals")
    parser.add_argument("--json", help="write all figures here too")
    options = parser.parse_args()
    if options.llmlingua and not options.compressor:
        parser.error("--llmlingua needs the folder of an encoder: --compressor FOLDER")
    import torch

    torch.set_num_threads(1)
    anchored = read_anchors(options.anchors)
    questions = sorted({item.passage.question for item in anchored})
    columns = [(name, name, rank_correlation) for name in IMPORTANCES]
    columns += [(f"{name}, at equal position", name, correlation_at_equal_position) for name in AT_EQUAL_POSITION]
    report: dict[str, Any] = {"options": vars(options), "n_traces": len(anchored), "rows": {}}
    table: list[list[Cell]] = []
    for name, score in rows_of(options):
        scores = [score(item) for item in anchored]
        cells: list[Cell] = [name]
        figures: dict[str, Any] = {"flat": sum(len(set(own)) < 2 for own in scores)}
        for title, column, correlate in columns:
            found = [correlate(own, item.importances[column]) for own, item in zip(scores, anchored, strict=True)]
            values = [value or 0.0 for value in found]
            groups = [
                [value for value, item in zip(values, anchored, strict=True) if item.passage.question == question]
                for question in questions
            ]
            low, high = interval(groups, options.seed)
            mean = statistics.fmean(values)
            is_void = all(value is None for value in found)
            cells.append(None if is_void else f"{mean:+.3f} ({low:+.3f} … {high:+.3f})")
            figures[title] = None if is_void else {"mean": mean, "low": low, "high": high, "traces": values}
        table.append([*cells, figures["flat"]])
        report["rows"][name] = figures
    n_sentences = sum(len(item.sentences) for item in anchored)
    print(f"{len(anchored)} traces of {len(questions)} questions, {n_sentences} sentences; pooled by {options.pool}\n")
    print(markdown_table(["score", *(title for title, _, _ in columns), "flat"], table))
    write_json(options.json, report)


if __name__ == "__main__":
    main()

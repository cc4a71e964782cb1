"""When two questions are the same one: by their spelling, or by the runs of words that they share.

A question that a model will be evaluated on must not be trained on, however it is spelt; of two training questions
one is enough.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

_WORD = re.compile(r"[^\W\d_]+|\d+")
_SKETCH_BITS = 1 << 27


def question_key(question: str) -> str:
    """What two spellings of one question share: not letter case, white space, or forms that Unicode calls
    equal.

    Signs count: "3 + 5" and "3 - 5" are two questions.
    """
    text = unicodedata.normalize("NFKC", question).casefold()
    return "".join(char for char in text if not char.isspace() and unicodedata.category(char) != "Cf")


def leak_key(question: str) -> str:
    """Letters and digits alone. Rather too strict: a question lost costs less than a question leaked."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", question).casefold())


def word_ngrams(question: str, n: int) -> set[str]:
    """The different runs of n words, a number being a word; empty for a shorter question."""
    words = _WORD.findall(unicodedata.normalize("NFKC", question).casefold())
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


@dataclass(frozen=True, slots=True)
class EvaluationQuestion:
    """A question that must not be trained on."""

    question: str
    name: str
    """Names it in a report: the file and the problem's id."""


@dataclass(frozen=True, slots=True)
class Leak:
    """An evaluation question found among the training questions."""

    name: str
    """The evaluation question's."""
    overlap: float
    """1 for the same letters and digits; else the share of common runs of words."""
    is_same: bool
    """Letters and digits are the same."""


class EvaluationQuestions:
    """Evaluation questions, to be looked up by a training question."""

    def __init__(self, questions: Iterable[EvaluationQuestion], ngram_words: int, min_overlap: float | None) -> None:
        """
        Args:
            questions: all of them.
            ngram_words: words in a run.
            min_overlap: share of common runs, in (0, 1], from which on a question leaks; None compares letters and
                digits alone.
        """
        self._ngram_words = ngram_words
        self._min_overlap = min_overlap
        self._names: list[str] = []
        self._n_ngrams: list[int] = []
        self._by_key: dict[str, int] = {}
        self._by_ngram: dict[str, list[int]] = defaultdict(list)
        for index, item in enumerate(questions):
            self._names.append(item.name)
            self._by_key.setdefault(leak_key(item.question), index)
            ngrams = word_ngrams(item.question, ngram_words) if min_overlap is not None else ()
            self._n_ngrams.append(len(ngrams))
            for ngram in ngrams:
                self._by_ngram[ngram].append(index)

    def find(self, question: str) -> Leak | None:
        """The evaluation question that this one gives away, the same one or else the most similar one; or None.

        The overlap of two questions is their common runs of words over the runs of the one that has fewer: a question
        inside of a longer one is found too.
        """
        same = self._by_key.get(leak_key(question))
        if same is not None:
            return Leak(self._names[same], 1.0, is_same=True)
        if self._min_overlap is None:
            return None
        ngrams = word_ngrams(question, self._ngram_words)
        common = Counter(index for ngram in ngrams for index in self._by_ngram.get(ngram, ()))
        overlaps = {index: n / min(len(ngrams), self._n_ngrams[index]) for index, n in common.items()}
        best = max(overlaps, key=lambda index: (overlaps[index], -index), default=None)
        if best is None or overlaps[best] < self._min_overlap - 1e-9:
            return None
        return Leak(self._names[best], overlaps[best], is_same=False)


class SeenQuestions:
    """The questions that were kept so far, in little memory: eight bytes for each, and one table for runs of words.

    The table holds one bit per run, at a place that its hash names (16 MiB). Runs of different words may share a
    place: with four million runs 3 % of new ones look old, too few to matter to a share of all runs of a question.
    """

    def __init__(self, ngram_words: int, max_overlap: float | None) -> None:
        """
        Args:
            ngram_words: words in a run.
            max_overlap: the most of a question's runs, in [0, 1], that earlier questions may hold; None does not ask.
        """
        self._ngram_words = ngram_words
        self._max_overlap = max_overlap
        self._keys: set[int] = set()
        self._table = bytearray(_SKETCH_BITS // 8 if max_overlap is not None else 0)

    def add(self, question: str) -> None:
        """Remember a question."""
        self._keys.add(_hash(question_key(question)))
        for place in self._places(question):
            self._table[place >> 3] |= 1 << (place & 7)

    def has(self, question: str) -> bool:
        """Whether it was added, in this spelling or another one."""
        return _hash(question_key(question)) in self._keys

    def overlap(self, question: str) -> float | None:
        """The share of its runs of words that earlier questions hold, where that is above the limit; else None."""
        places = self._places(question)
        if self._max_overlap is None or not places:
            return None
        share = sum(self._table[place >> 3] >> (place & 7) & 1 for place in places) / len(places)
        return share if share > self._max_overlap + 1e-9 else None

    def _places(self, question: str) -> Sequence[int]:
        if self._max_overlap is None:
            return ()
        return [_hash(ngram) % _SKETCH_BITS for ngram in word_ngrams(question, self._ngram_words)]


def _hash(text: str) -> int:
    """64 bits that are the same in every process."""
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")

"""LLMLingua-2 as published (`llmlingua` 0.2.2), made to run offline on any token classifier folder.

Its procedure is left alone: chunks of 510 tokens padded to 512, one pass per ratio, a percentile per chunk, words as
its tokenizer marks them, no question. Three things around it are adapted, since without them it does not start:

- it counts tokens with GPT-3.5's vocabulary, which it downloads; here the target tokenizer counts, which suits it
  better, since that is what its ratio is judged by;
- it knows the two models it was published with by their names; a folder is linked under the name whose tokenizer
  marks words alike, and a byte-level tokenizer (`Ġ`) gets its own word rule and special tokens; one whose tokens leave
  blanks out, as that of the packaged compressor, is made to mark them as `Ġ`, with the same ids for the model;
- it takes label 1 for "keep"; of a model with more tiers of importance the expected tier takes that place.
"""

import contextlib
import os
import tempfile
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from extracot.compressor.alignment import Span
from extracot.compressor.encoder_input import stored_input
from extracot.models.load import resolve_model

_WORD_SEPARATOR, _LABEL_SEPARATOR = "\t\t|\t\t", " "


class Shortened(NamedTuple):
    """One text at one ratio."""

    text: str
    kept: list[Span]
    """Character offsets of the kept words, ascending; words that are not found in the source are left out."""


class LLMLingua2:
    """The published compressor on a model folder."""

    def __init__(self, folder: str | Path, counter: PreTrainedTokenizerBase) -> None:
        """Load it.

        Args:
            folder: a token classifier with a fast tokenizer; `default` is the packaged compressor.
            counter: the target tokenizer.
        """
        try:
            import llmlingua.prompt_compressor as published
            import tiktoken
        except ImportError as error:
            raise SystemExit("llmlingua is missing: pip install -e '.[bench]'") from error
        folder = resolve_model(str(folder))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        self.mark = word_mark(tokenizer)
        self._published: Any = published
        self._links = tempfile.TemporaryDirectory(prefix="llmlingua-")
        name = "bert-base-multilingual-cased" if self.mark == "##" else "xlm-roberta-large"
        link = Path(self._links.name) / name
        os.symlink(Path(folder).resolve(), link)
        encoding = SimpleNamespace(encode=lru_cache(maxsize=None)(lambda text: range(_n_tokens(counter, text))))
        with warnings.catch_warnings(), mock.patch.object(tiktoken, "encoding_for_model", lambda _: encoding):
            warnings.simplefilter("ignore")
            self.compressor: Any = published.PromptCompressor(
                str(link), device_map="cpu", use_llmlingua2=True, model_config={"trust_remote_code": False}
            )
        model = self.compressor.model
        model.eval()
        layout = stored_input(model.config, tokenizer)
        self.compressor.max_seq_len = min(512, layout.max_length)
        if not self.mark:
            self.mark = "Ġ"
            self.compressor.tokenizer = BlankMarker(tokenizer)
            model.forward = _as_unmarked(model.forward, len(tokenizer))
        if len(layout.tiers) != 2:
            model.forward = _as_keep_or_drop(model.forward, layout.tiers)
        if self.mark == "Ġ":
            _use_byte_level_words(self.compressor)

    def compress(self, text: str, ratio: float) -> str:
        """One text at one ratio, as the package returns it."""
        with self._own_dataset():
            return str(self.compressor.compress_prompt(text, rate=ratio)["compressed_prompt"])

    def compress_list(self, texts: Sequence[str], ratio: float) -> list[str]:
        """Many texts in one call; without the filter that is on by default and drops whole texts."""
        with self._own_dataset():
            result = self.compressor.compress_prompt(list(texts), rate=ratio, use_context_level_filter=False)
        return list(result["compressed_prompt_list"])

    def shorten(self, text: str, ratio: float) -> Shortened:
        """The same as `compress`, and which words of the text were kept."""
        with self._own_dataset():
            result = self.compressor.compress_prompt(
                text, rate=ratio, return_word_label=True, word_sep=_WORD_SEPARATOR, label_sep=_LABEL_SEPARATOR
            )
        words, labels = [], []
        for item in result["fn_labeled_original_prompt"].split(_WORD_SEPARATOR):
            word, _, label = item.rpartition(_LABEL_SEPARATOR)
            words.append(self._plain(word))
            labels.append(label == "1")
        places = locate_words(text, words)
        kept = [place for place, is_kept in zip(places, labels, strict=True) if is_kept and place is not None]
        return Shortened(str(result["compressed_prompt"]), kept)

    def word_probabilities(self, text: str) -> list[tuple[Span, float]]:
        """Where each word stands, and how likely it is to be kept."""
        words: list[str] = []
        values: list[float] = []
        merge = self.compressor._PromptCompressor__merge_token_to_word
        average = self.compressor._PromptCompressor__token_prob_to_word_prob

        def record_words(*args: Any, **kwargs: Any) -> Any:
            merged = merge(*args, **kwargs)
            words.extend(merged[0])
            return merged

        def record_values(*args: Any, **kwargs: Any) -> Any:
            means = average(*args, **kwargs)
            values.extend(float(mean) for mean in means)
            return means

        with (
            mock.patch.object(self.compressor, "_PromptCompressor__merge_token_to_word", record_words),
            mock.patch.object(self.compressor, "_PromptCompressor__token_prob_to_word_prob", record_values),
        ):
            self.compress(text, 0.5)
        places = locate_words(text, [self._plain(word) for word in words])
        return [(place, value) for place, value in zip(places, values, strict=True) if place is not None]

    def _plain(self, word: str) -> str:
        if self.mark == "Ġ":
            word = str(self.compressor.tokenizer.convert_tokens_to_string([word]))
        return word.replace("▁", " ").strip()

    @contextlib.contextmanager
    def _own_dataset(self) -> Iterator[None]:
        """Where the published special tokens do not exist in the vocabulary, put the tokenizer's own."""
        if self.mark != "Ġ":
            yield
            return
        with mock.patch.object(
            self._published, "TokenClfDataset", _own_special_tokens(self._published.TokenClfDataset)
        ):
            yield


class BlankMarker:
    """A byte-level tokenizer without blanks, which puts `Ġ` before each token that stands behind one.

    A marked token has an id of its own, the size of the vocabulary above the plain one. For the rest it is the
    tokenizer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._n_tokens = len(tokenizer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, marked."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        tokens = self._tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        ends = [0, *(end for _, end in encoded["offset_mapping"])]
        return [
            f"Ġ{token}" if any(map(str.isspace, text[end:start])) else str(token)
            for token, (start, _), end in zip(tokens, encoded["offset_mapping"], ends, strict=False)
        ]

    def convert_tokens_to_ids(self, tokens: Sequence[str]) -> list[int]:
        """Ids, marked ones above the vocabulary."""
        plain = self._tokenizer.convert_tokens_to_ids([token.removeprefix("Ġ") for token in tokens])
        return [id_ + self._n_tokens * token.startswith("Ġ") for id_, token in zip(plain, tokens, strict=True)]

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """The tokens back, marks included."""
        plain = self._tokenizer.convert_ids_to_tokens([id_ % self._n_tokens for id_ in ids])
        return ["Ġ" * (id_ >= self._n_tokens) + token for id_, token in zip(ids, plain, strict=True)]


def word_mark(tokenizer: PreTrainedTokenizerBase) -> str:
    """How a tokenizer marks words: `##` within (WordPiece), `▁` or `Ġ` before them; "" where blanks leave no trace.

    Raises:
        SystemExit: in another way, which LLMLingua-2 cannot be told.
    """
    pieces = tokenizer.tokenize("one two three, antidisestablishmentarianism")
    for mark in ("##", "▁", "Ġ"):
        if any(piece.startswith(mark) for piece in pieces):
            return mark
    if tokenizer.is_fast and "".join(pieces) == "onetwothree,antidisestablishmentarianism":
        return ""
    raise SystemExit(f"{tokenizer.name_or_path}: marks words with none of ##, ▁ and Ġ, one of which LLMLingua-2 needs")


def locate_words(text: str, words: Sequence[str], reach: int = 400) -> list[Span | None]:
    """Where the words of a text stand in it, from left to right.

    Case, accents and compatibility forms do not count, as some tokenizers take them away. A word that is not found
    within `reach` characters (an unknown token) is None.
    """
    plain = _fold(text)
    places: list[Span | None] = []
    position = 0
    for word in words:
        needle = _fold(word)
        start = plain.find(needle, position, position + reach) if needle else -1
        if start < 0:
            places.append(None)
            continue
        position = start + len(needle)
        places.append((start, position))
    return places


def _fold(text: str) -> str:
    """One lower-case character for each."""
    return "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)[0].lower()
    return plain if len(plain) == 1 else character


def _n_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _as_keep_or_drop(forward: Any, tiers: Sequence[float]) -> Any:
    """A forward pass with two labels, the second as likely as the expected tier is high."""

    def two_labels(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        expected: Tensor = output.logits.softmax(-1) @ torch.tensor(tiers)
        keep = expected.clamp(1e-6, 1 - 1e-6)
        output.logits = torch.stack([(1 - keep).log(), keep.log()], dim=-1)
        return output

    return two_labels


def _as_unmarked(forward: Any, n_tokens: int) -> Any:
    """A forward pass that reads marked ids as plain ones."""

    def plain_ids(*args: Any, input_ids: Tensor, **kwargs: Any) -> Any:
        return forward(*args, input_ids=input_ids % n_tokens, **kwargs)

    return plain_ids


def _own_special_tokens(published: Any) -> Any:
    class Dataset(published):  # type: ignore[misc]
        def __init__(self, texts: Sequence[str], max_len: int, tokenizer: PreTrainedTokenizerBase) -> None:
            super().__init__(texts, max_len, tokenizer)
            end = tokenizer.eos_token
            self.cls_token = tokenizer.cls_token or end
            self.sep_token = tokenizer.sep_token or end
            self.pad_token = tokenizer.pad_token

    return Dataset


def _use_byte_level_words(compressor: Any) -> None:
    """Its rule for words, with `Ġ` (blank) and `Ċ` (line end) in the place of `▁`."""
    import string

    def merge(tokens: Sequence[str], token_probs: Sequence[float], **_: Any) -> Any:
        special = set(compressor.tokenizer.all_special_tokens)
        words: list[str] = []
        values: list[list[float]] = []
        for token, value in zip(tokens, token_probs, strict=True):
            if token in special:
                continue
            if not words or token in string.punctuation or token.startswith(("Ġ", "Ċ")):
                words.append(token)
                values.append([value])
            else:
                words[-1] += token
                values[-1].append(value)
        return words, values, values

    compressor._PromptCompressor__merge_token_to_word = merge

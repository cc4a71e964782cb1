"""A tokenizer for a new encoder, made from the texts that it will read."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD_TOKEN, OPENING_TOKEN, SEPARATOR_TOKEN = "<pad>", "<cls>", "<sep>"

_BLANKS = r"[^\S\n]+"
_PIECE = r"\\\p{L}+|\p{L}+|\d{1,3}|\n+|[^\s\p{L}\d]{1,3}"
"""A LaTeX command, a word, up to three digits, line ends, or up to three signs."""


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE whose offsets are exact and to which no text is unknown.

    Blanks only part the tokens and are no part of them, so that `42` behind a space and `42` behind a bracket are
    the same token: a value is found again by what it is. Texts therefore do not come back out of it exactly, which
    nobody asks of the tokenizer of a classifier.

    Args:
        texts: what to learn the merges from.
        vocab_size: upper limit, the special tokens and the 256 bytes included; the same texts give the same
            tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_BLANKS), behavior="removed"),
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=3,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[PAD_TOKEN, OPENING_TOKEN, SEPARATOR_TOKEN],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        cls_token=OPENING_TOKEN,
        sep_token=SEPARATOR_TOKEN,
        clean_up_tokenization_spaces=False,
    )

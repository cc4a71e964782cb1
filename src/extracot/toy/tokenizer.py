"""The toy model's tokenizer: a byte-level BPE in which every toy word and every number up to 99 is one token."""

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from extracot.toy.corpus import sample_texts

PAD_TOKEN = "<|endoftext|>"
TURN_START, TURN_END = "<|im_start|>", "<|im_end|>"
THINK_START, THINK_END = "<think>", "</think>"

_PIECE = r" ?\p{L}+| ?\d{1,2}| ?[^\s\p{L}\d]+|\s"
"""A word, a number of at most two digits, or a run of signs, each with one leading space; white space alone."""

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def build_tokenizer(vocab_size: int = 768) -> PreTrainedTokenizerFast:
    """Train the tokenizer on the toy corpus; any text round-trips exactly, since every byte is in its alphabet.

    Args:
        vocab_size: upper limit, added tokens not counted; training stops earlier when every piece is one token.

    Source: byte-level BPE as in GPT-2, numbers cut into pairs of digits.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[PAD_TOKEN, TURN_START, TURN_END],
        show_progress=False,
    )
    tokenizer.train_from_iterator(sample_texts(seed=0, n=2000), trainer)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        eos_token=TURN_END,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        chat_template=CHAT_TEMPLATE,
    )
    fast.add_tokens([AddedToken(t, special=False, normalized=False) for t in (THINK_START, THINK_END)])
    return fast

"""An untrained encoder with its own tokenizer, in a folder that LLMLingua-2 and extracot both load.

Speed does not depend on what a model has learnt, so that two programs can be timed on one model without a download.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

SIZES: Final = {"tiny": (64, 2), "base": (768, 12)}
"""Width and layers."""


def build_random_encoder(folder: Path, size: str, texts: Sequence[str], seed: int = 0) -> Path:
    """Write an XLM-RoBERTa token classifier with random weights; of two labels, reading 512 tokens at once.

    Args:
        folder: where to; its path should contain `xlm-roberta-large`, which LLMLingua-2 looks for.
        size: a key of SIZES.
        texts: what its Unigram tokenizer of at most 8,000 pieces is learnt from.
        seed: of the weights.
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForTokenClassification

    width, n_layers = SIZES[size]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=8000, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        cls_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=512,
    )
    config = XLMRobertaConfig(
        vocab_size=len(fast),
        hidden_size=width,
        num_hidden_layers=n_layers,
        num_attention_heads=max(2, width // 64),
        intermediate_size=4 * width,
        max_position_embeddings=514,
        pad_token_id=1,
        num_labels=2,
        # Larger than usual: scores should differ, or a threshold has nothing to cut.
        initializer_range=0.05,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = XLMRobertaForTokenClassification(config)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder

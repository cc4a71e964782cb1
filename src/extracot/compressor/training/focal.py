"""The loss of the token classifier."""

from collections.abc import Sequence

import torch
from torch import Tensor

IGNORED = -100
"""Label of tokens that are no part of the chain of thought, or that no annotation covers."""

_LEAST_MISS = 1e-6
"""Keeps the power of (1 - p) differentiable where p rounds to 1."""


def focal_loss(logits_NC: Tensor, labels_N: Tensor, weights_C: Tensor, focus: float) -> Tensor:
    """Cross-entropy that looks away from tokens already told well.

    `-mean_i [ weights[y_i] * (1 - p_i)^focus * log p_i ]` with p_i the probability of the right label.

    Args:
        logits_NC: [N, C] float, for C labels.
        labels_N: [N] int in 0..C-1, or IGNORED.
        weights_C: [C] float, not negative.
        focus: λ of the method; 0 gives weighted cross-entropy.

    Returns:
        A scalar. The mean is over the labelled tokens, whatever their weights.

    Raises:
        ValueError: no token has a label.

    Source: METHOD section 2.3; Lin et al., arXiv 1708.02002, eq. 5.
    """
    is_labelled = labels_N != IGNORED
    if not is_labelled.any():
        raise ValueError("no token of the batch has a label")
    labels = labels_N[is_labelled]
    log_probs = logits_NC[is_labelled].float().log_softmax(-1).gather(-1, labels[:, None])[:, 0]
    misses = (1 - log_probs.exp()).clamp_min(_LEAST_MISS)
    return -(weights_C[labels] * misses.pow(focus) * log_probs).mean()


def class_weights(n_tokens_C: Sequence[int], evenness: float) -> Tensor:
    """Weights that lift rare labels.

    Args:
        n_tokens_C: [C] tokens of each label in the training set.
        evenness: 0 weighs every token alike, 1 every label alike, 0.5 lies between.

    Returns:
        [C] float, scaled so that the mean weight of a token is 1; 1 for a label that never occurs.
    """
    counts_C = torch.tensor(n_tokens_C, dtype=torch.float32)
    raw_C = torch.where(counts_C > 0, counts_C.clamp_min(1).pow(-evenness), 0.0)
    scale = counts_C.sum() / (raw_C * counts_C).sum().clamp_min(1e-12)
    return torch.where(counts_C > 0, raw_C * scale, 1.0)

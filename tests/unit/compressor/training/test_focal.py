"""The focal loss, against values worked out by hand."""

import math

import pytest
import torch

from extracot.compressor.training.focal import IGNORED, class_weights, focal_loss


def logits_of(*probabilities: tuple[float, ...]) -> torch.Tensor:
    """Rows whose softmax gives these probabilities."""
    return torch.tensor(probabilities).log()


def test_one_token_by_hand() -> None:
    # p = 0.8: 0.5 * (1 - 0.8)^2 * -ln 0.8 = 0.5 * 0.04 * 0.22314 = 0.0044629
    loss = focal_loss(logits_of((0.2, 0.8)), torch.tensor([1]), torch.tensor([1.0, 0.5]), focus=2.0)
    assert loss.item() == pytest.approx(0.5 * 0.04 * -math.log(0.8), rel=1e-5)


def test_the_mean_is_over_labelled_tokens_whatever_their_weights() -> None:
    # (3 * -ln 0.5 + 1 * -ln 0.25) / 2; the third token has no label.
    logits = logits_of((0.5, 0.5), (0.75, 0.25), (0.1, 0.9))
    loss = focal_loss(logits, torch.tensor([0, 1, IGNORED]), torch.tensor([3.0, 1.0]), focus=0.0)
    assert loss.item() == pytest.approx((3 * math.log(2) + math.log(4)) / 2, rel=1e-5)


def test_without_focus_and_weights_it_is_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 5, generator=generator)
    labels = torch.randint(0, 5, (20,), generator=generator)
    expected = torch.nn.functional.cross_entropy(logits, labels)
    assert focal_loss(logits, labels, torch.ones(5), focus=0.0).item() == pytest.approx(
        expected.item(), rel=1e-5
    )


def test_ignored_tokens_get_no_gradient() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    focal_loss(logits, torch.tensor([1, IGNORED]), torch.ones(3), focus=2.0).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() > 0
    assert logits.grad[1].abs().sum() == 0


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0])
def test_a_certain_token_gives_finite_gradients(focus: float) -> None:
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0]), torch.ones(2), focus).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_a_batch_without_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="no token"):
        focal_loss(torch.zeros(1, 2), torch.tensor([IGNORED]), torch.ones(2), 2.0)


def test_weights_lift_rare_labels_and_leave_the_mean_at_one() -> None:
    # Counts 4 and 1: raw 4^-1/2 = 1/2 and 1; the mean over 5 tokens is (4/2 + 1)/5 = 3/5, so divide by it.
    assert class_weights([4, 1], 0.5).tolist() == pytest.approx([5 / 6, 5 / 3])
    assert class_weights([4, 1], 0.0).tolist() == pytest.approx([1.0, 1.0])
    assert class_weights([4, 1], 1.0).tolist() == pytest.approx([5 / 8, 5 / 2])


def test_a_label_that_never_occurs_weighs_one() -> None:
    assert class_weights([2, 0], 1.0).tolist() == pytest.approx([1.0, 1.0])

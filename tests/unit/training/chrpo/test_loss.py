import math

import pytest
import torch

from extracot.training.chrpo.loss import head_loss, kl_to_reference


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient", "is_clipped"),
    [
        (1.0, 2.0, -2.0, -2.0, False),  # on policy: -A, gradient -ρA
        (1.0, -2.0, 2.0, 2.0, False),
        (1.1, 2.0, -2.2, -2.2, False),  # inside the band
        (1.5, 2.0, -2.4, 0.0, True),  # -min(3.0, 1.2·2): clipped, no gradient
        (1.5, -2.0, 3.0, 3.0, False),  # -min(-3.0, -2.4): getting worse is not clipped
        (0.5, -2.0, 1.6, 0.0, True),  # -min(-1.0, -1.6) = 1.6: clipped
        (0.5, 2.0, -1.0, -1.0, False),  # -min(1.0, 1.6)
    ],
)
def test_the_head_loss_is_the_clipped_objective(
    ratio: float, advantage: float, loss: float, gradient: float, is_clipped: bool
) -> None:
    old_logps_B = torch.tensor([-1.0], dtype=torch.float64)
    logps_B = (old_logps_B + math.log(ratio)).requires_grad_()
    result = head_loss(logps_B, old_logps_B, torch.tensor([advantage], dtype=torch.float64), 0.2, 0.2)
    result.loss_B.sum().backward()
    assert result.loss_B.item() == pytest.approx(loss)
    assert logps_B.grad is not None and logps_B.grad.item() == pytest.approx(gradient)
    assert result.is_clipped_B.item() is is_clipped


def test_the_kl_estimate_is_zero_at_equality_and_positive_elsewhere() -> None:
    logps_B = torch.tensor([-1.0, -1.0, -1.0], dtype=torch.float64)
    # gap 0.5: e^0.5 - 0.5 - 1; gap -0.5: e^-0.5 + 0.5 - 1
    kl_B = kl_to_reference(logps_B, torch.tensor([-1.0, -0.5, -1.5], dtype=torch.float64))
    expected = torch.tensor([0.0, math.exp(0.5) - 1.5, math.exp(-0.5) - 0.5], dtype=torch.float64)
    torch.testing.assert_close(kl_B, expected)

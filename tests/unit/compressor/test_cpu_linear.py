"""Linear layers by oneDNN."""

import pytest
import torch
from torch import nn

from extracot.compressor.scorers.cpu_linear import OneDnnLinear, is_available, use_onednn


@pytest.mark.skipif(not is_available(), reason="this torch has no oneDNN operator for linear layers")
@pytest.mark.parametrize("has_bias", [True, False])
def test_products_are_those_of_a_plain_layer_but_for_rounding(has_bias: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(24, 40, bias=has_bias), nn.GELU(), nn.Linear(40, 3, bias=has_bias))
    inputs_BLD = torch.randn(2, 7, 24)
    with torch.inference_mode():
        expected = model(inputs_BLD)
        use_onednn(model)
        assert isinstance(model[0], OneDnnLinear) and isinstance(model[2], OneDnnLinear)
        torch.testing.assert_close(model(inputs_BLD), expected, atol=1e-5, rtol=1e-5)


def test_layers_of_another_precision_or_kind_are_let_be() -> None:
    class OwnLinear(nn.Linear):
        """What a library may have put there."""

    model = nn.Sequential(nn.Linear(2, 2, dtype=torch.float64), OwnLinear(2, 2))
    use_onednn(model)
    assert [type(layer) for layer in model] == [nn.Linear, OwnLinear]

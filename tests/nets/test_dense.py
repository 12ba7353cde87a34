import pytest
import torch

from gennari.nets.dense import Dense


@pytest.mark.parametrize("autocast", [False, True])
def test_a_dense_layer_computes_in_float32_under_autocast_too(autocast: bool):
    layer, x = Dense(5, 3), torch.randn(4, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        out = layer(x)
        assert layer(x.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(out, x @ layer.weight.T + layer.bias)

import pytest
import torch
from torch.nn import functional

from gennari.nets.residual import ResidualBlock
from gennari.nets.sizes import KERNEL
from gennari.nets.texture import conv_block


def _moved(block: ResidualBlock) -> ResidualBlock:
    """In evaluation mode, its batch norms no identities."""
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for value in (module.weight, module.bias, module.running_mean):
                torch.nn.init.uniform_(torch.as_tensor(value), 0.5, 1.5)
    return block.eval()


def _unit(block: ResidualBlock, x: torch.Tensor, first: int, last: int, projected: bool) -> torch.Tensor:
    """A unit written out, its shortcut pixel by pixel."""
    layers, rim = dict(block.named_children()), (last - first + 1) * block.rim_px
    y = x
    for i in range(first, last + 1):
        y = layers[f"norm{i}"](layers[f"conv{i}"](y))
        y = torch.relu(y) if i < last else y
    shortcut = torch.empty_like(y)
    for row in range(y.shape[2]):
        for col in range(y.shape[3]):
            pixel = x[:, :, row + rim, col + rim, None, None]
            shortcut[:, :, row, col] = (block.shortcut(pixel) if projected else pixel)[..., 0, 0]
    return torch.relu(y + shortcut)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("width_in", "width"), [(3, 3), (3, 5)], ids=["identity", "projection"])
@torch.no_grad()
def test_a_block_is_units_of_two_convolutions_with_a_shortcut_around_each(padding, width_in: int, width: int):
    block, x = _moved(ResidualBlock(width_in, width, 3, padding)), torch.randn(2, width_in, 9, 11)
    expected = _unit(block, x, 1, 2, projected=width_in != width)
    expected = _unit(block, expected, 3, 3, projected=False)
    torch.testing.assert_close(block(x.clone()), expected)


def test_a_block_leaves_its_input_alone_and_has_the_layers_and_sizes_of_the_papers():
    block, plain = ResidualBlock(4, 6, 2, "valid").eval(), conv_block(4, 6, 2, "valid")
    x = torch.randn(1, 4, 10, 10)
    before = x.clone()
    assert block(x).shape == plain(x).shape == (1, 6, 10 - 2 * (KERNEL - 1), 6)
    assert torch.equal(x, before)
    theirs = set(plain.state_dict())
    assert {name for name in block.state_dict() if not name.startswith("shortcut.")} == theirs


def test_gradients_go_around_the_convolutions():
    block, x = ResidualBlock(4, 4, 2, "same"), torch.rand(2, 4, 6, 6, requires_grad=True)
    with torch.no_grad():
        for name, value in block.named_parameters():
            if name.startswith(("conv", "norm")):
                value.zero_()
    out = block(x)
    torch.testing.assert_close(out, functional.relu(x))
    out.sum().backward()
    assert x.grad is not None
    assert bool((x.grad == 1).all())

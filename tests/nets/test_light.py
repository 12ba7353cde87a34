from pathlib import Path

import pytest
import torch

from gennari.nets.area_unet import AreaUNet
from gennari.nets.field_of_view import halo_px
from gennari.nets.light import LightDecoder
from gennari.nets.sizes import PRESETS, TextureConfig, unet_sizes, valid_inputs
from gennari.nets.weights import load_area_unet, read_tensors, save_net

SMALL = TextureConfig(spacing_um=32, patch_px=40, stem_stride=1, channels=(4, 6, 8), convs=(2, 2, 1))
WIDTHS = (3, 2, 5)


def _light(config: TextureConfig = SMALL, areas: int = 0) -> AreaUNet:
    return AreaUNet(config, 5, areas, WIDTHS if areas else (), torch.Generator().manual_seed(0), "light").eval()


def _between(x: torch.Tensor, row: float, col: float) -> torch.Tensor:
    """Values (b, c) at a place between the centres of a map's pixels, the border's own beyond them."""
    h, w = x.shape[-2:]
    row, col = min(max(row, 0.0), h - 1.0), min(max(col, 0.0), w - 1.0)
    i, j = int(row), int(col)
    down, right, a, b = min(i + 1, h - 1), min(j + 1, w - 1), row - i, col - j
    above = (1 - b) * x[..., i, j] + b * x[..., i, right]
    return (1 - a) * above + a * ((1 - b) * x[..., down, j] + b * x[..., down, right])


@torch.no_grad()
def test_logits_are_a_linear_function_of_what_the_levels_are_at_a_pixel():
    net = LightDecoder((2, 3, 4), 5)
    maps = [torch.randn(2, width, 16 // 2**i, 16 // 2**i) for i, width in enumerate((2, 3, 4))]
    out = net(maps, (8, 8))  # the middle: from row and column 4
    assert out.shape == (2, 5, 8, 8)
    for row in range(8):
        for col in range(8):
            expected = net.levels[0].bias[None]
            for level, (layer, x) in enumerate(zip(net.levels, maps, strict=True)):
                at = [(k + 4 + 0.5) / 2**level - 0.5 for k in (row, col)]
                expected = expected + _between(x, at[0], at[1]) @ layer.weight[..., 0, 0].T
            torch.testing.assert_close(out[..., row, col], expected)


@torch.no_grad()
def test_without_the_atlas_its_channels_count_as_zeros():
    net, image = _light(areas=7), torch.randn(2, 1, 40, 40)
    nothing = [
        torch.cat([x, x.new_zeros(2, width, *x.shape[2:])], 1)
        for x, width in zip(net.texture(image), WIDTHS, strict=True)
    ]
    torch.testing.assert_close(net(image), net.classify(nothing, (unet_sizes(SMALL, 40).output_px,) * 2))
    atlas = torch.rand(2, 7, 36, 36)
    assert not torch.allclose(net(image, atlas), net(image))


@pytest.mark.parametrize("preset", ["coarse32", "coarse32-stride2", "demo32", "demo32-residual"])
def test_it_gives_the_u_nets_grid_and_sees_no_further(preset: str):
    config = PRESETS[preset]
    before, behind = halo_px(config)
    side = next(px for px in valid_inputs(config, before + behind + 3 * config.period_px, 2000))
    sizes, net = unet_sizes(config, side), _light(config)
    assert not len(net.ups)
    image = torch.randn(1, 1, side, side, requires_grad=True)
    out = net(image)
    assert out.shape == (1, 5, sizes.output_px, sizes.output_px)
    period = 2**config.up_levels
    first = -(-before // config.period_px) * period if config.padding == "same" else 0
    out[..., first : first + period, first : first + period].sum().backward()
    assert image.grad is not None
    rows = torch.nonzero(image.grad.abs().sum(dim=(0, 1, 3))).flatten()
    start = sizes.before_px + first * config.output_stride_px
    assert start - before <= int(rows[0]) < start
    assert start + config.period_px <= int(rows[-1]) < start + config.period_px + behind


def test_its_weights_come_back_and_say_what_they_are(tmp_path: Path):
    path, net = tmp_path / "u.safetensors", _light(areas=7)
    save_net(path, net)
    assert '"decoder":"light"' in read_tensors(path)[1]["net"]
    back, image = load_area_unet(path), torch.randn(1, 1, 40, 40)
    assert back.decoder == "light"
    torch.testing.assert_close(back(image), net(image))
    save_net(path, AreaUNet(SMALL, 5))
    assert "decoder" not in read_tensors(path)[1]["net"]  # as it was written before there was a choice

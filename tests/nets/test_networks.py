import pytest
import torch

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import PRESETS, TextureConfig
from gennari.nets.texture import TextureBranch, initialise

SMALL = TextureConfig(spacing_um=32, patch_px=40, stem_stride=1, channels=(4, 6, 8), convs=(2, 2, 1))
WIDTHS = (3, 2, 5)


def _parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_s2_network_has_the_papers_parameter_counts():
    net = SiameseNet(PRESETS["s2"])
    assert _parameters(net.texture) == 389_504
    assert _parameters(net.dense) == 65_568
    assert _parameters(net.head) == 32 * 3 + 3


def test_initial_weights_are_he_normal_and_follow_the_generator():
    nets = [TextureBranch(PRESETS["s2"], torch.Generator().manual_seed(3)) for _ in range(2)]
    weights = [dict(net.named_parameters()) for net in nets]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    wide = weights[0]["blocks.5.conv2.weight"]
    assert float(wide.detach().std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)
    assert not weights[0]["blocks.5.conv2.bias"].any()


def test_an_up_convolution_keeps_the_scale_of_what_it_gets():
    up = torch.nn.ConvTranspose2d(64, 64, 2, stride=2)
    initialise(up, torch.Generator().manual_seed(0))
    out = up(torch.randn(2, 64, 16, 16, generator=torch.Generator().manual_seed(1)))
    assert float(out.detach().std()) == pytest.approx(2**0.5, rel=0.05)


def test_the_texture_branch_is_stem_relu_and_blocks():
    net = TextureBranch(SMALL).eval()
    image = torch.randn(2, 1, 40, 40)
    x = torch.relu(net.stem(image))
    expected = []
    for block in net.blocks:
        x = block(torch.nn.functional.max_pool2d(expected[-1], 2) if expected else x)
        expected.append(x)
    for got, want in zip(net(image), expected, strict=True):
        torch.testing.assert_close(got, want)


def test_the_stem_has_no_relu_when_the_config_says_so():
    with_relu = TextureBranch(SMALL).eval()
    without = TextureBranch(SMALL.model_copy(update={"stem_relu": False})).eval()
    without.load_state_dict(with_relu.state_dict())
    image = torch.randn(1, 1, 40, 40)
    torch.testing.assert_close(without(image)[0], without.blocks[0](without.stem(image)))
    assert not torch.allclose(without(image)[0], with_relu(image)[0])


def test_same_padding_puts_stem_pixels_on_their_squares():
    config = SMALL.model_copy(update={"stem_stride": 2, "padding": "same", "patch_px": 48})
    net = TextureBranch(config)
    image = torch.zeros(1, 1, 48, 48)
    image[..., 21, 30] = 1
    hit = torch.nonzero((net.stem(net._padded(image)) - net.stem.bias[:, None, None]).abs().sum(dim=(0, 1)))
    assert hit.float().mean(dim=0).tolist() == pytest.approx([10, 15], abs=0.6)
    assert [10, 15] in hit.tolist()


def test_distances_and_places_are_in_mm():
    net = SiameseNet(SMALL)
    net.scale_mm.fill_(50)
    net.centre_mm.copy_(torch.tensor([1.0, 2.0, 3.0]))
    first, second = torch.rand(4, 32), torch.rand(4, 32)
    torch.testing.assert_close(net.distances_mm(first, second), 50 * ((first - second) ** 2).sum(1))
    torch.testing.assert_close(net.coordinates_mm(first), 50 * net.head(first) + torch.tensor([1.0, 2.0, 3.0]))


def test_global_pooling_reads_the_mean_of_the_bottom():
    net = SiameseNet(SMALL.model_copy(update={"pooling": "global"})).eval()
    image = torch.randn(2, 1, 40, 40)
    bottom = net.texture(image)[-1]
    mean = torch.stack([bottom[..., i, j] for i in range(4) for j in range(4)]).mean(0)
    assert bottom.shape == (2, 8, 4, 4)
    torch.testing.assert_close(net.features(image), mean @ net.dense.weight.T + net.dense.bias)


def test_without_the_atlas_zeros_stand_for_its_bottom_and_skips():
    net = AreaUNet(SMALL, 5, 7, WIDTHS).eval()
    image = torch.randn(2, 1, 40, 40)
    skips = [
        torch.cat([x, x.new_zeros(2, w, *x.shape[2:])], 1) for x, w in zip(net.texture(image), WIDTHS, strict=True)
    ]
    x = skips.pop()
    for up, block, skip in zip(net.ups, net.up_blocks, reversed(skips), strict=True):
        x = up(x)
        rim = (skip.shape[-1] - x.shape[-1]) // 2
        end = rim + x.shape[-1]
        x = block(torch.cat([x, skip[..., rim:end, rim:end]], 1))
    torch.testing.assert_close(net(image), net.classify(x))


def test_without_the_atlas_its_batch_norm_statistics_stay():
    net = AreaUNet(SMALL, 5, 7, WIDTHS).train()
    assert net.atlas is not None
    before = {name: value.clone() for name, value in net.atlas.state_dict().items()}
    net(torch.randn(2, 1, 40, 40))
    assert all(torch.equal(value, before[name]) for name, value in net.atlas.state_dict().items())
    net(torch.randn(2, 1, 40, 40), torch.rand(2, 7, 36, 36))
    assert not torch.equal(net.atlas.state_dict()["0.norm1.running_mean"], before["0.norm1.running_mean"])


def test_the_atlas_is_read():
    net = AreaUNet(SMALL, 5, 7, WIDTHS).eval()
    image, atlas = torch.randn(1, 1, 40, 40), torch.rand(1, 7, 36, 36)
    assert not torch.allclose(net(image, atlas), net(image))
    assert not torch.allclose(net(image, atlas), net(image, atlas.flip(1)))


def test_the_output_level_decides_where_the_up_path_ends():
    config = PRESETS["demo32"]
    image = torch.randn(1, 1, 128, 128)
    assert AreaUNet(config, 3)(image).shape == (1, 3, 32, 32)
    assert AreaUNet(config.model_copy(update={"output_level": None}), 3)(image).shape == (1, 3, 64, 64)


def test_every_parameter_gets_a_gradient():
    net = AreaUNet(SMALL, 5, 7, WIDTHS)
    net(torch.randn(2, 1, 40, 40), torch.rand(2, 7, 36, 36)).square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_an_atlas_of_another_size_or_number_of_areas_is_refused():
    net = AreaUNet(SMALL, 5, 7, WIDTHS)
    with pytest.raises(ValueError, match="7 areas on the stem's grid"):
        net(torch.randn(1, 1, 40, 40), torch.rand(1, 7, 40, 40))
    with pytest.raises(ValueError, match="got 6 areas"):
        net(torch.randn(1, 1, 40, 40), torch.rand(1, 6, 36, 36))


def test_atlas_widths_must_name_every_block():
    with pytest.raises(ValueError, match="one width a block"):
        AreaUNet(SMALL, 5, 7, (3, 2))

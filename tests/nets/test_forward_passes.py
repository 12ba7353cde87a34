"""The computed sizes, parameters and operations against passes through the built modules, over inputs that fit."""

from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import PRESETS, TextureConfig, dense_inputs, siamese_sizes, unet_sizes, valid_inputs

ATLAS_WIDTHS = (4, 5, 6, 7, 8, 9)


def _sides(net: torch.nn.Module, *inputs: torch.Tensor | None) -> tuple[dict[str, int], torch.Tensor]:
    """Side of each leaf's output, and the network's output."""
    seen: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out.shape[-1]))
        for name, module in net.named_modules()
        if name and not list(module.children())
    ]
    with torch.no_grad():
        out = net(*inputs)
    for hook in hooks:
        hook.remove()
    return seen, out


def _check_texture(
    seen: dict[str, int], prefix: str, config: TextureConfig, blocks: tuple[tuple[int, ...], ...]
) -> None:
    for i, sides in enumerate(blocks):
        for j, side in enumerate(sides):
            for layer in ("conv", "norm", "relu"):
                assert seen[f"{prefix}{i}.{layer}{j + 1}"] == side
    assert len(blocks) == len(config.channels)


def _check_unet(net: AreaUNet, px: int, device: str) -> None:
    config, sizes = net.config, unet_sizes(net.config, px)
    image = torch.zeros(1, 1, px, px, device=device)
    atlas = torch.zeros(1, net.atlas_channels, sizes.atlas_px, sizes.atlas_px, device=device)
    for prior in (atlas, None):
        seen, logits = _sides(net, image, prior)
        assert seen["texture.stem"] == sizes.stem_px == sizes.atlas_px
        for prefix in ("texture.blocks.", "atlas.") if prior is not None else ("texture.blocks.",):
            last = tuple(seen[f"{prefix}{i}.relu{convs}"] for i, convs in enumerate(config.convs))
            assert last == sizes.blocks
        assert tuple(seen[f"up_blocks.{i}.relu2"] for i in range(config.up_levels)) == sizes.ups
        assert logits.shape == (1, net.classes, sizes.output_px, sizes.output_px)
        assert ("atlas.0.conv1" in seen) == (prior is not None)


@pytest.mark.parametrize("preset", PRESETS)
def test_siamese_sizes_hold_for_a_range_of_patches(preset: str):
    config = PRESETS[preset]
    fitting = valid_inputs(config, config.patch_px, config.patch_px + 3 * 256, "siamese")[:4]
    assert fitting[0] == config.patch_px
    for px in fitting:
        with torch.device("meta"):
            net = SiameseNet(config.model_copy(update={"patch_px": px})).eval()
        seen, out = _sides(net.texture, torch.empty(1, 1, px, px, device="meta"))
        sizes = siamese_sizes(config, px)
        assert seen["stem"] == sizes.stem_px
        _check_texture(seen, "blocks.", config, sizes.blocks)
        cells = 1 if preset == "demo32-residual" else sizes.cells_px**2
        assert net.dense.in_features == dense_inputs(net.config) == cells * config.channels[-1]
        assert out[-1].shape[-1] // 2 == sizes.cells_px


@pytest.mark.parametrize("preset", PRESETS)
def test_unet_sizes_hold_for_a_range_of_windows(preset: str):
    config = PRESETS[preset]
    fitting = valid_inputs(config, 1, 2200)
    assert len(fitting) > 5
    with torch.device("meta"):
        net = AreaUNet(config, 16, 13, ATLAS_WIDTHS[: len(config.channels)]).eval()
    for px in (*fitting[:3], *fitting[3 :: max(1, len(fitting) // 4)]):
        _check_unet(net, px, "meta")


@pytest.mark.parametrize("preset", PRESETS)
def test_sizes_are_those_of_a_pass_with_real_numbers(preset: str):
    config = PRESETS[preset]
    px = valid_inputs(config, 1, 2200)[0]
    _check_unet(AreaUNet(config, 16, 13, ATLAS_WIDTHS[: len(config.channels)]).eval(), px, "cpu")
    px = valid_inputs(config, 1, config.patch_px, "siamese")[0]
    net = SiameseNet(config.model_copy(update={"patch_px": px})).eval()
    features, place = net(torch.zeros(1, 1, px, px))
    assert features.shape == (1, 32)
    assert place.shape == (1, 3)
    _check_texture(
        _sides(net.texture, torch.zeros(1, 1, px, px))[0], "blocks.", config, siamese_sizes(config, px).blocks
    )


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["s2", "s4"])
def test_the_papers_patches_give_features_with_real_numbers(preset: str):
    config = PRESETS[preset]
    net = SiameseNet(config).eval()
    image = torch.zeros(1, 1, config.patch_px, config.patch_px)
    seen, _ = _sides(net, image)
    _check_texture(seen, "texture.blocks.", config, siamese_sizes(config, config.patch_px).blocks)


def test_a_training_step_of_s2_costs_what_the_table_says():
    with torch.device("meta"):
        net, patch = SiameseNet(PRESETS["s2"]), torch.empty(1, 1, 1019, 1019)
    with FlopCounterMode(display=False) as forward:
        features, _ = net(patch)
    with FlopCounterMode(display=False) as backward:
        features.sum().backward()
    assert forward.get_total_flops() == pytest.approx(5.3e9, rel=0.01)
    assert forward.get_total_flops() + backward.get_total_flops() == pytest.approx(15.7e9, rel=0.01)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_unets_parameters_are_those_of_its_layers_counted_by_hand(preset: str):
    config = PRESETS[preset]
    atlas = ATLAS_WIDTHS[: len(config.channels)]
    with torch.device("meta"):
        net = AreaUNet(config, 16, 13, atlas)

    def block(width_in: int, width: int, convs: int) -> int:
        first, others = 9 * width_in * width, (convs - 1) * 9 * width * width
        return first + others + 3 * convs * width  # a bias, and scale and shift of the batch norm

    def branch(width_in: int, widths: tuple[int, ...]) -> int:
        pairs = pairwise((width_in, *widths))
        return sum(block(a, b, convs) for (a, b), convs in zip(pairs, config.convs, strict=True))

    total = 26 * 16 + branch(16, config.channels) + branch(13, atlas)
    if config.encoder == "residual":  # a 1x1 shortcut with scale and shift wherever the width changes
        total += sum(a * b + 2 * b for a, b in pairwise((16, *config.channels)) if a != b)
    width = config.channels[-1] + atlas[-1]
    for level in range(len(config.channels) - 2, config.output_block - 1, -1):
        to = config.channels[level]
        total += 4 * width * to + to + block(to + to + atlas[level], to, 2)
        width = to
    total += 16 * width + 16
    assert sum(p.numel() for p in net.parameters()) == total

import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.field_of_view import field_of_view_um, halo_px
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import (
    PRESETS,
    TextureConfig,
    atlas_spacing_um,
    dense_inputs,
    output_spacing_um,
    siamese_sizes,
    unet_sizes,
    valid_inputs,
)

WINDOWS = {
    "s2": 2043,
    "s4": 2025,
    "coarse16": 256,
    "coarse32": 128,
    "coarse32-stride2": 251,
    "demo32": 128,
    "demo32-narrow": 128,
    "demo32-residual": 128,
}


def test_every_preset_has_a_window_here():
    assert WINDOWS.keys() == PRESETS.keys()


def test_s2_has_the_sizes_of_the_paper():
    sizes = siamese_sizes(PRESETS["s2"], 1019)
    assert sizes.stem_px == 508
    assert sizes.blocks == ((506, 504), (250, 248), (122, 120), (58, 56), (26, 24), (10, 8))
    assert sizes.pooled == (252, 124, 60, 28, 12, 4)
    window = unet_sizes(PRESETS["s2"], 2043)
    assert (window.stem_px, window.blocks[-1], window.ups) == (1020, 24, (44, 84, 164, 324, 644))
    assert window.atlas_px == 1020
    assert output_spacing_um(PRESETS["s2"]) == atlas_spacing_um(PRESETS["s2"]) == 4


@pytest.mark.parametrize(
    ("preset", "window", "stem", "bottom", "ups", "spacing"),
    [
        ("s4", 2025, 506, 8, (12, 20, 36, 68, 132), 8),
        ("coarse16", 256, 252, 24, (44, 84, 164), 16),
        ("coarse32", 128, 124, 24, (44, 84), 32),
        ("coarse32-stride2", 251, 124, 24, (44, 84), 64),
        ("demo32", 128, 64, 8, (16, 32), 128),
    ],
)
def test_the_other_presets_have_the_sizes_of_the_table(preset, window, stem, bottom, ups, spacing):
    sizes = unet_sizes(PRESETS[preset], window)
    assert (sizes.stem_px, sizes.blocks[-1], sizes.ups, sizes.output_px) == (stem, bottom, ups, ups[-1])
    assert output_spacing_um(PRESETS[preset]) == spacing
    assert siamese_sizes(PRESETS[preset], PRESETS[preset].patch_px).cells_px == (2 if "demo" in preset else 4)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_siamese_sizes_are_those_of_a_forward_pass(preset):
    config = PRESETS[preset]
    sizes = siamese_sizes(config, config.patch_px)
    seen: list[tuple[str, int]] = []
    with torch.device("meta"):
        net = SiameseNet(config)
        _watch(net.texture, seen)
        features, place = net(torch.empty(1, 1, config.patch_px, config.patch_px))
    assert dict(seen)["stem"] == sizes.stem_px
    for i, block in enumerate(sizes.blocks):
        assert tuple(px for name, px in seen if name.startswith(f"blocks.{i}.conv")) == block
    assert features.shape == (1, 32)
    assert place.shape == (1, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_unet_sizes_are_those_of_a_forward_pass(preset):
    config = PRESETS[preset]
    sizes = unet_sizes(config, WINDOWS[preset])
    seen: list[tuple[str, int]] = []
    with torch.device("meta"):
        net = AreaUNet(config, 16, 13, (4,) * len(config.channels))
        _watch(net, seen)
        image = torch.empty(1, 1, sizes.input_px, sizes.input_px)
        logits = net(image, torch.empty(1, 13, sizes.atlas_px, sizes.atlas_px))
    sides = dict(seen)
    for branch in ("texture.blocks", "atlas"):
        last = tuple(sides[f"{branch}.{i}.relu{config.convs[i]}"] for i in range(len(config.convs)))
        assert last == sizes.blocks
    assert tuple(sides[f"up_blocks.{i}.relu2"] for i in range(len(sizes.ups))) == sizes.ups
    assert logits.shape == (1, 16, sizes.output_px, sizes.output_px)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_windows_rim_and_output_fill_it(preset):
    config, sizes = PRESETS[preset], unet_sizes(PRESETS[preset], WINDOWS[preset])
    assert sizes.before_px + sizes.output_px * config.output_stride_px + sizes.after_px == sizes.input_px
    assert 2 * sizes.atlas_before_px + sizes.output_px * 2**config.output_block == sizes.stem_px
    if config.padding == "valid":
        assert halo_px(config)[0] == sizes.before_px
        assert halo_px(config)[1] >= sizes.after_px


def test_sizes_that_fit_come_in_the_steps_of_the_table():
    assert valid_inputs(PRESETS["s2"], 1000, 1300, "siamese") == (1019, 1147, 1275)
    assert valid_inputs(PRESETS["s2"], 1000, 1200) == (1019, 1083, 1147)
    assert valid_inputs(PRESETS["s4"], 2000, 2300, "siamese") == (2025, 2281)
    assert valid_inputs(PRESETS["coarse16"], 120, 150, "siamese") == (128, 144)
    assert valid_inputs(PRESETS["coarse32"], 60, 79, "siamese") == (64, 72)
    assert valid_inputs(PRESETS["coarse32-stride2"], 120, 140, "siamese") == (123, 139)
    assert valid_inputs(PRESETS["demo32"], 120, 150) == (128, 144)


def test_fields_of_view_are_those_of_the_table():
    assert field_of_view_um(PRESETS["s2"]) == pytest.approx((1500, 1142), rel=0.03)
    assert field_of_view_um(PRESETS["s4"])[0] == pytest.approx(3000, rel=0.03)
    assert field_of_view_um(PRESETS["coarse16"])[0] == pytest.approx(1500, rel=0.03)
    assert field_of_view_um(PRESETS["demo32-narrow"])[0] < 5500


@pytest.mark.parametrize("preset", ["coarse32", "coarse32-stride2", "demo32", "demo32-narrow", "demo32-residual"])
def test_a_pixel_sees_what_the_arithmetic_says_and_nothing_else(preset):
    config = PRESETS[preset]
    before, behind = halo_px(config)
    side = next(px for px in valid_inputs(config, before + behind + 3 * config.period_px, 2000))
    sizes = unet_sizes(config, side)
    net = AreaUNet(config, 2).eval()
    image = torch.randn(1, 1, side, side, requires_grad=True)
    period = 2**config.up_levels
    first = -(-before // config.period_px) * period if config.padding == "same" else 0
    net(image)[..., first : first + period, first : first + period].sum().backward()
    assert image.grad is not None
    rows = torch.nonzero(image.grad.abs().sum(dim=(0, 1, 3))).flatten()
    start = sizes.before_px + first * config.output_stride_px
    assert start - before <= int(rows[0]) <= start - before + 2
    assert int(rows[-1]) + 1 <= start + config.period_px + behind
    assert int(rows[-1]) + 1 >= start + config.period_px + behind - 2


@pytest.mark.parametrize(
    ("side", "reason"),
    [(1020, "the stem's steps do not fill it"), (1021, "odd side"), (3, "stem's steps"), (7, "nothing is left")],
)
def test_a_side_that_does_not_fit_is_refused_with_the_reason(side, reason):
    with pytest.raises(InputError, match=reason):
        siamese_sizes(PRESETS["s2"], side)


def test_a_window_whose_output_would_vanish_is_refused():
    config = PRESETS["coarse32"]
    assert unet_sizes(config, 48).output_px == 4
    with pytest.raises(InputError, match="steps of 4 px"):
        unet_sizes(config, 44)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"convs": (2, 2)}, "one number a block"),
        ({"stem_stride": 6}, "at least stem_stride"),
        ({"output_level": 3}, "at most the number of blocks"),
        ({"patch_px": 65}, "does not fit"),
        ({"depth": 3}, "Extra inputs"),
        ({"encoder": "resnet"}, "an encoder is paper, residual or an import path 'package.module:Class'"),
        ({"encoder": "os.system"}, "or an import path"),
        ({"encoder": "a:b.c()"}, "or an import path"),
        ({"pooling": "max"}, "'flatten' or 'global'"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        TextureConfig(**{**PRESETS["coarse32"].model_dump(), **change})


def test_a_config_is_written_as_it_was_before_there_was_an_encoder_slot():
    narrow = PRESETS["demo32-narrow"]
    assert narrow.model_dump_json() == (
        '{"spacing_um":32.0,"patch_px":64,"stem_channels":16,"stem_kernel":5,"stem_stride":2,"stem_relu":true,'
        '"channels":[16,32,64,96],"convs":[2,2,2,1],"padding":"same","features":32,"output_level":2}'
    )
    other = PRESETS["demo32-residual"]
    assert other.model_dump() == {**narrow.model_dump(), "encoder": "residual", "pooling": "global"}
    assert TextureConfig.model_validate_json(other.model_dump_json()) == other
    assert TextureConfig.model_validate_json(narrow.model_dump_json()) == narrow


def test_the_dense_layer_reads_every_cell_or_their_mean():
    config = PRESETS["s2"]
    assert dense_inputs(config) == 4 * 4 * 128
    assert dense_inputs(config.model_copy(update={"pooling": "global"})) == 128


def test_sizes_need_no_torch():
    code = "import sys, gennari.nets.field_of_view; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _watch(net: torch.nn.Module, seen: list[tuple[str, int]]) -> None:
    """Note the side of every module's output."""
    for name, module in net.named_modules():
        if name and not list(module.children()):
            module.register_forward_hook(lambda _module, _inputs, out, name=name: seen.append((name, out.shape[-1])))

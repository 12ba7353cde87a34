"""What is printed beside the bars is what the built modules give."""

from itertools import pairwise

import pytest
import torch
from matplotlib.patches import Rectangle

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import PRESETS, siamese_sizes, unet_sizes
from gennari.report.network_figures import Shape, network_figure, traced
from gennari.report.style import to_png

ATLAS_WIDTHS = (8, 16, 16, 32, 32, 64)


def _nets(preset: str, areas: int = 13, further: tuple[str, ...] = ()) -> tuple[SiameseNet, AreaUNet]:
    config = PRESETS[preset]
    with torch.device("meta"):
        widths = ATLAS_WIDTHS[: len(config.channels)]
        return SiameseNet(config, further=further), AreaUNet(config, 16, areas, widths)


def test_a_trace_says_what_a_real_pass_gives_and_leaves_the_network_alone():
    net = SiameseNet(PRESETS["coarse32"]).train()
    seen = traced(net, torch.empty(1, 1, 64, 64, device="meta"))
    assert net.training
    assert net.head.weight.device.type == "cpu"
    stem = net.texture.stem(torch.zeros(1, 1, 64, 64))
    assert seen["texture.stem"] == Shape(stem.shape[1], stem.shape[2])
    assert seen["texture.blocks.2.norm2"] == Shape(64, 8)
    assert seen["dense"] == Shape(32, None)
    assert "classify" not in seen


@pytest.mark.parametrize(
    ("preset", "window_px"),
    [("s2", 2043), ("s4", 2025), ("coarse32-stride2", 251), ("demo32", 128), ("demo32-residual", 128)],
)
def test_all_sizes_of_both_networks_are_in_the_figure(preset: str, window_px: int):
    config = PRESETS[preset]
    figure = network_figure(*_nets(preset), window_px)
    words = [{line for text in axes.texts for line in text.get_text().split("\n")} for axes in figure.axes]
    patch, window = siamese_sizes(config, config.patch_px), unet_sizes(config, window_px)
    assert {str(side) for block in patch.blocks for side in block} | {
        str(patch.stem_px),
        str(config.patch_px),
    } <= words[0]
    assert {str(side) for side in (*window.blocks, *window.ups, window.stem_px, window_px)} <= words[1]
    assert {str(width) for width in (*config.channels, *ATLAS_WIDTHS[: len(config.channels)])} <= words[1]
    output_um = config.spacing_um * config.output_stride_px
    assert f"16 classes, {window.output_px} px of {output_um:g} µm" in words[1]
    assert f"= {window.output_px * output_um / 1000:.2f} mm" in words[1]
    assert len(to_png(figure, 40)) > 5000


def test_the_papers_network_shows_its_parameters():
    words = [text.get_text() for text in network_figure(*_nets("s2"), 2043).axes[0].texts]
    assert "389,504 + 65,568\nparameters, shared" in words
    assert words.count("2048 values") == 2


def test_one_bar_a_layer_whose_height_falls_with_its_side():
    siamese, unet = _nets("s2")
    figure = network_figure(siamese, unet, 2043)
    bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert len(bars) == 2 * (1 + 1 + 12 + 1)  # input, stem, twelve convolutions and f(x), twice
    heights = [bar.get_height() for bar in bars[:14]]
    assert heights == sorted(heights, reverse=True)
    bars = [patch for patch in figure.axes[1].patches if isinstance(patch, Rectangle)]
    assert len(bars) == (1 + 1 + 12) + (1 + 12) + 2 * 5 + 1


def test_without_an_atlas_none_is_drawn_and_further_targets_are_named():
    figure = network_figure(*_nets("demo32", areas=0, further=("curvature",)), 128)
    words = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert not any("atlas" in word for word in words[1])
    assert words[0].count("curvature") == 2


def test_shortcuts_are_named_and_an_encoder_of_ones_own_is_drawn_level_by_level(tmp_path, monkeypatch):
    words = [text.get_text() for text in network_figure(*_nets("demo32-residual"), 128).axes[1].texts]
    assert any("batch norm, ReLU; blue: with shortcuts\n" in text for text in words)
    (tmp_path / "my_encoder.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, config):\n"
        "        super().__init__()\n"
        "        self.maps = nn.ModuleList(\n"
        "            nn.Conv2d(1, width, k := config.stem_stride * 2**i, stride=k)\n"
        "            for i, width in enumerate(config.channels)\n"
        "        )\n"
        "    def forward(self, image):\n"
        "        return [conv(image) for conv in self.maps]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = PRESETS["demo32"].model_copy(update={"encoder": "my_encoder:Net"})
    with torch.device("meta"):
        siamese, unet = SiameseNet(config), AreaUNet(config, 16)
    above, below = ([text.get_text() for text in axes.texts] for axes in network_figure(siamese, unet, 128).axes)
    drawn = set(pairwise(above))  # the channels above a bar, its side below: one bar a level
    assert {("16", "32"), ("32", "16"), ("64", "8"), ("96", "4")} <= drawn
    assert any("blue: an encoder of its own" in text for text in below)

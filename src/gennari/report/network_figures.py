"""The two networks as a figure (after Spitzer et al. 2018, Fig. 2), with sizes read off a pass through the modules."""

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from torch import Tensor, nn

from gennari.nets.area_unet import AreaUNet
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import KERNEL, TextureConfig, unet_sizes
from gennari.report.style import BLUE, GREEN, GREY, INK, MUTED, ORANGE, PURPLE, bare, styled

_STEP, _ROW = 0.6, 1.62
"""How far right and down the next level of the U-Net lies."""
_WIDE_IN = 12.0
_SLOT = {"paper": "", "residual": "; blue: with shortcuts"}
_FOREIGN = "; blue: an encoder of its own"


class Shape(NamedTuple):
    """What a layer gives for one image: channels or features, and the side of its map (None: no map)."""

    channels: int
    side_px: int | None


def traced(net: SiameseNet | AreaUNet, *inputs: Tensor) -> dict[str, Shape]:
    """Shapes of what stem, batch norms, dense layers, classifier and texture branch (`texture.0` ...) give, by name.

    Nothing is computed.

    Args:
        net: as built; it is copied, not touched.
        inputs: of one image, on the meta device.
    """
    plain, seen = copy.deepcopy(net).to("meta").eval(), dict[str, Shape]()

    def note(name: str, out: Tensor) -> None:
        seen[name] = Shape(out.shape[1], out.shape[-1] if out.ndim == 4 else None)

    def note_all(_module: nn.Module, _inputs: object, maps: Sequence[Tensor]) -> None:
        for i, out in enumerate(maps):
            note(f"texture.{i}", out)

    for name, module in plain.named_modules():
        if isinstance(module, nn.BatchNorm2d | nn.Linear) or name in ("texture.stem", "classify"):
            module.register_forward_hook(lambda _module, _inputs, out, name=name: note(name, out))
    plain.get_submodule("texture").register_forward_hook(note_all)
    with torch.no_grad():
        plain(*inputs)
    return seen


@styled
def network_figure(siamese: SiameseNet, unet: AreaUNet, window_px: int) -> Figure:
    """Both networks with the channels and the side of every layer's output.

    Args:
        siamese: above, with its patch.
        unet: below, with its atlas branch if it has one.
        window_px: side of the U-Net's input window.
    """
    figure = Figure(layout="constrained")
    above, below = figure.subplots(2, 1)
    _draw_siamese(above, siamese)
    _draw_unet(below, unet, window_px)
    left, right = (pick(axes.get_xlim()[i] for axes in (above, below)) for i, pick in enumerate((min, max)))
    heights = [float(np.ptp(axes.get_ylim())) for axes in (above, below)]
    for axes in (above, below):
        bare(axes)
        axes.set_xlim(left, right)
        axes.set_aspect("equal", anchor="W")
    below.get_gridspec().set_height_ratios(heights)
    figure.set_size_inches(_WIDE_IN, _WIDE_IN * sum(heights) / (right - left) + 0.7)
    return figure


class _Scale(NamedTuple):
    """Maps as bars: their height says the side, their width the channels, both on logarithmic scales."""

    largest_px: int

    def height(self, side_px: int) -> float:
        return 0.14 + 1.0 * np.log2(side_px) / np.log2(self.largest_px)

    def width(self, channels: int) -> float:
        return 0.05 + 0.028 * np.log2(max(channels, 1))


def _draw_siamese(axes: Axes, net: SiameseNet) -> None:
    config = net.config
    seen = traced(net, torch.empty(1, 1, config.patch_px, config.patch_px, device="meta"))
    scale, branch = _Scale(config.patch_px), _branch(seen, "texture.blocks.", config)
    axes.set_title("Siamese network: how far apart do two patches lie along the cortex?")
    ends = []
    for row, name in enumerate(("x₁", "x₂")):
        y, x = -1.9 * row, 0.0
        blocks = [[Shape(1, config.patch_px)], *_stem(seen), *branch]
        for i, block in enumerate(blocks):
            colour = GREY if i == 0 else BLUE
            end = _bars(axes, scale, x, y, block, colour)
            x = end + (0.38 if i + 1 < len(blocks) else 0.98)
            _arrow(axes, (end, y), (x - 0.02, y))
        side = f"{config.patch_px} px = {_mm(config.patch_px * config.spacing_um)}"
        _label(axes, 0.05, y + 0.85, f"{name}  {side}", "left")
        _label(axes, x - 0.5, y + 0.12, f"{net.dense.in_features} values", "center", MUTED)
        dense = seen["dense"].channels
        _vector(axes, x, y, f"f({name})\n{dense}", ORANGE)
        outputs = [f"place, {seen['head'].channels} coordinates", *net.further]
        for i, text in enumerate(outputs):
            at = y + (0.5 if row == 0 else -0.5) + 0.25 * i * (1 if row == 0 else -1)
            _arrow(axes, (x + 0.22, y), (x + 0.85, at))
            _label(axes, x + 0.92, at, text, "left", GREEN if i == 0 else PURPLE)
        ends.append((x + 0.22, y))
    x, middle = ends[0][0] + 0.75, (ends[0][1] + ends[1][1]) / 2
    for end in ends:
        _arrow(axes, end, (x, middle), ORANGE)
    _label(axes, x + 0.08, middle, "‖f(x₁) − f(x₂)‖²\nthe distance in mm", "left", ORANGE)
    shared = f"{_parameters(net.texture)} + {_parameters(net.dense)}\nparameters, shared"
    _label(axes, ends[0][0] - 0.4, middle, shared, "right", MUTED)
    axes.set_xlim(-0.2, x + 2.0)
    axes.set_ylim(-1.9 - 0.95, 1.1)


def _draw_unet(axes: Axes, net: AreaUNet, window_px: int) -> None:
    config = net.config
    stem = unet_sizes(config, window_px).stem_px
    image = torch.empty(1, 1, window_px, window_px, device="meta")
    atlas = torch.empty(1, net.atlas_channels, stem, stem, device="meta") if net.atlas is not None else None
    seen = traced(net, image, atlas) if atlas is not None else traced(net, image)
    scale, levels = _Scale(window_px), len(config.channels)
    axes.set_title("Extended U-Net: which area is it?")
    _bars(axes, scale, -1.35, 0.0, [Shape(1, window_px)], GREY)
    _label(axes, -1.45, 0.85, f"section, {window_px} px = {_mm(window_px * config.spacing_um)}", "left")
    _arrow(axes, (-1.26, 0.0), (-0.86, 0.0))
    right = -0.84
    for maps in _stem(seen):
        right = _bars(axes, scale, right, 0.0, maps, BLUE)
    _arrow(axes, (right, 0.0), (0.0, 0.0))
    branches = [(0.0, BLUE, _branch(seen, "texture.blocks.", config))]
    if net.atlas is not None:
        branches.append((3.2, GREEN, _branch(seen, "atlas.", config)))
        _label(axes, 2.3, 0.85, f"atlas, {net.atlas_channels} areas, {stem} px of {_um(config, 0)}", "left", GREEN)
        _bars(axes, scale, 2.6, 0.0, [Shape(net.atlas_channels, stem)], GREY)
        _arrow(axes, (2.8, 0.0), (3.18, 0.0))
    far = branches[-1][0] + 2 * _STEP * (levels - 1) + 1.0
    _skips(axes, config, far)
    for x, colour, branch in branches:
        for level, block in enumerate(branch):
            at = x + _STEP * level, -_ROW * level
            end = _bars(axes, scale, *at, block, colour)
            if level + 1 < levels:
                _arrow(axes, (end, at[1] - 0.35), (at[0] + _STEP, at[1] - _ROW + 0.3))
    for i in range(len(net.ups)):
        level = levels - 2 - i
        at = far - _STEP * level, -_ROW * level
        _bars(axes, scale, *at, [seen[f"up_blocks.{i}.norm{j + 1}"] for j in range(2)], PURPLE)
        _arrow(axes, (at[0] - _STEP + 0.2, at[1] - _ROW + (0.75 if i else 0.0)), (at[0], at[1] - 0.3), PURPLE)
    _draw_output(
        axes, scale, config, seen["classify"], (far - _STEP * config.output_block, -_ROW * config.output_block)
    )
    for level in range(levels):
        _label(axes, -2.3, -_ROW * level, f"{_um(config, level)}", "left", MUTED)
    axes.text(-2.3, 0.3, "a pixel is", ha="left", va="center", fontsize=8, color=MUTED)
    axes.text(far + 3.2, -_ROW * (levels - 1), _words(net), ha="right", va="center", fontsize=7.5, color=MUTED)
    axes.set_xlim(-2.4, far + 3.3)
    axes.set_ylim(-_ROW * (levels - 1) - 1.0, 1.15)


def _words(net: AreaUNet) -> str:
    lines = [
        "above a block: its channels; below: the side of each map in px",
        f"block: {KERNEL} × {KERNEL} convolutions, batch norm, ReLU" + _SLOT.get(net.config.encoder, _FOREIGN),
        "black: max pooling; dashed: skips, cropped to fit",
        _decoder_words(net),
        f"{_parameters(net)} parameters",
    ]
    return "\n".join(lines)


def _decoder_words(net: AreaUNet) -> str:
    if not len(net.ups):
        return "no up path: 1 × 1 convolutions of the levels, upsampled and summed"
    up = net.ups[0]
    assert isinstance(up, nn.ConvTranspose2d)
    return f"purple: transposed convolution, {up.kernel_size[0]} × {up.kernel_size[1]}"


def _parameters(module: nn.Module) -> str:
    return f"{sum(p.numel() for p in module.parameters()):,}"


def _draw_output(axes: Axes, scale: _Scale, config: TextureConfig, out: Shape, at: tuple[float, float]) -> None:
    x, y = at
    _arrow(axes, (x + 0.45, y), (x + 0.98, y))
    _bars(axes, scale, x + 1.0, y, [out], ORANGE)
    assert out.side_px is not None
    spacing_um = config.spacing_um * config.output_stride_px
    text = f"{out.channels} classes, {out.side_px} px of {spacing_um:g} µm\n= {_mm(out.side_px * spacing_um)}"
    _label(axes, x + 0.95, y + 0.95, text, "left", ORANGE)


def _skips(axes: Axes, config: TextureConfig, far: float) -> None:
    """From both branches to the up path, level by level; the bottoms go up together."""
    last = len(config.channels) - 1
    for level in range(config.output_block, last):
        y = -_ROW * level
        _arrow(axes, (_STEP * level, y), (far - _STEP * level - 0.02, y), MUTED, dashed=True)
    axes.plot((_STEP * last, far - _STEP * last + 0.2), (-_ROW * last,) * 2, color=PURPLE, linewidth=0.9, zorder=0.5)


def _branch(seen: Mapping[str, Shape], prefix: str, config: TextureConfig) -> list[list[Shape]]:
    """What every convolution of every block gives; of an encoder that is not ours, what it gives at every level."""
    if prefix.startswith("texture.") and config.foreign:
        return [[seen[f"texture.{i}"]] for i in range(len(config.channels))]
    return [[seen[f"{prefix}{i}.norm{j + 1}"] for j in range(n)] for i, n in enumerate(config.convs)]


def _stem(seen: Mapping[str, Shape]) -> list[list[Shape]]:
    return [[seen["texture.stem"]]] if "texture.stem" in seen else []


def _bars(axes: Axes, scale: _Scale, x: float, y: float, maps: Sequence[Shape], colour: str) -> float:
    """One bar a map, its channels above and its side below the group; where the last one ends."""
    start, tallest = x, 0.0
    for shape in maps:
        assert shape.side_px is not None
        width, height = scale.width(shape.channels), scale.height(shape.side_px)
        axes.add_patch(
            Rectangle((x, y - height / 2), width, height, facecolor=colour, edgecolor="white", linewidth=0.8)
        )
        x, tallest = x + width + 0.03, max(tallest, height)
    middle = (start + x - 0.03) / 2
    axes.text(middle, y + tallest / 2 + 0.03, str(maps[-1].channels), ha="center", va="bottom", fontsize=7, color=INK)
    sides = "\n".join(str(shape.side_px) for shape in maps)
    axes.text(middle, y - tallest / 2 - 0.03, sides, ha="center", va="top", fontsize=6.5, color=MUTED, linespacing=1)
    return x


def _vector(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.add_patch(Rectangle((x + 0.02, y - 0.42), 0.18, 0.84, facecolor=colour, edgecolor="white"))
    axes.text(x + 0.11, y - 0.47, text, ha="center", va="top", fontsize=7.5, color=INK)


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK, dashed: bool = False
) -> None:
    line = "--" if dashed else "-"
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=7, linewidth=0.9, linestyle=line, color=colour,
            shrinkA=1, shrinkB=1, zorder=0.5,
        )
    )  # fmt: skip


def _label(axes: Axes, x: float, y: float, text: str, align: str, colour: str = INK) -> None:
    axes.text(x, y, text, ha=align, va="center", fontsize=8, color=colour)


def _um(config: TextureConfig, level: int) -> str:
    return f"{config.spacing_um * config.stem_stride * 2**level:g} µm"


def _mm(length_um: float) -> str:
    return f"{length_um / 1000:.2f} mm"

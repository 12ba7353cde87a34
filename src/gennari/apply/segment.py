"""Areas of a whole section, tile by tile, with the result of one pass over the whole image."""

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float16, UInt8

from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.data.prior import Prior
from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.field_of_view import halo_px
from gennari.nets.sizes import TextureConfig, unet_sizes, valid_inputs
from gennari.records import BACKGROUND_GREY


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """What a network says of one section, on its output grid.

    Attributes:
        probabilities: of each class; one-hot in skipped tiles.
        labels: the most probable class.
        tiles: number of tiles that were run.
    """

    probabilities: Float16[np.ndarray, "c ho wo"]
    labels: UInt8[np.ndarray, "ho wo"]
    tiles: int


@torch.inference_mode()
def segment(
    net: AreaUNet,
    image: UInt8[np.ndarray, "h w"],
    prior: Float[np.ndarray, "a hs ws"] | Prior | None,
    normalisation: Normalisation,
    tile_px: int = 1024,
    mask: Bool[np.ndarray, "ho wo"] | None = None,
    empty_class: int = 0,
) -> Segmentation:
    """Segment a section by exact tiling: no seams, equal to a single pass over the image set in empty glass.

    Every tile is read with the rim that its output depends on and stands on the network's pooling grid. For "same"
    padding the single pass pads the image (with glass, below and to the right) to a multiple of the pooling period.

    Args:
        net: trained; put into evaluation mode for the time.
        image: grey values at the network's spacing.
        prior: area probabilities at the stem's spacing; None runs the network without its atlas.
        normalisation: that of its training.
        tile_px: input side of a tile at most, its rim included.
        mask: output pixels of interest; a tile without any is not run.
        empty_class: the class of all pixels of such a tile.

    Raises:
        InputError: `tile_px` is too small for the network.
        ValueError: prior or mask is not on its grid.
    """
    config = net.config
    shape = _grid(image, config.output_stride_px)
    _check(image, prior, mask, shape, config)
    probabilities, labels = np.zeros((net.classes, *shape), np.float16), np.zeros(shape, np.uint8)
    was_training, tiles = net.training, 0
    device = next(net.parameters()).device
    net.eval()
    for rows, cols in product(*(tile_spans(config, side, tile_px) for side in image.shape)):
        out, inside = (rows.out, cols.out), (rows.inside, cols.inside)
        if mask is not None and not mask[out].any():
            probabilities[(empty_class, *out)], labels[out] = 1, empty_class
            continue
        window = normalise(_read(image, (rows.image, cols.image), BACKGROUND_GREY), normalisation)
        x = torch.from_numpy(window[None, None]).to(device, memory_format=torch.channels_last)
        atlas = None
        if prior is not None:
            atlas = torch.from_numpy(_read(prior, (rows.atlas, cols.atlas), 0.0).astype(np.float32)[None]).to(device)
        logits = net(x, atlas)[0][:, inside[0], inside[1]]
        probabilities[:, out[0], out[1]] = logits.softmax(dim=0).cpu().numpy()
        labels[out] = logits.argmax(dim=0).cpu().numpy()
        tiles += 1
    net.train(was_training)
    return Segmentation(probabilities=probabilities, labels=labels, tiles=tiles)


class Span(NamedTuple):
    """One side of a tile.

    Attributes:
        out: output pixels it gives, within the section.
        image: input pixels it reads; may leave the section.
        atlas: stem pixels it reads; may leave the section.
        inside: where `out` lies in what the network makes of it.
    """

    out: slice
    image: slice
    atlas: slice
    inside: slice


def tile_spans(config: TextureConfig, side: int, tile_px: int) -> list[Span]:
    """The tiles along one side of an image of `side` px, as equal as the pooling grid allows.

    Raises:
        InputError: `tile_px` is too small for the network.
    """
    return _same_spans(config, side, tile_px) if config.padding == "same" else _valid_spans(config, side, tile_px)


def _same_spans(config: TextureConfig, side: int, tile_px: int) -> list[Span]:
    """Tiles end at the padded image's border, where zeros are what the single pass sees too."""
    period, stride = config.period_px, config.output_stride_px
    whole = -(-side // period) * period
    before, behind = (-(-px // period) * period for px in halo_px(config))
    body = whole if whole <= tile_px else (tile_px - before - behind) // period * period
    if body <= 0:
        raise _too_small(tile_px, before + behind + period)
    body = _evened(whole, body, period)
    spans = []
    for start in range(0, whole, body):
        first, last = max(0, start - before), min(whole, start + body + behind)
        spans.append(_span(config, side, start // stride, body // stride, (first, last), (start - first) // stride))
    return spans


def _valid_spans(config: TextureConfig, side: int, tile_px: int) -> list[Span]:
    """Tiles read beyond the image, where glass is what the single pass sees too."""
    period, stride = 2**config.up_levels, config.output_stride_px
    fitting = [(px, unet_sizes(config, px)) for px in valid_inputs(config, 1, tile_px)]
    fitting = [(px, sizes) for px, sizes in fitting if sizes.output_px >= period]
    if not fitting:
        raise _too_small(tile_px, sum(halo_px(config)) + config.period_px)
    outputs = -(-side // stride)
    body = _evened(outputs, fitting[-1][1].output_px // period * period, period)
    px, sizes = next((px, sizes) for px, sizes in fitting if sizes.output_px >= body)
    spans = []
    for start in range(0, outputs, body):
        first = start * stride - sizes.before_px
        spans.append(_span(config, side, start, body, (first, first + px), 0))
    return spans


def _span(config: TextureConfig, side: int, start: int, body: int, image: tuple[int, int], inside: int) -> Span:
    """A span of `body` output pixels from `start`, less those beyond the section."""
    end = min(start + body, -(-side // config.output_stride_px))
    lost = config.stem_kernel - config.stem_stride if config.padding == "valid" else 0
    shift = config.stem_before_px if lost else 0
    stem = config.stem_stride
    return Span(
        out=slice(start, end),
        image=slice(*image),
        atlas=slice((image[0] + shift) // stem, (image[1] - lost + shift) // stem),
        inside=slice(inside, inside + end - start),
    )


def _evened(total: int, largest: int, period: int) -> int:
    """The smallest multiple of `period` that fills `total` in as few pieces as `largest` does."""
    pieces = -(-total // largest)
    return -(-total // (pieces * period)) * period


def _too_small(tile_px: int, least: int) -> InputError:
    return InputError(f"tile_px must be about {least} at least for this network, got {tile_px}; give a larger tile")


def _read(array: np.ndarray | Prior, place: tuple[slice, slice], fill: float) -> np.ndarray:
    """A rectangle of the last two axes; `fill` where it leaves the array."""
    starts, ends = np.array([s.start for s in place]), np.array([s.stop for s in place])
    out = np.full((*array.shape[:-2], *(ends - starts)), fill, array.dtype)
    lo, hi = np.clip(starts, 0, array.shape[-2:]), np.clip(ends, 0, array.shape[-2:])
    (top, left), (bottom, right) = lo - starts, hi - starts
    out[..., top:bottom, left:right] = array[..., lo[0] : hi[0], lo[1] : hi[1]]
    return out


def _grid(image: np.ndarray, stride: int) -> tuple[int, int]:
    """Shape of the grid of `stride` image pixels that covers the image."""
    h, w = image.shape
    return -(-h // stride), -(-w // stride)


def _check(
    image: np.ndarray,
    prior: np.ndarray | Prior | None,
    mask: np.ndarray | None,
    shape: tuple[int, int],
    config: TextureConfig,
) -> None:
    if mask is not None and mask.shape != shape:
        raise ValueError(f"the mask must lie on the output grid {shape}, got {mask.shape}")
    stem = _grid(image, config.stem_stride)
    if prior is not None and prior.shape[1:] != stem:
        raise ValueError(f"the prior must lie on the stem's grid {stem}, got {prior.shape[1:]}; make it at its spacing")

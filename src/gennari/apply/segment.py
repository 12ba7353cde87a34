"""Areas of a whole section, tile by tile, with the result of one pass over the whole image."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, UInt8
from torch import Tensor

from gennari.apply.tiles import Span, tile_spans, usual_tile_px
from gennari.apply.tissue import Pixels
from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.data.prior import Prior
from gennari.nets.area_unet import AreaUNet
from gennari.records import BACKGROUND_GREY

Near = Callable[[slice, slice], bool]
"""Whether a rectangle of the output grid is of interest (`Tissue.near`)."""
Flips = Literal["none", "columns", "all"]
"""How the network looks at a section: once; also at its mirror image (columns, as `Augmentation.mirror`, which turns
one hemisphere into the other); or at all four images that mirrored rows and columns give."""
_PLAIN, _COLUMNS, _ROWS, _BOTH = (False, False), (False, True), (True, False), (True, True)
_LOOKS: Mapping[Flips, tuple[tuple[bool, bool], ...]] = MappingProxyType(
    {"none": (_PLAIN,), "columns": (_PLAIN, _COLUMNS), "all": (_PLAIN, _COLUMNS, _ROWS, _BOTH)}
)
"""Whether rows, and whether columns, are mirrored."""


class Block(NamedTuple):
    """What a network says of one tile.

    Attributes:
        rows: of the output grid.
        cols: of the output grid.
        probabilities: of each class.
        labels: the most probable class.
        run: False where the network did not look, since nothing of interest is there.
    """

    rows: slice
    cols: slice
    probabilities: Float32[np.ndarray, "c h w"]
    labels: UInt8[np.ndarray, "h w"]
    run: bool


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


def segment(
    net: AreaUNet,
    image: UInt8[np.ndarray, "h w"],
    prior: Float[np.ndarray, "a hs ws"] | Prior | None,
    normalisation: Normalisation,
    tile_px: int | None = None,
    near: Near | None = None,
    empty_class: int = 0,
    flips: Flips = "none",
) -> Segmentation:
    """Segment a section that is in memory; as `segment_blocks`, whose blocks it puts together.

    Args:
        net: as there.
        image: grey values at the network's spacing.
        prior: as there.
        normalisation: as there.
        tile_px: as there.
        near: as there.
        empty_class: as there.
        flips: as there.

    Raises:
        InputError: `tile_px` is too small for the network.
        ValueError: the prior is not on its grid.
    """
    shape = _grid((image.shape[0], image.shape[1]), net.config.output_stride_px)
    probabilities, labels, tiles = np.zeros((net.classes, *shape), np.float16), np.zeros(shape, np.uint8), 0
    blocks = segment_blocks(
        net, lambda rows, cols: image[rows, cols], (image.shape[0], image.shape[1]), prior, normalisation,
        tile_px=tile_px, near=near, empty_class=empty_class, flips=flips,
    )  # fmt: skip
    for block in blocks:
        probabilities[:, block.rows, block.cols], labels[block.rows, block.cols] = block.probabilities, block.labels
        tiles += block.run
    return Segmentation(probabilities=probabilities, labels=labels, tiles=tiles)


def segment_blocks(
    net: AreaUNet,
    read: Pixels,
    shape_px: tuple[int, int],
    prior: Float[np.ndarray, "a hs ws"] | Prior | None,
    normalisation: Normalisation,
    *,
    tile_px: int | None = None,
    near: Near | None = None,
    empty_class: int = 0,
    flips: Flips = "none",
) -> Iterator[Block]:
    """Segment a section tile by tile: no seams, equal to a single pass over the image set in empty glass.

    Blocks come row by row, each output pixel in one of them; memory is one tile's, whatever the section's size. Every
    tile is read with the rim that its output depends on and stands on the network's pooling grid. For "same" padding
    the single pass pads the image (with glass, below and to the right) to a multiple of the pooling period. With flips
    the single passes are those over this image and its mirror images, and probabilities their mean.

    Args:
        net: trained; put into evaluation mode for the time.
        read: gives grey values at the network's spacing; never asked for what lies outside the image.
        shape_px: (rows, cols) of the image at that spacing.
        prior: area probabilities at the stem's spacing; None runs the network without its atlas.
        normalisation: that of its training.
        tile_px: input side of a tile at most, its rim included; `usual_tile_px` by default.
        near: a tile without anything of interest is not run; None runs all.
        empty_class: the class of all pixels of such a tile.
        flips: mirrored looks at each tile; each costs as much as the first.

    Raises:
        InputError: `tile_px` is too small for the network.
        ValueError: the prior is not on its grid.
    """
    config, was_training = net.config, net.training
    stem = _grid(shape_px, config.stem_stride)
    if prior is not None and prior.shape[1:] != stem:
        raise ValueError(f"the prior must lie on the stem's grid {stem}, got {prior.shape[1:]}; make it at its spacing")
    at_most_px = usual_tile_px(config) if tile_px is None else tile_px
    sides = [
        list(zip(*(tile_spans(config, side, at_most_px, mirrored) for mirrored in (False, True)), strict=True))
        for side in shape_px
    ]  # each tile twice: as it is read for a plain look and for a mirrored one
    net.eval()
    try:
        for rows, cols in product(*sides):
            out = (rows[0].out, cols[0].out)
            if near is not None and not near(*out):
                yield _empty(*out, net.classes, empty_class)
                continue
            looks = []
            for mirrored in _LOOKS[flips]:
                spans = (rows[mirrored[0]], cols[mirrored[1]])
                window = normalise(_with_glass(read, (spans[0].image, spans[1].image), shape_px), normalisation)
                at_stem = (spans[0].atlas, spans[1].atlas)
                atlas = None if prior is None else _with_zeros(prior, at_stem).astype(np.float32)
                looks.append(_logits(net, window, atlas, spans, mirrored))
            yield _block(*out, looks)
    finally:
        net.train(was_training)


@torch.inference_mode()
def _logits(
    net: AreaUNet,
    window: Float32[np.ndarray, "h w"],
    atlas: Float32[np.ndarray, "a hs ws"] | None,
    spans: tuple[Span, Span],
    mirrored: tuple[bool, bool],
) -> Float32[Tensor, "c ho wo"]:
    """What the network says of a tile's own output pixels; a mirrored tile is mirrored for it, and its answer back."""
    device = next(net.parameters()).device
    over = tuple(axis for axis, turned in zip((-2, -1), mirrored, strict=True) if turned)
    x = _mirrored(torch.from_numpy(window[None, None]), over).to(device, memory_format=torch.channels_last)
    logits = net(x, None if atlas is None else _mirrored(torch.from_numpy(atlas[None]), over).to(device))[0]
    return _mirrored(logits, over)[:, spans[0].inside, spans[1].inside]


def _mirrored(values: Float32[Tensor, "*n"], over: tuple[int, ...]) -> Float32[Tensor, "*n"]:
    return values.flip(over) if over else values  # flipped over nothing they would be copied


def _block(rows: slice, cols: slice, looks: list[Float32[Tensor, "c h w"]]) -> Block:
    if len(looks) == 1:
        probabilities, likeliest = looks[0].softmax(dim=0), looks[0].argmax(dim=0)
    else:
        probabilities = torch.stack([logits.softmax(dim=0) for logits in looks]).mean(dim=0)
        likeliest = probabilities.argmax(dim=0)
    return Block(rows, cols, probabilities.cpu().numpy(), likeliest.to(torch.uint8).cpu().numpy(), run=True)


def _empty(rows: slice, cols: slice, classes: int, empty_class: int) -> Block:
    shape = (rows.stop - rows.start, cols.stop - cols.start)
    probabilities = np.zeros((classes, *shape), np.float32)
    probabilities[empty_class] = 1
    return Block(rows, cols, probabilities, np.full(shape, empty_class, np.uint8), run=False)


def _with_glass(read: Pixels, place: tuple[slice, slice], shape_px: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    """A rectangle of the section; glass where it leaves it."""
    out = np.full([side.stop - side.start for side in place], BACKGROUND_GREY, np.uint8)
    inside, there = _overlap(place, shape_px)
    if all(side.stop > side.start for side in there):
        out[inside[0], inside[1]] = read(there[0], there[1])
    return out


def _with_zeros(prior: np.ndarray | Prior, place: tuple[slice, slice]) -> np.ndarray:
    """A rectangle of the last two axes; zero where it leaves the array."""
    out = np.zeros((len(prior), *(side.stop - side.start for side in place)), prior.dtype)
    inside, there = _overlap(place, (prior.shape[1], prior.shape[2]))
    out[:, inside[0], inside[1]] = prior[..., there[0], there[1]]
    return out


def _overlap(place: tuple[slice, slice], shape: tuple[int, int]) -> tuple[list[slice], list[slice]]:
    """Where a rectangle's part inside a grid lies in the rectangle, and in the grid."""
    there = [slice(min(max(s.start, 0), n), min(max(s.stop, 0), n)) for s, n in zip(place, shape, strict=True)]
    inside = [slice(t.start - s.start, t.stop - s.start) for s, t in zip(place, there, strict=True)]
    return inside, there


def _grid(shape_px: tuple[int, int], side_px: int) -> tuple[int, int]:
    """Shape of the grid of cells of so many pixels that covers an image."""
    return -(-shape_px[0] // side_px), -(-shape_px[1] // side_px)

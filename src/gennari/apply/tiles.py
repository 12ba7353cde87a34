"""How a section is cut into tiles: each output pixel is computed once, as one pass over the whole would do it."""

from typing import NamedTuple

from gennari.errors import InputError
from gennari.nets.field_of_view import halo_px
from gennari.nets.sizes import TextureConfig, unet_sizes, valid_inputs

LEAST_PX = 1024
MOST_READ = 2.7


class Span(NamedTuple):
    """One side of a tile.

    Attributes:
        out: output pixels it gives, within the section.
        image: input pixels it reads; may leave the section.
        atlas: stem pixels it reads; may leave the section.
        inside: where `out` lies in what the network makes of it, once that is mirrored back if the tile was mirrored.
    """

    out: slice
    image: slice
    atlas: slice
    inside: slice


def usual_tile_px(config: TextureConfig) -> int:
    """The side of tiles where nobody says: LEAST_PX, or more where the rim is wide.

    A tile reads (side / (side - rim))² pixels for each that it maps; that is kept below MOST_READ. The paper's network
    at 2 µm, whose rim is 755 px, gets tiles of about 2,000 px, which take 0.8 GB on the CPU.
    """
    share = MOST_READ**0.5
    return max(LEAST_PX, round(sum(halo_px(config)) * share / (share - 1)) + config.period_px)


def tile_spans(config: TextureConfig, side: int, tile_px: int, mirrored: bool = False) -> list[Span]:
    """The tiles along one side of an image of `side` px, as equal as the pooling grid allows.

    Mirrored tiles give the same output pixels. What they read lies where it lies in the image, to be mirrored by the
    caller: their rims are exchanged, since the network's field of view is not even (a stem of kernel 5 and stride 2
    sees a pixel more behind than before), and they end where tiles of the mirrored image, set in glass, would begin.

    Args:
        config: of the network.
        side: of the image, in px.
        tile_px: input side of a tile at most, its rim included.
        mirrored: tiles that the network is to see mirrored along this side.

    Raises:
        InputError: `tile_px` is too small for the network.
    """
    spans = _same_spans if config.padding == "same" else _valid_spans
    return spans(config, side, tile_px, mirrored)


def _same_spans(config: TextureConfig, side: int, tile_px: int, mirrored: bool) -> list[Span]:
    """Tiles end at the padded image's border, where zeros are what the single pass sees too."""
    period, stride = config.period_px, config.output_stride_px
    whole = -(-side // period) * period
    before, behind = (-(-px // period) * period for px in halo_px(config)[:: -1 if mirrored else 1])
    body = whole if whole <= tile_px else (tile_px - before - behind) // period * period
    if body <= 0:
        raise _too_small(tile_px, before + behind + period)
    body = _evened(whole, body, period)
    spans = []
    for start in range(0, whole, body):
        first, last = max(0, start - before), min(whole, start + body + behind)
        inside = (start - first) // stride
        spans.append(_span(config, side, start // stride, body // stride, (first, last), inside, mirrored))
    return spans


def _valid_spans(config: TextureConfig, side: int, tile_px: int, mirrored: bool) -> list[Span]:
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
        first = start * stride - (sizes.after_px if mirrored else sizes.before_px)
        spans.append(_span(config, side, start, body, (first, first + px), 0, mirrored))
    return spans


def _span(
    config: TextureConfig, side: int, start: int, body: int, image: tuple[int, int], inside: int, mirrored: bool
) -> Span:
    """A span of `body` output pixels from `start`, less those beyond the section."""
    end = min(start + body, -(-side // config.output_stride_px))
    lost = config.stem_kernel - config.stem_stride if config.padding == "valid" else 0
    shift = config.stem_before_px if lost else 0
    shift = lost - shift if mirrored else shift
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

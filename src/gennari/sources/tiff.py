"""TIFF images: pages of falling size are the levels of a pyramid; of tiles only those asked for are read."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from jaxtyping import UInt8

from gennari.errors import InputError
from gennari.records import BACKGROUND_GREY
from gennari.sources.atomic import atomic_path
from gennari.sources.embedded import stream_shape
from gennari.sources.grey import to_grey
from gennari.sources.pyramids import MAX_BLOCK_PX, Level, Pyramid, check_block
from gennari.sources.resample import area_mean

TILE_PX = 512
MAX_FACTORS = 10_000
"""Pages so small that more factors may fit them are no levels."""
DAMAGE = (
    tifffile.TiffFileError, RuntimeError, ValueError, OSError, KeyError, IndexError, TypeError, AttributeError,
    ZeroDivisionError, OverflowError, NotImplementedError, MemoryError, AssertionError, struct.error, zlib.error,
)  # fmt: skip
"""What reading a damaged file may raise."""
MAX_PAGES = 1000
MAX_TILES = 20_000_000
"""Of one page: 60,000 x 50,000 px in tiles of 16 x 16 have 12 million."""
_STREAMS = {1, 5, 8, 32773, 32946, 34925, 50000}  # none, LZW, deflate, PackBits, LZMA, zstd: decoded to a tile's size
_PICTURES = {7, 33003, 33004, 33005, 34712}  # JPEG and JPEG 2000: as large as their own heads say
_GDAL_NODATA = 42113
_MINISWHITE = 0
_READABLE = {0, 1, 2, 6}  # white is zero, black is zero, RGB, YCbCr (decoded to RGB)


def tiff_pyramid(location: str) -> Pyramid:
    """A TIFF or BigTIFF image; pages, or sub-images of the first page, of falling size are its levels.

    A level's pixels are as many whole pixels of the first page as the ratio of their sizes says. Pages of another shape
    (thumbnails, slide labels) are passed over. What is not stored in a sparse file is glass, unless the file names a
    value for it (GDAL_NODATA). TIFF's resolution tags are not believed: they say 72 dpi as often as the truth.

    Raises:
        InputError: no such file, no TIFF, a stack of sections, not 8 bit grey or RGB, or tiles too large to decode.
    """
    path = Path(location)
    if not path.is_file():
        raise InputError(f"{path} must be a TIFF image, but there is none; check the path")
    try:
        with tifffile.TiffFile(path) as file:
            pages = [_page(path, page) for page in islice(_pages(file), MAX_PAGES)]
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} must be a whole TIFF image, but reading its head fails ({error}); copy it") from error
    return Pyramid(levels=tuple(_levels(path, pages)), spacing_um=None)


def write_tiff(path: Path, image: UInt8[np.ndarray, "h w"], factors: Sequence[int]) -> None:
    """Write a tiled BigTIFF, one page for each factor (1 is the image itself), area averaged; atomically."""
    with atomic_path(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=True) as writer:
        for factor in factors:
            level = area_mean(image, factor)
            writer.write(level, tile=(TILE_PX, TILE_PX), compression="zlib", photometric="minisblack", metadata=None)


@dataclass(frozen=True, kw_only=True)
class _Page:
    """What is needed to read a part of one page."""

    decode: Callable[..., Any]
    jpeg_tables: bytes | None
    is_picture: bool
    inverted: bool
    shape_px: tuple[int, int]
    block_px: tuple[int, int]
    offsets: Sequence[int]
    counts: Sequence[int]
    absent: float


def check_page(path: Path, page: tifffile.TiffPage, pictures: bool = False) -> None:
    """Refuse a page whose tiles cannot be decoded one by one in bounded memory.

    Args:
        path: of the file, for a message.
        page: of which only the head was read.
        pictures: JPEG and JPEG 2000 are welcome; their heads are then looked at tile by tile.

    Raises:
        InputError: another compression, no size, or too many tiles.
    """
    rows, cols = int(page.imagelength), int(page.imagewidth)
    high, wide = (int(page.tilelength), int(page.tilewidth)) if page.is_tiled else (int(page.rowsperstrip), cols)
    if min(rows, cols, high, wide) < 1 or -(-rows // high) * -(-cols // wide) > MAX_TILES:
        raise InputError(
            f"a page of {path} must have from 1 to {MAX_TILES:,} tiles or strips, but it has {rows} x {cols} px in "
            f"pieces of {high} x {wide}; write the image anew in tiles, such as 512 x 512"
        )
    if page.compression not in _STREAMS and not (pictures and page.compression in _PICTURES):
        kind = getattr(page.compression, "name", page.compression)
        raise InputError(
            f"{path} must be stored plain, or by deflate, LZW, zstd{', JPEG or JPEG 2000' if pictures else ''}, but it "
            f"is stored by {kind}; convert it"
        )


def _pages(file: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    first = file.pages.first
    yield first
    below = first.pages if first.subifds and first.pages is not None else islice(file.pages, 1, None)
    yield from (page.aspage() for page in below)


def _page(path: Path, page: tifffile.TiffPage) -> _Page:
    check_page(path, page, pictures=True)
    shape = (int(page.imagelength), int(page.imagewidth))
    block = (
        (int(page.tilelength), int(page.tilewidth)) if page.is_tiled else (min(page.rowsperstrip, shape[0]), shape[1])
    )
    check_block(
        block, f"a {'tile' if page.is_tiled else 'strip'} of {path}", "write the image anew in tiles, such as 512 x 512"
    )
    planes = page.planarconfig == 2 and page.samplesperpixel > 1
    if page.photometric not in _READABLE or page.bitspersample != 8 or planes or page.imagedepth > 1:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(
            f"{path} must hold grey or RGB values of 8 bits, pixel by pixel, but it holds {kind} of "
            f"{page.bitspersample} bits{' in separate planes' if planes else ''}; convert it"
        )
    return _Page(
        decode=page.decode,
        jpeg_tables=page.jpegtables,
        is_picture=page.compression in _PICTURES,
        inverted=page.photometric == _MINISWHITE,
        shape_px=shape,
        block_px=block,
        offsets=page.dataoffsets,
        counts=page.databytecounts,
        absent=_absent(page),
    )


def _absent(page: tifffile.TiffPage) -> float:
    """The grey value of what is not stored (tifffile's own answer is 0 where the file names none or no grey value)."""
    tag = page.tags.get(_GDAL_NODATA)
    named = str(tag.value).strip("\0 ") if tag is not None else ""
    return float(named) if named.isdecimal() and int(named) <= 255 else BACKGROUND_GREY


def _levels(path: Path, pages: Sequence[_Page]) -> Iterator[Level]:
    finest = pages[0].shape_px
    found = {}
    for page in pages:
        factor = _factor(finest, page.shape_px)
        if factor == 1 and 1 in found:
            raise InputError(
                f"{path} must show one section, finest page first, but two of its pages have the full size "
                f"({finest[0]} x {finest[1]} px); give one file a section"
            )
        if factor and factor not in found:
            found[factor] = Level(factor=float(factor), shape_px=page.shape_px, fetch=partial(_fetch, path, page))
    return iter([found[factor] for factor in sorted(found)])


def _factor(finest: tuple[int, int], shape: tuple[int, int]) -> int:
    """How many pixels of the finest page make one of this page, 0 if it is no level of the pyramid.

    Shapes are rounded, up or down: of several numbers that fit (small pages) a power of two is meant, else the one next
    to the ratio.
    """
    full, part = max(finest), max(shape)
    factors = range(max(full // (part + 1), 1), full // max(part - 1, 1) + 2)
    if len(factors) > MAX_FACTORS:
        return 0
    fitting = [
        factor
        for factor in factors
        if all(whole // factor <= some <= -(-whole // factor) for whole, some in zip(finest, shape, strict=True))
    ]
    return min(fitting, key=lambda factor: (factor & (factor - 1) != 0, abs(factor - full / part)), default=0)


def _fetch(path: Path, page: _Page, r0: int, r1: int, c0: int, c1: int) -> UInt8[np.ndarray, "_ _"]:
    rows, cols = page.block_px
    across = -(-page.shape_px[1] // cols)
    out = np.full((r1 - r0, c1 - c0), page.absent, np.uint8)
    try:
        with path.open("rb") as file:
            for i in range(r0 // rows, -(-r1 // rows)):
                for j in range(c0 // cols, -(-c1 // cols)):
                    block = _block(file, page, i * across + j, path)
                    if block is not None:
                        _lay(out, block, i * rows - r0, j * cols - c0)
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} must hold whole tiles, but one is damaged ({error}); copy it again") from error
    return out


def _block(file: BinaryIO, page: _Page, index: int, path: Path) -> UInt8[np.ndarray, "_ _"] | None:
    count = page.counts[index]
    if not count:
        return None
    if count > MAX_BLOCK_PX * 4:
        raise InputError(f"{path} must hold tiles that fit into memory, but one takes {count} bytes; write it anew")
    file.seek(page.offsets[index])
    data = file.read(count)
    if page.is_picture:
        found = stream_shape(data)
        if found is None:
            raise ValueError(f"tile {index} does not begin as JPEG or JPEG 2000")
        rows, cols, channels = found
        check_block((rows, cols, -(-channels // 4)), f"a tile of {path}", "write the image anew")
    pixels, _, _ = page.decode(data, index, jpegtables=page.jpeg_tables)
    if pixels is None:
        return None
    grey = to_grey(pixels[0, ..., 0] if pixels.shape[-1] == 1 else pixels[0], str(path))
    return 255 - grey if page.inverted else grey


def _lay(out: UInt8[np.ndarray, "h w"], block: UInt8[np.ndarray, "a b"], row: int, col: int) -> None:
    """Copy a block into `out`, at (row, col) and as far as it lies inside."""
    r0, c0 = max(row, 0), max(col, 0)
    r1, c1 = min(row + block.shape[0], out.shape[0]), min(col + block.shape[1], out.shape[1])
    if r0 < r1 and c0 < c1:
        out[r0:r1, c0:c1] = block[r0 - row : r1 - row, c0 - col : c1 - col]

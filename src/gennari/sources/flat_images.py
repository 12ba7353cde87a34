"""Images that are decoded as a whole: PNG. One shape and one level, refused where that would fill the memory."""

import struct
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
from jaxtyping import UInt8

from gennari.errors import InputError
from gennari.sources.atomic import atomic_path
from gennari.sources.grey import to_grey
from gennari.sources.pyramids import Level, Pyramid, check_block

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class PngHeader(NamedTuple):
    """What the head of a PNG file says."""

    shape_px: tuple[int, int]
    bits: int


def png_header(path: Path) -> PngHeader:
    """The head of a PNG file, read without decoding a pixel.

    Raises:
        InputError: there is no such file, it is no PNG, or larger than is decoded at once.
    """
    if not path.is_file():
        raise InputError(f"{path} must be a PNG image, but there is none; check the path")
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[:8] != _SIGNATURE or head[12:16] != b"IHDR":
        raise InputError(f"{path} must be a PNG image, but it does not begin as one; copy it again")
    width, height = struct.unpack(">II", head[16:24])
    check_block(
        (height, width),
        str(path),
        "write it as a tiled, pyramidal TIFF or as OME-Zarr, which are read in parts",
    )
    return PngHeader(shape_px=(height, width), bits=head[24])


def png_pyramid(location: str) -> Pyramid:
    """A PNG image; it says no pixel size (`png_header` has what is refused)."""
    header = png_header(Path(location))
    held = _Held(Path(location), header)
    level = Level(factor=1.0, shape_px=header.shape_px, fetch=held.fetch)
    return Pyramid(levels=(level,), spacing_um=None, held_bytes=header.shape_px[0] * header.shape_px[1])


def write_png(path: Path, image: UInt8[np.ndarray, "h w"]) -> None:
    """Write grey values as PNG, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(image, level=1))


class _Held:
    """Decodes at the first fetch and keeps the pixels."""

    def __init__(self, path: Path, header: PngHeader) -> None:
        self._path, self._header = path, header

    def fetch(self, r0: int, r1: int, c0: int, c1: int) -> UInt8[np.ndarray, "_ _"]:
        return self._pixels[r0:r1, c0:c1]

    @cached_property
    def _pixels(self) -> UInt8[np.ndarray, "_ _"]:
        if self._header.bits == 16:
            raise InputError(f"{self._path} must have 8 bits a value, but it has 16; scale it to 0..255 and save it")
        try:
            pixels = imagecodecs.png_decode(self._path.read_bytes())
        except (imagecodecs.PngError, ValueError) as error:
            raise InputError(
                f"{self._path} must be a whole PNG image, but it is damaged ({error}); copy it again"
            ) from error
        return to_grey(pixels, str(self._path))

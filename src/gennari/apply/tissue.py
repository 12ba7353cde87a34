"""Where a section shows anything but glass, kept small enough for whole sections at the network's pixel size."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from gennari.records import BACKGROUND_GREY

GLASS_MM = 2.0
"""Nearer to tissue than this, glass is segmented too: its edge is part of what a map is judged by."""
_BAND_PX = 2**25
"""Sections are looked through in bands of about so many pixels."""
Pixels = Callable[[slice, slice], UInt8[np.ndarray, "h w"]]
"""Grey values of rows and columns of a section at the network's pixel size."""


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """A bit for each output pixel: does it show anything but glass?

    Attributes:
        bits: eight columns a byte (`np.packbits`); a section of 15,000 x 12,500 output pixels takes 23 MB.
        shape: of the output grid.
        reach: output pixels beyond a rectangle that still count as near it.
    """

    bits: UInt8[np.ndarray, "h b"]
    shape: tuple[int, int]
    reach: int

    def near(self, rows: slice, cols: slice) -> bool:
        """Whether any tissue lies in a rectangle of output pixels, or within `reach` beyond its sides."""
        top, bottom = max(rows.start - self.reach, 0), rows.stop + self.reach
        left, right = max(cols.start - self.reach, 0), min(cols.stop + self.reach, self.shape[1])
        first = left // 8
        found = np.unpackbits(self.bits[top:bottom, first : -(-right // 8)], axis=1)
        return bool(found[:, left - 8 * first : right - 8 * first].any())


def find_tissue(read: Pixels, shape_px: tuple[int, int], stride: int, spacing_um: float) -> Tissue:
    """Look a section through, band by band.

    Args:
        read: its pixels.
        shape_px: (rows, cols) of them.
        stride: pixels a side of an output pixel.
        spacing_um: of the pixels.
    """
    height, width = shape_px
    shape = (-(-height // stride), -(-width // stride))
    bits = np.zeros((shape[0], -(-shape[1] // 8)), np.uint8)
    step = max(_BAND_PX // (width * stride), 1)
    for first in range(0, shape[0], step):
        rows = slice(first * stride, min((first + step) * stride, height))
        count = min(step, shape[0] - first)
        dark = np.zeros((count * stride, shape[1] * stride), bool)
        dark[: rows.stop - rows.start, :width] = read(rows, slice(0, width)) < BACKGROUND_GREY
        found = dark.reshape(count, stride, shape[1], stride).any(axis=(1, 3))
        bits[first : first + count] = np.packbits(found, axis=1)
    reach = int(np.ceil(GLASS_MM * 1e3 / (spacing_um * stride)))
    return Tissue(bits=bits, shape=shape, reach=reach)

"""The pieces of a mask as polygons with their holes, along pixel edges, however ragged the mask is."""

from typing import cast

import numpy as np
import shapely
from jaxtyping import Bool, Float, Int32
from scipy import ndimage
from shapely.geometry import MultiPolygon, Polygon

from gennari.surface.contours import trace


def mask_polygons(mask: Bool[np.ndarray, "h w"], scale: float = 1.0) -> Polygon | MultiPolygon:
    """The outlines of a mask as areas; filling them gives the mask back exactly.

    A piece is what hangs together by pixel sides; pieces, and holes, may touch in corners. Which holes are whose is
    read from the pixels: GEOS' build_area, which asks geometry alone, fails on maps with many touching corners.

    Args:
        mask: at least one pixel must be True.
        scale: side of a pixel in the units that are wanted.

    Returns:
        Points (x = col, y = row), from the outer corner of pixel (0, 0).

    Raises:
        ValueError: the mask is empty.
    """
    rings = trace(mask)
    if not rings:
        raise ValueError("the outlines of a mask must enclose an area, got a mask without any pixel")
    pieces, count = cast("tuple[Int32[np.ndarray, 'h w'], int]", ndimage.label(mask))  # by sides, as `trace` walks
    outer: list[np.ndarray | None] = [None] * count
    holes: list[list[np.ndarray]] = [[] for _ in range(count)]
    for ring in rings:
        piece = pieces[_pixel_inside(ring)] - 1
        points = ring[:, ::-1] * scale
        if _turns_clockwise(ring):
            outer[piece] = points
        else:
            holes[piece].append(points)
    polygons = [Polygon(shell, inner) for shell, inner in zip(outer, holes, strict=True)]
    return polygons[0] if count == 1 else shapely.multipolygons(polygons)


def _pixel_inside(ring: Float[np.ndarray, "_ 2"]) -> tuple[int, int]:
    """The pixel right of the ring's first step: `trace` keeps the inside there."""
    (row, col), (next_row, next_col) = ring[:2]
    down, right = np.sign(next_row - row), np.sign(next_col - col)
    beside = {(0, 1): (0, 0), (1, 0): (0, -1), (0, -1): (-1, -1), (-1, 0): (-1, 0)}[int(down), int(right)]
    return int(row) + beside[0], int(col) + beside[1]


def _turns_clockwise(ring: Float[np.ndarray, "_ 2"]) -> bool:
    """As the image is seen, rows down: an outer ring."""
    row, col = ring.T
    return float(col @ np.roll(row, -1) - row @ np.roll(col, -1)) > 0

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
    lengths = np.array([len(ring) for ring in rings])
    starts, points = np.cumsum(lengths) - lengths, np.concatenate(rings)
    row, col = _pixels_inside(points[starts], points[starts + 1])
    piece, holes = pieces[row, col] - 1, ~_turn_clockwise(points, starts)
    # With indices both give arrays, also of one; shapely's annotations know only the case without.
    lines = np.asarray(shapely.linearrings(points[:, ::-1] * scale, indices=np.repeat(np.arange(len(rings)), lengths)))
    order = np.lexsort((holes, piece))  # of each piece its outline, then its holes
    polygons = np.asarray(shapely.polygons(lines[order], indices=piece[order]))
    return polygons[0] if count == 1 else cast("MultiPolygon", shapely.multipolygons(polygons))


def _pixels_inside(first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "n 2"]) -> tuple[np.ndarray, np.ndarray]:
    """The pixels right of the rings' first steps, which go along one axis: `trace` keeps the inside there."""
    down, right = np.sign(second - first).T
    row, col = first.T
    above, left = (down < 0) | (right < 0), (down > 0) | (right < 0)
    return (row - above).astype(int), (col - left).astype(int)


def _turn_clockwise(points: Float[np.ndarray, "m 2"], starts: np.ndarray) -> Bool[np.ndarray, " n"]:
    """Which rings do, as the image is seen, rows down: outer ones."""
    following = np.arange(1, len(points) + 1)
    following[np.append(starts[1:], len(points)) - 1] = starts
    (row, col), (next_row, next_col) = points.T, points[following].T
    return np.add.reduceat(col * next_row - row * next_col, starts) > 0

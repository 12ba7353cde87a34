"""Between a section's pixels and its unrolled cortex, both ways: which piece, arc and depth a pixel has, and back.

The flat grid's cells are split into triangles, and both ways are linear in these, so that they are each other's
inverse wherever the grid covers the section. Columns that end early leave holes; a pixel beside the grid by less than
a pixel takes the nearest point of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int32
from numba import njit

from gennari.records import Ribbon
from gennari.surface.unroll import Unrolled

ROUNDING = 1e-9
"""A corner of a triangle with less weight than that has none: a point on a side needs only the side's two ends."""


@dataclass(frozen=True, kw_only=True)
class FlatMap:
    """Where each pixel of a ribbon lies on the unrolled cortex.

    Attributes:
        piece: index into the pieces it was made from; -1 outside cortex, and where no piece comes within a pixel.
        arc_mm: along that piece; NaN likewise.
        depth: on the flat grid, 0 pial .. 1 white; NaN likewise.
    """

    piece: Int32[np.ndarray, "h w"]
    arc_mm: Float[np.ndarray, "h w"]
    depth: Float[np.ndarray, "h w"]


def map_flat(pieces: Sequence[Unrolled], ribbon: Ribbon) -> FlatMap:
    """For each pixel of cortex its nearest point on the flat grids, a pixel away at most.

    Where two pieces, or two cells of a folded grid, are as near, the earlier one counts.

    Args:
        pieces: of this ribbon, from `unroll`.
        ribbon: of the section.
    """
    away = np.where(ribbon.cortex, 1.0, -1.0)  # px, of the best point so far; nothing is nearer than -1
    piece = np.full(away.shape, -1, np.int32)
    arc, depth = np.full(away.shape, np.nan), np.full(away.shape, np.nan)
    for number, flat in enumerate(pieces):
        nodes, arc_mm = _wrapped(flat)
        nodes_px = nodes / ribbon.spacing_um - 0.5
        _draw(np.ascontiguousarray(nodes_px), arc_mm, flat.depth, number, away, piece, arc, depth)
    return FlatMap(piece=piece, arc_mm=np.where(piece < 0, np.nan, arc), depth=depth)


def section_points_um(
    piece: Unrolled, arc_mm: Float[np.ndarray, "n"], depth: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n 2"]:
    """Where points of the unrolled cortex lie on the section, SECTION_UM: the way back from `map_flat`.

    Args:
        piece: the unrolled piece.
        arc_mm: of the points; beyond an end of an open piece its end counts, a closed one goes round.
        depth: of the points; beyond the grid's first and last depth these count.

    Returns:
        (row, col); NaN where the grid has no corner.

    Raises:
        ValueError: the piece has fewer than two depths or two columns.
    """
    nodes, along = _wrapped(piece)
    if len(piece.depth) < 2 or len(along) < 2:
        raise ValueError(
            f"points are found between two depths and two columns at least, got {len(piece.depth)}, {len(along)}"
        )
    x = (np.mod(arc_mm, piece.length_mm) if piece.closed else np.asarray(arc_mm)) / (along[1] - along[0])
    y = (np.asarray(depth) - piece.depth[0]) / (piece.depth[1] - piece.depth[0])
    x, y = np.clip(x, 0, len(along) - 1), np.clip(y, 0, len(piece.depth) - 1)
    i, j = np.minimum(y.astype(int), len(piece.depth) - 2), np.minimum(x.astype(int), len(along) - 2)
    u, v = x - j, y - i
    upper = np.stack([1 - u - v, u, v, 0 * u], axis=1)
    lower = np.stack([0 * u, 1 - v, 1 - u, u + v - 1], axis=1)
    weights = np.where((u + v <= 1)[:, None], upper, lower)
    weights[weights < ROUNDING] = 0
    corners = np.stack([nodes[i, j], nodes[i, j + 1], nodes[i + 1, j], nodes[i + 1, j + 1]], axis=1)  # (n, 4, 2)
    return np.where(weights[..., None] > 0, weights[..., None] * corners, 0).sum(axis=1)


def _wrapped(piece: Unrolled) -> tuple[Float[np.ndarray, "d a 2"], Float[np.ndarray, "a"]]:
    """The grid's nodes and arcs; of a closed piece the first column once more behind the last."""
    if not piece.closed:
        return piece.centre_um, piece.arc_mm
    nodes = np.concatenate([piece.centre_um, piece.centre_um[:, :1]], axis=1)
    return nodes, np.append(piece.arc_mm, piece.length_mm)


@no_type_check
@njit(cache=True)
def _draw(nodes, arc_mm, levels, number, away, piece, arc, depth):
    """Give each pixel that comes nearer to a triangle of this grid than `away` its arc and depth there."""
    for i in range(nodes.shape[0] - 1):
        for j in range(nodes.shape[1] - 1):
            a, b = levels[i], levels[i + 1]
            x, y = arc_mm[j], arc_mm[j + 1]
            corners = (nodes[i, j], nodes[i, j + 1], nodes[i + 1, j], nodes[i + 1, j + 1])
            _triangle(corners[0], corners[1], corners[2], x, y, a, b, number, away, piece, arc, depth)
            _triangle(corners[3], corners[2], corners[1], y, x, b, a, number, away, piece, arc, depth)


@no_type_check
@njit(cache=True)
def _triangle(origin, along, down, x, y, a, b, number, away, piece, arc, depth):
    """Of a triangle whose sides from `origin` run along the arc, x to y, and along depth, a to b."""
    low_r = min(origin[0], along[0], down[0])
    high_r = max(origin[0], along[0], down[0])
    low_c = min(origin[1], along[1], down[1])
    high_c = max(origin[1], along[1], down[1])
    if np.isnan(low_r + high_r + origin[0] + along[0] + down[0]):
        return
    for r in range(max(int(np.floor(low_r)) - 1, 0), min(int(np.ceil(high_r)) + 2, away.shape[0])):
        for c in range(max(int(np.floor(low_c)) - 1, 0), min(int(np.ceil(high_c)) + 2, away.shape[1])):
            if away[r, c] <= 0.0:
                continue
            far, u, v = _nearest(r, c, origin, along, down)
            if far < away[r, c]:
                away[r, c], piece[r, c] = far, number
                arc[r, c], depth[r, c] = x + u * (y - x), a + v * (b - a)


@no_type_check
@njit(cache=True)
def _nearest(r, c, origin, along, down):
    """Distance from a pixel to the triangle, and the nearest point as shares of the two sides."""
    ur, uc = along[0] - origin[0], along[1] - origin[1]
    vr, vc = down[0] - origin[0], down[1] - origin[1]
    pr, pc = r - origin[0], c - origin[1]
    area = ur * vc - uc * vr
    if area != 0.0:
        u, v = (pr * vc - pc * vr) / area, (ur * pc - uc * pr) / area
        if u >= 0.0 and v >= 0.0 and u + v <= 1.0:
            return 0.0, u, v
    s = _share(pr, pc, ur, uc)
    best, best_u, best_v = np.hypot(pr - s * ur, pc - s * uc), s, 0.0
    s = _share(pr, pc, vr, vc)
    far = np.hypot(pr - s * vr, pc - s * vc)
    if far < best:
        best, best_u, best_v = far, 0.0, s
    s = _share(pr - ur, pc - uc, vr - ur, vc - uc)
    far = np.hypot(pr - ur - s * (vr - ur), pc - uc - s * (vc - uc))
    if far < best:
        best, best_u, best_v = far, 1.0 - s, s
    return best, best_u, best_v


@no_type_check
@njit(cache=True)
def _share(pr, pc, dr, dc):
    """How far along a side the foot of a point lies, 0..1."""
    length = dr * dr + dc * dc
    return min(max((pr * dr + pc * dc) / length, 0.0), 1.0) if length > 0.0 else 0.0

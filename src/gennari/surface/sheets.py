"""How near another sheet of cortex comes: the opposite bank of a sulcus, or the other side of a gyral blade."""

from collections.abc import Sequence
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

from gennari.records import TriangleMesh
from gennari.surface.mesh import vertex_normals

REACH_MM = 10.0
"""Nothing is looked for farther away."""
OPPOSED = -0.5
"""Cosine of 120 degrees: a sheet is another one where its normal is turned by more than that."""
_CELL_MM = 2.0


def other_sheet_mm(
    meshes: Sequence[TriangleMesh],
    points_mm: Float[np.ndarray, "n 3"],
    normals: Float[np.ndarray, "n 3"],
    reach_mm: float = REACH_MM,
) -> Float[np.ndarray, "n"]:
    """Distance from places on a surface to the nearest piece of surface that faces the other way.

    Another sheet is every face whose normal (mean of its vertices') is turned by more than 120 degrees against the
    place's own. That is local and needs no geodesic neighbourhood: a place's own sheet does not turn round without
    a fold, and the two banks of a fold are the sheets that matter. Distances run to the nearest point of such a face,
    through whatever lies between. Of two parallel plates each place gets the gap; on a sphere of radius R alone, √3 R.

    Args:
        meshes: all surfaces that count, such as the mid surfaces of both hemispheres.
        points_mm: the places.
        normals: of unit length there, oriented as the meshes are.
        reach_mm: where there is no other sheet within it, it is the answer: read it as "this, or more".
    """
    sheets = [mesh for mesh in meshes if len(mesh.faces)]
    if not sheets:
        return np.full(len(points_mm), reach_mm)
    corners = np.concatenate([mesh.vertices_mm[mesh.faces] for mesh in sheets]).astype(float)
    facing = np.concatenate([vertex_normals(mesh)[mesh.faces].sum(axis=1) for mesh in sheets])
    # a face whose normals cancel keeps length 0 and is never opposed
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-12)
    middle = corners.mean(axis=1)
    size = float(np.linalg.norm(corners - middle[:, None], axis=2).max())
    low = middle.min(axis=0)
    cell = np.floor((middle - low) / _CELL_MM).astype(np.int64)
    shape = np.max(cell, axis=0) + 1
    number = (cell[:, 0] * shape[1] + cell[:, 1]) * shape[2] + cell[:, 2]
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(np.prod(shape) + 1))
    return _nearest(
        points_mm, normals, corners[order], middle[order], facing[order], low, shape, starts, size, reach_mm
    )


@no_type_check
@njit(cache=True)
def _nearest(points, normals, corners, middle, facing, low, shape, starts, size, reach):
    """Rings of grid cells around each point, until no farther ring can hold anything nearer."""
    found = np.full(len(points), reach)
    for i in range(len(points)):
        p, n = points[i], normals[i]
        home = np.floor((p - low) / _CELL_MM).astype(np.int64)
        ring = 0
        while (ring - 1) * _CELL_MM - size < found[i]:
            for x in range(max(home[0] - ring, 0), min(home[0] + ring + 1, shape[0])):
                for y in range(max(home[1] - ring, 0), min(home[1] + ring + 1, shape[1])):
                    on_shell = abs(x - home[0]) == ring or abs(y - home[1]) == ring
                    step = 1 if on_shell or ring == 0 else 2 * ring  # inside the shell only its two ends are new
                    for z in range(home[2] - ring, home[2] + ring + 1, step):
                        if 0 <= z < shape[2]:
                            cell = (x * shape[1] + y) * shape[2] + z
                            for f in range(starts[cell], starts[cell + 1]):
                                if n[0] * facing[f, 0] + n[1] * facing[f, 1] + n[2] * facing[f, 2] < OPPOSED:
                                    found[i] = _nearer(found[i], p, middle[f], corners[f], size)
            ring += 1
    return found


@no_type_check
@njit(cache=True)
def _nearer(found, p, middle, corners, size):
    """The lesser of what is found and the distance to a triangle; none is computed where its middle is too far."""
    x, y, z = p[0] - middle[0], p[1] - middle[1], p[2] - middle[2]
    limit = found + size
    return found if x * x + y * y + z * z > limit * limit else min(found, _to_triangle(p, corners))


@no_type_check
@njit(cache=True)
def _to_triangle(p, corners):
    """Distance from a point to a triangle: to its plane if the foot lies inside, else to its nearest side."""
    ab, ac, ap = corners[1] - corners[0], corners[2] - corners[0], p - corners[0]
    d00, d01, d11 = (ab * ab).sum(), (ab * ac).sum(), (ac * ac).sum()
    d20, d21 = (ap * ab).sum(), (ap * ac).sum()
    area = d00 * d11 - d01 * d01
    v, w = d11 * d20 - d01 * d21, d00 * d21 - d01 * d20
    if area > 0 and v >= 0 and w >= 0 and v + w <= area:
        foot = ap - (v / area) * ab - (w / area) * ac
        return np.sqrt((foot * foot).sum())
    best = np.inf
    for k in range(3):
        a, b = corners[k], corners[(k + 1) % 3]
        side, arm = b - a, p - a
        length = (side * side).sum()
        t = min(max((arm * side).sum() / length, 0.0), 1.0) if length > 0 else 0.0
        rest = arm - t * side
        best = min(best, np.sqrt((rest * rest).sum()))
    return best

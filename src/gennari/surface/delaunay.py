"""The intrinsic Delaunay triangulation of a surface: the same surface and vertices, straighter triangles.

Fronts of distance go wrong in obtuse triangles. Two faces unfolded flat make a quadrilateral; where its other diagonal
is the better one the edge is flipped, on the surface (the faces of the mesh stay as they are), until no flip is left
(Fisher et al. 2007, "An algorithm for the construction of intrinsic Delaunay triangulations"). Edges become geodesics
across several faces, so only their lengths are known, and only these are needed.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int32, Int64
from numba import njit

from gennari.records import TriangleMesh
from gennari.surface.mesh import proper_faces

SLACK = 1e-9
"""An edge whose two opposite cotangents sum to no less than this below zero stays: rounding must not flip for ever."""
TINY = 1e-300


def intrinsic_delaunay(mesh: TriangleMesh) -> tuple[Int32[np.ndarray, "g 3"], Float[np.ndarray, "g 3"]]:
    """Triangles over the mesh's vertices, and the lengths in mm of their sides (ab, bc, ca).

    Faces that name a vertex twice are left out. Edges at the border, edges of more than two faces and edges whose two
    faces are oriented against each other are kept. Two triangles may share more than one edge.
    """
    faces = proper_faces(mesh).astype(np.int64)
    corners = mesh.vertices_mm[faces].astype(float)
    lengths = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    _flip(faces, lengths, _twins(faces, len(mesh.vertices_mm)))
    return faces.astype(np.int32), lengths


def _twins(faces: Int64[np.ndarray, "g 3"], count: int) -> Int64[np.ndarray, "g 3"]:
    """For side k of face f the side of its neighbour, as 3 f + k; -1 where there is not exactly one fit neighbour."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    _, edge, shared = np.unique(
        np.minimum(start, end) * count + np.maximum(start, end), return_inverse=True, return_counts=True
    )
    order = np.argsort(edge, kind="stable")
    twins = np.full(len(start), -1)
    first = order[np.searchsorted(edge[order], np.flatnonzero(shared == 2))]
    second = order[np.searchsorted(edge[order], np.flatnonzero(shared == 2)) + 1]
    fit = start[first] == end[second]
    twins[first[fit]], twins[second[fit]] = second[fit], first[fit]
    return twins.reshape(faces.shape)


@no_type_check
@njit(cache=True)
def _flip(faces, lengths, twins):
    """Flip edges in place, last in first out, until all are Delaunay."""
    sides = 3 * len(faces)
    waiting, is_waiting = np.empty(sides, np.int64), np.zeros(sides, np.bool_)
    count = 0
    for side in range(sides):
        if twins[side // 3, side % 3] > side:
            waiting[count], is_waiting[side] = side, True
            count += 1
    while count > 0:
        count -= 1
        side = waiting[count]
        is_waiting[side] = False
        twin = twins[side // 3, side % 3]
        if twin < 0 or not _flip_one(faces, lengths, twins, side, twin):
            continue
        for around in (3 * (side // 3), 3 * (side // 3) + 1, 3 * (twin // 3), 3 * (twin // 3) + 1):
            if not is_waiting[around]:
                waiting[count], is_waiting[around] = around, True
                count += 1


@no_type_check
@njit(cache=True)
def _flip_one(faces, lengths, twins, side, twin):
    """Replace faces (a b c) and (b a d) by (c a d) and (d b c) if ab is not Delaunay; says whether it did."""
    f, k, g, m = side // 3, side % 3, twin // 3, twin % 3
    k1, k2, m1, m2 = (k + 1) % 3, (k + 2) % 3, (m + 1) % 3, (m + 2) % 3
    a, b, c, d = faces[f, k], faces[f, k1], faces[f, k2], faces[g, m2]
    ab, bc, ca, ad, db = lengths[f, k], lengths[f, k1], lengths[f, k2], lengths[g, m1], lengths[g, m2]
    if ab <= 0.0 or f == g or c == d or _cotangent(ab, bc, ca) + _cotangent(ab, db, ad) >= -SLACK:
        return False
    x, y = apex(ab, ca, bc)
    u, v = apex(ab, ad, db)
    cd = np.hypot(x - u, y + v)
    outer = (twins[f, k2], twins[g, m1], twins[g, m2], twins[f, k1])
    faces[f, 0], faces[f, 1], faces[f, 2] = c, a, d
    faces[g, 0], faces[g, 1], faces[g, 2] = d, b, c
    lengths[f, 0], lengths[f, 1], lengths[f, 2] = ca, ad, cd
    lengths[g, 0], lengths[g, 1], lengths[g, 2] = db, bc, cd
    twins[f, 0], twins[f, 1], twins[f, 2] = outer[0], outer[1], 3 * g + 2
    twins[g, 0], twins[g, 1], twins[g, 2] = outer[2], outer[3], 3 * f + 2
    for place, other in zip((3 * f, 3 * f + 1, 3 * g, 3 * g + 1), outer):  # noqa: B905
        if other >= 0:
            twins[other // 3, other % 3] = place
    return True


@no_type_check
@njit(cache=True)
def _cotangent(opposite, one, other):
    """Cotangent of the angle between two sides of a triangle, by Heron's formula."""
    half = 0.5 * (opposite + one + other)
    area = np.sqrt(max(half * (half - opposite) * (half - one) * (half - other), TINY))
    return (one * one + other * other - opposite * opposite) / (4 * area)


@no_type_check
@njit(cache=True)
def apex(base, from_start, from_end):
    """Where the third corner of a triangle lies, its base laid from (0, 0) to (base, 0); above it."""
    x = (base * base + from_start * from_start - from_end * from_end) / (2 * base)
    return x, np.sqrt(max(from_start * from_start - x * x, 0.0))

"""Prisms between pial and white faces, rasterised where a plane meets them. Private to the ribbon.

Each face with its copy on the white surface is a prism. With a < b < c its vertices by global index and p, w their
pial and white positions, it is cut into the tetrahedra (pa pb pc wc), (pa pb wb wc), (pa wa wb wc): the diagonal of
each side runs from the lower vertex on the pial to the higher one on the white surface, so neighbours agree on it. In a
tetrahedron depth and weights are linear in space, hence linear in the plane that cuts it, and continuous across.

Points are (row, col, across) in units of pixels, rows and columns counted from the centre of pixel (0, 0).
"""

from typing import no_type_check

import numpy as np
from numba import njit

SLACK = 1e-9
"""A centre on a shared face must not fall between its two owners."""
BEST = 2.0
"""Claim of mid depth in a tetrahedron that is not inside out; the worst there is, inside out at a surface, is 0.5."""
SAME = 1e-7
"""Claims this close are equal: the owners of a shared face differ by rounding only, and the earlier one keeps it."""


@no_type_check
@njit(cache=True)
def _triple(a, b, c):
    """(a x b) . c."""
    return (a[1] * b[2] - a[2] * b[1]) * c[0] + (a[2] * b[0] - a[0] * b[2]) * c[1] + (a[0] * b[1] - a[1] * b[0]) * c[2]


@no_type_check
@njit(cache=True)
def rasterise(pial, white, faces, numbers, wall, outward, index, claims, depth, face, weights, side):
    """Write every prism that the plane meets, under its face's number.

    `claims` holds how good the claim on each pixel is: higher wins, 0 is none, so that untouched memory stays so.
    """
    corner = np.empty((4, 3))
    is_white = np.empty(4, np.bool_)
    local = np.empty(4, np.int64)
    for f in range(len(faces)):
        if wall[faces[f, 0]] and wall[faces[f, 1]] and wall[faces[f, 2]]:
            continue
        if not _reaches(pial, white, faces[f], claims.shape[0], claims.shape[1]):
            continue
        a, b, c, parity = _order(faces[f])
        for tetrahedron in range(3):
            local[0], local[3] = a, c
            local[1] = a if tetrahedron == 2 else b
            local[2] = c if tetrahedron == 0 else b
            for k in range(4):
                is_white[k] = k >= 3 - tetrahedron
                v = faces[f, local[k]]
                for axis in range(3):
                    corner[k, axis] = white[v, axis] if is_white[k] else pial[v, axis]
            positive = parity * outward * (1 if tetrahedron == 1 else -1)
            _claim(corner, is_white, local, positive, numbers[f], index, claims, depth, face, weights, side)


@no_type_check
@njit(cache=True)
def _reaches(pial, white, vertices, height, width):
    """Whether a prism's box meets the plane, and there the image: a window shows few of the faces in its plane."""
    for axis in range(3):
        low, high = np.inf, -np.inf
        for k in range(3):
            v = vertices[k]
            low, high = min(low, pial[v, axis], white[v, axis]), max(high, pial[v, axis], white[v, axis])
        last = 0.0 if axis == 2 else (height if axis == 0 else width) - 1.0
        if low > last + SLACK or high < -SLACK:
            return False
    return True


@no_type_check
@njit(cache=True)
def _order(vertices):
    """Corners by ascending global vertex index, and +1 if that is an even permutation, else -1."""
    a, b, c, parity = 0, 1, 2, 1
    if vertices[a] > vertices[b]:
        a, b, parity = b, a, -parity
    if vertices[b] > vertices[c]:
        b, c, parity = c, b, -parity
    if vertices[a] > vertices[b]:
        a, b, parity = b, a, -parity
    return a, b, c, parity


@no_type_check
@njit(cache=True)
def _claim(corner, is_white, local, positive, number, index, claims, depth, face, weights, side):
    """Claim the pixel centres inside one tetrahedron."""
    coordinate, share = np.empty((4, 3)), np.empty(3)
    determinant = _barycentric(corner, coordinate)
    if determinant == 0.0:
        return
    worth = BEST if determinant * positive > 0 else BEST - 1.0
    first, last = _rows_met(corner)
    for row in range(max(int(np.ceil(first - SLACK)), 0), min(int(np.floor(last + SLACK)) + 1, claims.shape[0])):
        left, right = _columns_met(coordinate, row, claims.shape[1])
        for col in range(left, right):
            at_depth = _place(coordinate, row, col, is_white, local, share)
            claim = worth - abs(at_depth - 0.5)
            if claim > claims[row, col] + SAME:
                claims[row, col] = claim
                depth[row, col], face[row, col], side[row, col] = at_depth, number, index
                for k in range(3):
                    weights[row, col, k] = share[k]


@no_type_check
@njit(cache=True)
def _columns_met(coordinate, row, width):
    """The range of columns whose centres lie in the tetrahedron: each coordinate >= 0 bounds it from one side."""
    left, right = -0.5, width - 0.5
    for k in range(4):
        value, slope = coordinate[k, 0] + coordinate[k, 1] * row, coordinate[k, 2]
        if slope > 0:
            left = max(left, (-SLACK - value) / slope)
        elif slope < 0:
            right = min(right, (-SLACK - value) / slope)
        elif value < -SLACK:
            return 0, 0
    return (int(np.ceil(left)), int(np.floor(right)) + 1) if left <= right else (0, 0)


@no_type_check
@njit(cache=True)
def _place(coordinate, row, col, is_white, local, share):
    """Depth of a pixel centre inside the tetrahedron; its weights in the face are written to `share`."""
    at_depth, total = 0.0, 0.0
    share[:] = 0.0
    for k in range(4):
        value = max(coordinate[k, 0] + coordinate[k, 1] * row + coordinate[k, 2] * col, 0.0)
        total += value
        share[local[k]] += value
        if is_white[k]:
            at_depth += value
    for k in range(3):
        share[k] /= total
    return at_depth / total


@no_type_check
@njit(cache=True)
def _barycentric(corner, coordinate):
    """The four coordinates as linear functions of (1, row, col) on the plane; returns 6 x volume, 0 if degenerate."""
    e1, e2, e3 = corner[1] - corner[0], corner[2] - corner[0], corner[3] - corner[0]
    determinant = _triple(e1, e2, e3)
    size = max(np.abs(e1).max(), np.abs(e2).max(), np.abs(e3).max())
    if abs(determinant) <= 1e-12 * size**3:
        return 0.0
    coordinate[0] = (1.0, 0.0, 0.0)
    for k, (u, v) in enumerate(((e2, e3), (e3, e1), (e1, e2))):
        row_slope = (u[1] * v[2] - u[2] * v[1]) / determinant
        col_slope = (u[2] * v[0] - u[0] * v[2]) / determinant
        across_slope = (u[0] * v[1] - u[1] * v[0]) / determinant
        coordinate[k + 1, 0] = -(row_slope * corner[0, 0] + col_slope * corner[0, 1] + across_slope * corner[0, 2])
        coordinate[k + 1, 1], coordinate[k + 1, 2] = row_slope, col_slope
        coordinate[0] -= coordinate[k + 1]
    return determinant


@no_type_check
@njit(cache=True)
def _rows_met(corner):
    """Lowest and highest row where the plane meets the tetrahedron (inf, -inf if it does not)."""
    first, last = np.inf, -np.inf
    for i in range(4):
        for j in range(i, 4):
            u, v = corner[i, 2], corner[j, 2]
            if u * v > 0 or (i == j and u != 0):
                continue
            row = corner[i, 0] if u == v else corner[i, 0] + (corner[j, 0] - corner[i, 0]) * (u / (u - v))
            first, last = min(first, row), max(last, row)
    return first, last

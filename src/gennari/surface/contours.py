"""Closed lines in a section: where a plane cuts a mesh, filling them on a pixel grid, tracing them from a mask."""

from collections.abc import Sequence
from typing import Literal, no_type_check

import numpy as np
from jaxtyping import Bool, Float
from numba import njit

from gennari.errors import InputError
from gennari.records import Section, TriangleMesh


def plane_contours(mesh: TriangleMesh, section: Section) -> list[Float[np.ndarray, "_ 2"]]:
    """The lines along which the section's plane cuts a mesh.

    A vertex exactly on the plane counts as lying on its far side, so every line crosses edges only and never branches.

    Args:
        mesh: in BRAIN_MM, faces oriented alike.
        section: whose plane cuts.

    Returns:
        Polylines of (row, col) in µm. Those of a closed mesh are rings, without the first point repeated, all turning
        the same way around the inside; those of an open mesh may start and end at its border.

    Raises:
        InputError: an edge has more than two faces, or two neighbours are oriented against each other.
    """
    points = section.section_um(mesh.vertices_mm.astype(float))
    above = points[:, 2] >= 0
    faces = mesh.faces[np.ptp(above[mesh.faces].astype(np.int8), axis=1) > 0]
    if not len(faces):
        return []
    # In each cut face one side climbs through the plane and one sinks through it; the line runs from the first to the
    # second. Sides are named by their lower and higher vertex, so that the neighbour finds its own end there.
    start, end = faces, np.roll(faces, -1, axis=1)
    climbs, sinks = ~above[start] & above[end], above[start] & ~above[end]
    keys = np.minimum(start, end).astype(np.int64) * len(points) + np.maximum(start, end)
    sides, index = np.unique(np.concatenate([keys[climbs], keys[sinks]]), return_inverse=True)
    enters, leaves = np.split(index.astype(np.int64), 2)
    if max(np.bincount(enters).max(), np.bincount(leaves).max()) > 1:
        raise InputError(
            "the faces of a surface must be oriented alike, two at each edge, but the plane of section "
            f"{section.id} meets an edge where they are not; repair the mesh (reorient its faces)"
        )
    low, high = sides // len(points), sides % len(points)
    fraction = (points[low, 2] / (points[low, 2] - points[high, 2]))[:, None]
    crossings = points[low, :2] * (1 - fraction) + points[high, :2] * fraction
    following = np.full(len(sides), -1)
    following[enters] = leaves
    return [crossings[chain] for chain in _chains(following)]


def _chains(following: np.ndarray) -> list[np.ndarray]:
    """Follow `following` (-1 ends a chain) until all is walked; open chains first, from their starts."""
    order, lengths = _walk(following)
    return np.split(order, np.cumsum(lengths)[:-1])


@no_type_check
@njit(cache=True)
def _walk(following):
    count = len(following)
    has_previous = np.zeros(count, np.bool_)
    for node in range(count):
        if following[node] >= 0:
            has_previous[following[node]] = True
    walked = np.zeros(count, np.bool_)
    order = np.empty(count, np.int64)
    lengths = []
    done = 0
    for only_starts in (True, False):
        for first in range(count):
            if walked[first] or (only_starts and has_previous[first]):
                continue
            begin, node = done, first
            while node >= 0 and not walked[node]:
                walked[node] = True
                order[done] = node
                done += 1
                node = following[node]
            lengths.append(done - begin)
    return order, np.array(lengths)


def fill_polygons(
    rings: Sequence[Float[np.ndarray, "_ 2"]],
    shape: tuple[int, int],
    rule: Literal["even-odd", "winding"] = "even-odd",
) -> Bool[np.ndarray, "h w"]:
    """Pixels whose centre lies inside the rings.

    A centre exactly on a line belongs to the inside below or right of it, so neighbours that share a line share no
    pixel and leave none out.

    Args:
        rings: (row, col) in px from the outer corner of pixel (0, 0); each closes from its last point to its first.
        shape: (h, w) of the mask.
        rule: "even-odd": a ring inside a ring is a hole; "winding": it is one only if it turns the other way, so that
            overlaps stay filled.
    """
    mask = np.zeros(shape, bool)
    box, inside = fill_box(rings, shape, rule)
    mask[box] = inside
    return mask


def fill_box(
    rings: Sequence[Float[np.ndarray, "_ 2"]],
    shape: tuple[int, int],
    rule: Literal["even-odd", "winding"] = "even-odd",
) -> tuple[tuple[slice, slice], Bool[np.ndarray, "_ _"]]:
    """As `fill_polygons`, of the rings' bounding box alone: where it lies in the mask, and what is inside there."""
    usable = [np.ascontiguousarray(ring, np.float64) for ring in rings if len(ring) > 2]
    if not usable:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    low = np.floor(np.clip(np.min([ring.min(axis=0) for ring in usable], axis=0), 0, shape)).astype(int)
    high = np.ceil(np.clip(np.max([ring.max(axis=0) for ring in usable], axis=0), low, shape)).astype(int)
    turns = np.zeros((high[0] - low[0], high[1] - low[1] + 1), np.int32)
    for ring in usable:
        _add_crossings(ring, turns, low[0], low[1])
    winding = np.cumsum(turns[:, :-1], axis=1)
    inside = winding % 2 != 0 if rule == "even-odd" else winding != 0
    return (slice(low[0], high[0]), slice(low[1], high[1])), inside


@no_type_check
@njit(cache=True)
def _add_crossings(ring, turns, top, left):
    """Where a ring's side crosses a row of centres, note +1 or -1 at the first centre right of it.

    Places are computed on the whole grid and then moved to the box, so that they do not depend on the box.
    """
    height, width = turns.shape[0], turns.shape[1] - 1
    count = len(ring)
    for side in range(count):
        r0, c0 = ring[side]
        r1, c1 = ring[(side + 1) % count]
        turn = 1
        if r0 > r1:  # walk every side downwards, so that both of its neighbours compute the same crossing
            r0, c0, r1, c1, turn = r1, c1, r0, c0, -1
        first, last = max(np.ceil(r0 - 0.5), float(top)), min(np.ceil(r1 - 0.5), float(top + height))
        for row in range(int(first), int(last)):
            col = c0 + (c1 - c0) * ((row + 0.5 - r0) / (r1 - r0))
            turns[row - top, int(min(max(np.ceil(col - 0.5) - left, 0.0), float(width)))] += turn


def trace(mask: Bool[np.ndarray, "h w"]) -> list[Float[np.ndarray, "_ 2"]]:
    """The outlines of a mask along pixel edges, such that filling them gives the mask back exactly.

    Returns:
        Rings of corner points (row, col) in px, straight runs joined, the first point not repeated. No ring visits a
        point twice. Outer rings turn clockwise as the image is seen (rows down), holes the other way.
    """
    height, width = mask.shape
    if not mask.any():
        return []
    padded = np.zeros((height + 2, width + 2), np.bool_)
    padded[1:-1, 1:-1] = mask
    corners, lengths = _trace(padded)
    return list(np.split(corners.astype(np.float64), np.cumsum(lengths)[:-1]))


@no_type_check
@njit(cache=True)
def _trace(padded):
    """Walk the directed pixel edges, inside on the right; cut a loop off wherever the walk meets itself."""
    height, width = padded.shape[0] - 1, padded.shape[1] - 1  # of the lattice of pixel corners
    steps = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])  # east, south, west, north
    unwalked = np.zeros((height, width, 4), np.bool_)
    for r in range(height):  # corner (r, c) is the lower right corner of padded[r, c]
        for c in range(width):
            nw, ne, sw, se = padded[r, c], padded[r, c + 1], padded[r + 1, c], padded[r + 1, c + 1]
            unwalked[r, c, 0] = se and not ne
            unwalked[r, c, 1] = sw and not se
            unwalked[r, c, 2] = nw and not sw
            unwalked[r, c, 3] = ne and not nw
    place = np.full((height, width), -1)
    path = np.empty((unwalked.sum() + 1, 3), np.int64)  # row, col, direction of the step that leaves it
    corners = np.empty((unwalked.sum(), 2), np.int64)
    found = 0
    lengths = []
    for r0 in range(height):
        for c0 in range(width):
            for d0 in range(4):
                if not unwalked[r0, c0, d0]:
                    continue
                r, c, d, size = r0, c0, d0, 0
                while unwalked[r, c, d]:
                    unwalked[r, c, d] = False
                    path[size, 0], path[size, 1], path[size, 2] = r, c, d
                    place[r, c] = size
                    size += 1
                    r, c = r + steps[d, 0], c + steps[d, 1]
                    if place[r, c] >= 0:
                        count = _cut_loop(path, place, place[r, c], size, corners[found:])
                        lengths.append(count)
                        found += count
                        size = place[r, c]
                        place[r, c] = -1
                    d = _turn(padded, r, c, d)
    return corners[:found], np.array(lengths)


@no_type_check
@njit(cache=True)
def _turn(padded, r, c, d):
    """The direction that keeps to the same inside pixel: right if it can, else straight, else left."""
    right = (d + 1) % 4
    inside = (padded[r + 1, c + 1], padded[r + 1, c], padded[r, c], padded[r, c + 1])  # right of east, south, ...
    outside = (padded[r, c + 1], padded[r + 1, c + 1], padded[r + 1, c], padded[r, c])  # left of them
    for direction in (right, d, (d + 3) % 4):
        if inside[direction] and not outside[direction]:
            return direction
    return d


@no_type_check
@njit(cache=True)
def _cut_loop(path, place, begin, size, corners):
    """Note the corners of path[begin:size] and forget all its points but the first; return how many corners."""
    count = 0
    for step in range(begin, size):
        before = path[size - 1, 2] if step == begin else path[step - 1, 2]
        if path[step, 2] != before:
            corners[count, 0], corners[count, 1] = path[step, 0], path[step, 1]
            count += 1
        if step > begin:
            place[path[step, 0], path[step, 1]] = -1
    return count

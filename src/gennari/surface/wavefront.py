"""Fronts of distance that run over triangles from a source. Private to geodesics.

Vertices are settled in the order of their distance, as in Dijkstra's method. A triangle with two known corners gives
the third: unfolded flat there is one point below the two that is as far from each as their distances say, and the
third corner's distance is that to this image of the source, if the line passes between the two; else the shorter way
over either (Novotni and Klein 2002, "Computing geodesic distances on triangular meshes"; Reimers 2004). On a flat
surface without obtuse triangles this is exact, on a curved one close.
"""

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int, Int32, Int64
from numba import njit

from gennari.surface.delaunay import apex


class Triangles(NamedTuple):
    """Triangles by vertex: corner e of vertex v, `start[v] <= e < start[v + 1]`, has `others[e]` at its other ends.

    Attributes:
        lengths: of the sides to the first and the second of `others`, and of the side between these, in mm.
    """

    start: Int64[np.ndarray, "v1"]
    others: Int32[np.ndarray, "e 2"]
    lengths: Float[np.ndarray, "e 3"]


def by_vertex(faces: Int32[np.ndarray, "g 3"], lengths: Float[np.ndarray, "g 3"], vertices: int) -> Triangles:
    """Sort triangles by their corners.

    Args:
        faces: vertices of each.
        lengths: of the sides (ab, bc, ca), mm.
        vertices: how many there are.
    """
    corners = faces.ravel()
    order = np.argsort(corners, kind="stable")
    face, corner = order // 3, order % 3
    after, last = (corner + 1) % 3, (corner + 2) % 3
    return Triangles(
        start=np.concatenate([[0], np.cumsum(np.bincount(corners, minlength=vertices))]).astype(np.int64),
        others=np.column_stack([faces[face, after], faces[face, last]]),
        lengths=np.column_stack([lengths[face, corner], lengths[face, last], lengths[face, after]]),
    )


def run_front(
    triangles: Triangles,
    seeds: Int[np.ndarray, "s"],
    seed_mm: Float[np.ndarray, "s"],
    limit_mm: float = np.inf,
) -> Float[np.ndarray, "v"]:
    """Distance in mm of every vertex from seeds with given distances; inf where the front did not come.

    Args:
        triangles: to run over.
        seeds: vertices.
        seed_mm: their distances; one that a shorter way reaches is corrected.
        limit_mm: the front stops here. What it has just touched beyond keeps the value found so far.
    """
    return _run(*triangles, np.asarray(seeds, np.int64), np.asarray(seed_mm, float), float(limit_mm))


def at_places(
    distance_mm: Float[np.ndarray, "v"],
    vertices_mm: Float[np.ndarray, "v 3"],
    corners: Int[np.ndarray, "n 3"],
    weights: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n"]:
    """Distances of places inside faces from those of their corners, each face continued like a triangle of the front.

    Args:
        distance_mm: of the vertices.
        vertices_mm: where they lie.
        corners: of each place's face.
        weights: of the place in it.
    """
    return _at_places(distance_mm[corners], *_spokes_and_sides(vertices_mm[corners].astype(float), weights))


def run_short_fronts(
    near: Triangles,
    far: Triangles,
    vertices_mm: Float[np.ndarray, "v 3"],
    sources: tuple[Int[np.ndarray, "s 3"], Float[np.ndarray, "s 3"], Float[np.ndarray, "s"]],
    first: Int[np.ndarray, "s1"],
    targets: tuple[Int[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]],
    limit_mm: float,
) -> Float[np.ndarray, "n"]:
    """Distances of places from many sources, each by `run_front` and `at_places`; inf where the front did not come.

    What a front costs is what it touches: memory for the whole mesh is taken once for all of them.

    Args:
        near: that a front runs over first.
        far: that it runs over then, from all it has touched.
        vertices_mm: where the vertices lie.
        sources: corners to begin with, their distances, and how far the first front runs, all of the latter in mm.
        first: source s has the targets `first[s] <= n < first[s + 1]`.
        targets: corners of each place's face and the place's weights in it.
        limit_mm: where the second front stops.
    """
    corners, weights = targets
    seeds, seed_mm, around_mm = sources
    return _run_short(
        *near, *far, np.asarray(seeds, np.int64), np.asarray(seed_mm, float), np.asarray(around_mm, float),
        float(limit_mm), np.asarray(first, np.int64), np.asarray(corners, np.int64),
        *_spokes_and_sides(vertices_mm[corners].astype(float), weights),
    )  # fmt: skip


def _spokes_and_sides(
    points: Float[np.ndarray, "n 3 3"], weights: Float[np.ndarray, "n 3"]
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    places = np.einsum("nc,ncx->nx", weights, points)
    spokes = np.linalg.norm(points - places[:, None], axis=2)
    return spokes, np.linalg.norm(points - np.roll(points, -1, axis=1), axis=2)


@no_type_check
@njit(cache=True, nogil=True)
def _at_places(known, spokes, sides):
    found = np.full(len(known), np.inf)
    for n in range(len(known)):
        for k in range(3):
            m = (k + 1) % 3
            way = third(known[n, k], known[n, m], sides[n, k], spokes[n, k], spokes[n, m])
            found[n] = min(found[n], way)
    return found


@no_type_check
@njit(cache=True, nogil=True)
def third(known, other, base, spoke, other_spoke):
    """Distance of a triangle's third corner from those of the ends of its base and the sides that lead up from them."""
    over = min(known + spoke, other + other_spoke)
    if base <= 0.0 or not np.isfinite(known) or not np.isfinite(other):
        return over
    below_x = (base * base + known * known - other * other) / (2 * base)
    below_y = known * known - below_x * below_x
    if below_y <= 0.0:
        if below_x < 0.0 or below_x > base:
            return over
        below_y = 0.0  # the source lies on the base
    below_y = np.sqrt(below_y)
    x, y = apex(base, spoke, other_spoke)
    if below_y + y <= 0.0:
        return over
    through = below_x + (x - below_x) * below_y / (below_y + y)
    if through < 0.0 or through > base:
        return over
    return np.sqrt((x - below_x) ** 2 + (y + below_y) ** 2)


@no_type_check
@njit(cache=True, nogil=True)
def _run(start, others, lengths, seeds, seed_mm, limit_mm):
    count = len(start) - 1
    distance = np.full(count, np.inf)
    settled = np.zeros(count, np.bool_)
    heap, place, touched = np.empty(count, np.int64), np.full(count, -1), np.empty(count, np.int64)
    _spread(start, others, lengths, seeds, seed_mm, limit_mm, distance, settled, heap, place, touched)
    return distance


@no_type_check
@njit(cache=True, nogil=True)
def _spread(start, others, lengths, seeds, seed_mm, limit_mm, distance, settled, heap, place, touched):
    """Run a front in the arrays given; returns how many vertices it touched, which `touched` then begins with."""
    size = count = 0
    for s in range(len(seeds)):
        if seed_mm[s] < distance[seeds[s]]:
            if distance[seeds[s]] == np.inf:
                touched[count], count = seeds[s], count + 1
            distance[seeds[s]] = seed_mm[s]
            size = _rise(heap, place, size, distance, seeds[s])
    while size > 0 and distance[heap[0]] <= limit_mm:
        vertex = heap[0]
        size = _drop_first(heap, place, size, distance)
        settled[vertex] = True
        here = distance[vertex]
        for e in range(start[vertex], start[vertex + 1]):
            for k in range(2):
                near = others[e, k]
                if settled[near]:
                    continue
                far = distance[others[e, 1 - k]]
                found = third(here, far, lengths[e, 1 - k], lengths[e, k], lengths[e, 2])
                if found < distance[near]:
                    if distance[near] == np.inf:
                        touched[count], count = near, count + 1
                    distance[near] = found
                    size = _rise(heap, place, size, distance, near)
    return count


@no_type_check
@njit(cache=True, nogil=True)
def _clear(distance, settled, place, touched, count):
    for t in range(count):
        distance[touched[t]], settled[touched[t]], place[touched[t]] = np.inf, False, -1


@no_type_check
@njit(cache=True, nogil=True)
def _run_short(
    start, others, lengths, start_2, others_2, lengths_2, seeds, seed_mm, around_mm, limit_mm, first, corners, spokes,
    sides,
):  # fmt: skip
    count = len(start) - 1
    distance, settled = np.full(count, np.inf), np.zeros(count, np.bool_)
    heap, place, touched = np.empty(count, np.int64), np.full(count, -1), np.empty(count, np.int64)
    out = np.full(len(corners), np.inf)
    for s in range(len(seeds)):
        near = _spread(
            start, others, lengths, seeds[s], seed_mm[s], around_mm[s], distance, settled, heap, place, touched
        )
        again = touched[:near].copy()
        again_mm = distance[again]
        _clear(distance, settled, place, touched, near)
        count = _spread(
            start_2, others_2, lengths_2, again, again_mm, limit_mm, distance, settled, heap, place, touched
        )
        for n in range(first[s], first[s + 1]):
            known = np.array([[distance[corners[n, 0]], distance[corners[n, 1]], distance[corners[n, 2]]]])
            out[n] = _at_places(known, spokes[n : n + 1], sides[n : n + 1])[0]
        _clear(distance, settled, place, touched, count)
    return out


@no_type_check
@njit(cache=True, nogil=True)
def _rise(heap, place, size, distance, vertex):
    """Add a vertex to the heap, or move it up after its distance fell; returns the heap's size."""
    at = place[vertex]
    if at < 0:
        at, size = size, size + 1
    while at > 0:
        above = (at - 1) // 2
        if distance[heap[above]] <= distance[vertex]:
            break
        heap[at] = heap[above]
        place[heap[at]] = at
        at = above
    heap[at], place[vertex] = vertex, at
    return size


@no_type_check
@njit(cache=True, nogil=True)
def _drop_first(heap, place, size, distance):
    """Take the nearest vertex off the heap; returns the heap's size."""
    place[heap[0]] = -1
    size -= 1
    vertex, at = heap[size], 0
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and distance[heap[below + 1]] < distance[heap[below]]:
            below += 1
        if distance[heap[below]] >= distance[vertex]:
            break
        heap[at] = heap[below]
        place[heap[at]] = at
        at = below
    if size > 0:
        heap[at], place[vertex] = vertex, at
    return size

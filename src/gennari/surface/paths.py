"""One shortest path along a surface, for drawing: where it crosses each edge."""

from dataclasses import dataclass

import numpy as np
import potpourri3d as pp3d
from jaxtyping import Float, Int
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from gennari.records import TriangleMesh
from gennari.surface.mesh import adjacency, edges, pieces

_NEAR = 12
"""A point of an edge has an end of it among this many nearest vertices, unless edges differ in length enormously."""


@dataclass(frozen=True, kw_only=True)
class SurfacePath:
    """A path over a mesh, by the edges it crosses: the same numbers draw it on every surface with these faces.

    Attributes:
        ends: (n, 2) the two vertices of each edge; twice the same where the path meets a vertex.
        share: how far along the edge, 0 at the first vertex.
    """

    ends: Int[np.ndarray, "n 2"]
    share: Float[np.ndarray, "n"]

    def on(self, mesh: TriangleMesh) -> Float[np.ndarray, "n 3"]:
        """Its points on a mesh."""
        first, second = mesh.vertices_mm[self.ends[:, 0]], mesh.vertices_mm[self.ends[:, 1]]
        return first + self.share[:, None] * (second - first)


def geodesic_path(mesh: TriangleMesh, first: int, last: int) -> SurfacePath:
    """A geodesic between two vertices, by edge flips (Sharp and Crane 2020).

    It is straight on the surface and nowhere longer than the path along edges it starts from; no shorter one lies
    beside it, but one on another side of a fold might. On a mesh that is no manifold it follows edges.

    Args:
        mesh: the surface.
        first: vertex it starts from.
        last: vertex it ends at.

    Raises:
        ValueError: the vertices lie on different pieces of the surface.
    """
    piece = pieces(mesh)
    if piece[first] != piece[last]:
        raise ValueError(f"a path must lie on one piece of surface; vertices {first} and {last} do not")
    if first == last:
        return SurfacePath(ends=np.array([[first, first]]), share=np.zeros(1))
    try:
        solver = pp3d.EdgeFlipGeodesicSolver(mesh.vertices_mm.astype(float), mesh.faces)
        points = solver.find_geodesic_path(first, last)
    except RuntimeError:  # the mesh is no manifold, says the library: it has nothing to flip there
        along = _along_edges(mesh, first, last)
        return SurfacePath(ends=np.column_stack([along, along]), share=np.zeros(len(along)))
    return _on_edges(mesh, points)


def _along_edges(mesh: TriangleMesh, first: int, last: int) -> np.ndarray:
    _, before = dijkstra(adjacency(mesh), indices=first, return_predecessors=True)
    path = [last]
    while path[-1] != first:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1])


def _on_edges(mesh: TriangleMesh, points: np.ndarray) -> SurfacePath:
    """The edge nearest to each point: the library gives positions, and a path crosses edges only."""
    pairs = edges(mesh)
    order = np.argsort(pairs.ravel(), kind="stable")  # edges around each vertex
    starts = np.searchsorted(pairs.ravel()[order], np.arange(len(mesh.vertices_mm) + 1))
    near = np.asarray(KDTree(mesh.vertices_mm).query(points, k=min(_NEAR, len(mesh.vertices_mm)))[1])
    ends, share = np.empty((len(points), 2), int), np.empty(len(points))
    for i, point in enumerate(points):
        candidates = np.unique(np.concatenate([order[starts[v] : starts[v + 1]] // 2 for v in near[i]]))
        a, b = mesh.vertices_mm[pairs[candidates].T].astype(float)
        side = b - a
        length = np.maximum((side**2).sum(axis=1), 1e-30)
        t = np.clip(((point - a) * side).sum(axis=1) / length, 0, 1)
        best = int(np.linalg.norm(a + t[:, None] * side - point, axis=1).argmin())
        ends[i], share[i] = pairs[candidates[best]], t[best]
    return SurfacePath(ends=ends, share=share)
